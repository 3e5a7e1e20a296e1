"""Learns, changes and opens SentencePiece models, which are bytes."""

from collections.abc import Sequence
from io import BytesIO

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

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
