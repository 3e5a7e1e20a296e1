"""Runs a SentencePiece model in the TensorFlow graph."""

import hashlib

import tensorflow as tf
from tensorflow_text.python.ops.sentencepiece_tokenizer import (
    gen_sentencepiece_tokenizer as text_ops,
)


class GraphModel(tf.saved_model.experimental.TrackableResource):
    """Runs a SentencePiece model in a graph.

    TensorFlow Text keeps its models in a cache of kernels, which a new random seed clears. This one
    has a name of its own, and so is kept outside of that cache.

    Args:
        model: The model, serialized.
    """

    def __init__(self, model: bytes):
        super().__init__()
        self._model = model
        self._shared_name = hashlib.sha256(model).hexdigest()
        _ = self.resource_handle  # which makes it, outside of any graph

    def _create_resource(self):
        return text_ops.sentencepiece_op(model=self._model, shared_name=self._shared_name)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Cuts texts into pieces: strings (B,) to strings (B, None)."""
        values, splits = text_ops.sentencepiece_tokenize_op(
            self.resource_handle,
            texts,
            nbest_size=0,
            alpha=1.0,
            add_bos=False,
            add_eos=False,
            reverse=False,
            out_type=tf.string,
            return_nbest=False,
        )
        return tf.RaggedTensor.from_row_splits(values, splits, validate=False)
