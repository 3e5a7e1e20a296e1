"""Learns, changes, opens and runs SentencePiece models, which are bytes."""

import hashlib
import re
from collections.abc import Collection, Sequence
from io import BytesIO

import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2
from tensorflow_text.python.ops.sentencepiece_tokenizer import (
    gen_sentencepiece_tokenizer as text_ops,
)

from ..errors import UserError
from .spelling import BYTE_PIECES

LONGEST_TO_LEARN_FROM = 2**20  # bytes of a text; longer ones are passed over


_LEARNING = {
    "model_type": "bpe",
    "hard_vocab_limit": False,
    "character_coverage": 1.0,
    "split_digits": True,
    "normalization_rule_name": "identity",
    "max_sentence_length": LONGEST_TO_LEARN_FROM,
    **{"eos_id": 0, "unk_id": 1, "bos_id": -1, "pad_id": -1},  # as in Marian
    "num_threads": 1,
    "minloglevel": 2,
}


def learn_pieces(
    texts: Sequence[str], vocabulary_size: int, spelled: Collection[str] | None = None
) -> bytes:
    """Learns byte-pair encoding and returns the model, serialized.

    A digit is a piece by itself, so that a number never seen can be copied like any other. Unless
    `spelled` is None, each byte has a piece, and so the characters in it need none.

    Raises:
        UserError: If the texts have more characters than `vocabulary_size`.
    """
    written = BytesIO()
    if spelled:  # SentencePiece would leave out 2% of a text at most
        between = re.compile(f"[{re.escape(''.join(spelled))}]+")
        texts = [part for text in texts for part in between.split(text) if part]
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            vocab_size=vocabulary_size,
            byte_fallback=spelled is not None,
            **_LEARNING,
        )
    except RuntimeError as error:
        raise UserError(
            "`vocabulary_size` must be larger than the number of different characters, for each "
            f"has a piece; or at least {2 * len(BYTE_PIECES)}, for then rare ones are spelled in "
            f"bytes. Received: vocabulary_size={vocabulary_size + 1}, "
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

    TensorFlow Text's version puts unknown characters that are neighbours together one by one, which
    takes time quadratic in their number. So the model is made to give the bytes of what it does not
    know, and they are joined here.
    """

    def __init__(self, model: bytes):
        super().__init__()
        proto = sentencepiece_model_pb2.ModelProto.FromString(model)
        pieces = [each.piece for each in proto.pieces]
        if not all(isinstance(each, str) for each in pieces):  # what is no UTF-8 is bytes
            raise ValueError("a piece of a SentencePiece model must be UTF-8")
        self._parts_from = len(pieces)  # the ids of what is to be joined
        self._surfaces = None
        if not proto.trainer_spec.byte_fallback and {*pieces}.isdisjoint(BYTE_PIECES):
            self._surfaces = [each.encode() for each in pieces] + [bytes([b]) for b in range(256)]
            proto.trainer_spec.byte_fallback = True
            for piece in BYTE_PIECES:
                proto.pieces.add(piece=piece, score=0.0, type=proto.SentencePiece.BYTE)
        self._model = proto.SerializeToString()
        self._shared_name = hashlib.sha256(self._model).hexdigest()
        try:
            _ = self.resource_handle  # which makes it, outside of any graph
        except tf.errors.OpError as error:  # an older reader than `sentencepiece` itself
            raise ValueError("TensorFlow cannot read a SentencePiece model") from error

    def _create_resource(self):
        return text_ops.sentencepiece_op(model=self._model, shared_name=self._shared_name)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Cuts texts into pieces: strings (B,) to strings (B, None)."""
        if self._surfaces is None:
            return self._run(texts, tf.string)
        ids = self._run(texts, tf.int32)
        surfaces = ids.with_flat_values(tf.gather(self._surfaces, ids.flat_values))
        return join_neighbours(surfaces, ids.flat_values >= self._parts_from)

    def _run(self, texts: tf.Tensor, out_type: tf.DType) -> tf.RaggedTensor:
        values, splits = text_ops.sentencepiece_tokenize_op(
            self.resource_handle,
            texts,
            nbest_size=0,
            alpha=1.0,
            add_bos=False,
            add_eos=False,
            reverse=False,
            out_type=out_type,
            return_nbest=False,
        )
        return tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def join_neighbours(texts: tf.RaggedTensor, is_part: tf.Tensor) -> tf.RaggedTensor:
    """Joins texts of a row (B, None) that follow each other, where both are parts of something.

    Args:
        texts: (B, None), strings.
        is_part: (N,), booleans, for the flat values of the texts.
    """
    rows = texts.value_rowids()
    goes_on = is_part[1:] & is_part[:-1] & (rows[1:] == rows[:-1])
    is_first = tf.concat([tf.ones_like(is_part[:1]), ~goes_on], axis=0)
    numbers = tf.cumsum(tf.cast(is_first, tf.int32))
    count = tf.reduce_max(tf.concat([[0], numbers], axis=0))
    joined = tf.strings.unsorted_segment_join(texts.flat_values, numbers - 1, count)
    rows = tf.boolean_mask(rows, is_first)
    return tf.RaggedTensor.from_value_rowids(joined, rows, texts.nrows(), validate=False)
