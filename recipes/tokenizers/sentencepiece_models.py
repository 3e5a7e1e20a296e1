"""Learns, changes, opens and runs SentencePiece models, which are bytes."""

import hashlib
from collections.abc import Sequence
from io import BytesIO

import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2
from tensorflow_text.python.ops.sentencepiece_tokenizer import (
    gen_sentencepiece_tokenizer as text_ops,
)

from ..errors import UserError

LONGEST_TO_LEARN_FROM = 2**20  # bytes of a text; longer ones are passed over


def learn_pieces(texts: Sequence[str], vocabulary_size: int) -> bytes:
    """Learns byte-pair encoding and returns the model, serialized.

    Raises:
        UserError: If the texts have more characters than `vocabulary_size`.
    """
    written = BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type="bpe",
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=LONGEST_TO_LEARN_FROM,
            eos_id=0,  # these as in Marian
            unk_id=1,
            bos_id=-1,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise UserError(
            "`vocabulary_size` must be larger than the number of different characters, for each "
            f"has a piece. Received: vocabulary_size={vocabulary_size + 1}, "
            f"{len(set().union(*texts))} characters ({error})"
        ) from error
    return written.getvalue()


def with_normalization(model: bytes) -> bytes:
    """Makes a SentencePiece model normalize the texts that it reads, as Marian's do."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    normalizer = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc")
    rules = sentencepiece_model_pb2.ModelProto.FromString(normalizer.serialized_model_proto())
    proto.normalizer_spec.CopyFrom(rules.normalizer_spec)
    return proto.SerializeToString()


def open_model(model: bytes) -> sentencepiece.SentencePieceProcessor:
    """Opens a serialized SentencePiece model.

    Raises:
        ValueError: If it is not one.
    """
    try:
        if not model:
            raise RuntimeError("it is empty")
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise ValueError(f"a SentencePiece model cannot be read ({error})") from error


class GraphModel(tf.saved_model.experimental.TrackableResource):
    """Runs a serialized SentencePiece model in a graph.

    TensorFlow Text keeps its models in a cache of kernels, which a new random seed clears. This one
    has a name of its own, and so is kept outside of that cache.
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
