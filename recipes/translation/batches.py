"""Makes batches of parallel text, of about as many tokens each, sorted by length."""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from ..devices.shards import WHOLE, Shard
from ..errors import UserError
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from ..training.token_budget import read_ahead
from .data import ParallelTexts
from .settings import TranslationSettings

logger = logging.getLogger("regard")

Pairs = tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]  # token ids of sources, of targets

_INPUTS = {
    "encoder_token_ids": tf.TensorSpec([None, None], tf.int32),
    "encoder_padding_mask": tf.TensorSpec([None, None], tf.bool),
    "decoder_token_ids": tf.TensorSpec([None, None], tf.int32),
}
_TARGETS = tf.TensorSpec([None, None], tf.int32)
_WEIGHTS = tf.TensorSpec([None, None], tf.float32)
BATCH = (_INPUTS, _TARGETS, _WEIGHTS)


def cut_batches(pairs: Pairs, batch_tokens: int, order: np.ndarray) -> list[np.ndarray]:
    """Cuts pairs, sorted by length, into batches of at most so many tokens.

    A batch counts the longer of its two sides, padding included, as is the custom. A pair that is
    longer than `batch_tokens` is a batch of its own; pairs of equal lengths stay in `order`.

    Returns:
        Arrays of indices into the pairs, the shortest pairs first.
    """
    lengths = np.array([[len(row) for row in side] for side in pairs])[:, order]
    sorting = np.lexsort(lengths)  # by the target's length, then by the source's
    longest = lengths.max(axis=0)[sorting]
    batches, start, width = [], 0, 0
    for end, length in enumerate(longest):
        width = max(width, length)
        if end > start and width * (end + 1 - start) > batch_tokens:
            batches.append(order[sorting[start:end]])
            start, width = end, length
    return [*batches, order[sorting[start:]]]


def encoder_of_epochs(
    data: ParallelTexts, tokenizer: SentencePieceTokenizer, settings: TranslationSettings
) -> Callable[[int], Pairs]:
    """Makes a function from an epoch, counted from 0, to the token ids of pairs as it cuts them up.

    Raises:
        UserError: If a text is too long, and the settings refuse such.
    """
    plain = encode_whole(data, tokenizer, settings)

    def encode(epoch: int) -> Pairs:
        seed = settings.seed + 1_000_003 * epoch
        length, dropout = settings.max_sequence_length, settings.subword_dropout
        return tokenizer.encode_pairs(data.sources, data.targets, length, dropout, seed)

    return encode if settings.subword_dropout else lambda epoch: plain


def encode_whole(data: ParallelTexts, tokenizer, settings: TranslationSettings) -> Pairs:
    """Encodes all pairs; what is longer than the model reads is cut, or refused.

    Raises:
        UserError: If a text is too long, and the settings refuse such.
    """
    longest = settings.max_sequence_length
    sides = tokenizer.encode_sources(data.sources), tokenizer.encode_targets(data.targets)
    too_long = [
        (text, len(row))
        for texts, rows in zip((data.sources, data.targets), sides, strict=True)
        for text, row in zip(texts, rows, strict=True)
        if len(row) > longest
    ]
    if too_long and settings.long_texts == "refuse":
        text, length = too_long[0]
        raise UserError(
            f"{data.source}: every text must have at most {longest} tokens "
            f"(--max-sequence-length). Received: {len(too_long)} longer ones, the first of "
            f"{length}: {text:.60}… Leave them out, or pass --long-texts cut."
        )
    if too_long:
        message = "%s: texts longer than %d tokens (--max-sequence-length), cut there: %d"
        logger.warning(message, data.source, longest, len(too_long))
    return tuple(tokenizer.cut(rows, longest) for rows in sides)


def training_batches(
    encode: Callable[[int], Pairs],
    batch_tokens: int,
    seed: int,
    pad_id: int,
    first_step: int = 0,
    shard: Shard = WHOLE,
    start_id: int | None = None,
) -> tf.data.Dataset:
    """Returns the endless stream of batches to train on, as (inputs, targets, weights).

    Each epoch, counted from 0, encodes the pairs anew, shuffles those of equal lengths, and
    shuffles the batches: a pure function of the seed and the epoch. Inputs are a `Translator`'s,
    targets are (B, T), and weights (B, T) are 1 at real tokens. A target is read after `start_id`,
    by default `pad_id`. Steps are counted from 0.
    """

    def batches() -> Iterator:
        epoch, skipped = 0, first_step
        while True:
            pairs, random = encode(epoch), np.random.default_rng([seed, epoch])
            cut = cut_batches(pairs, batch_tokens, random.permutation(len(pairs[0])))
            for index in random.permutation(len(cut))[skipped:]:
                yield pack(pairs, cut[index], pad_id, shard, start_id)
            epoch, skipped = epoch + 1, max(0, skipped - len(cut))

    return _dataset(batches, tf.data.INFINITE_CARDINALITY)


def ordered_batches(
    pairs: Pairs,
    batch_tokens: int,
    pad_id: int,
    shard: Shard = WHOLE,
    start_id: int | None = None,
) -> tf.data.Dataset:
    """Returns one pass over all pairs, the shortest first, in the form of `training_batches`."""
    cut = cut_in_order(pairs, batch_tokens)

    def batches() -> Iterator:
        return (pack(pairs, batch, pad_id, shard, start_id) for batch in cut)

    return _dataset(batches, len(cut))


def cut_in_order(pairs: Pairs, batch_tokens: int) -> list[np.ndarray]:
    """Cuts all pairs as `cut_batches` does, those of equal lengths in their order."""
    return cut_batches(pairs, batch_tokens, np.arange(len(pairs[0])))


def pack(
    pairs: Pairs,
    batch: np.ndarray,
    pad_id: int,
    shard: Shard = WHOLE,
    start_id: int | None = None,
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Returns inputs, targets and weights of some pairs, or of a shard of them, as NumPy arrays."""
    batch = batch[shard.rows(len(batch))]
    sources, targets = ([side[index] for index in batch] for side in pairs)
    encoder_token_ids = pad(sources, pad_id)  # (B, S)
    target_ids = pad(targets, pad_id)  # (B, T)
    starts = np.full((len(batch), 1), pad_id if start_id is None else start_id, "int32")
    inputs = {
        "encoder_token_ids": encoder_token_ids,
        "encoder_padding_mask": _is_real(sources),
        "decoder_token_ids": np.concatenate([starts, target_ids[:, :-1]], axis=1),  # (B, T)
    }
    return inputs, target_ids, _is_real(targets).astype("float32")


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> np.ndarray:
    """Pads rows of token ids at the end, as one array: int32, (B, longest)."""
    padded = np.full((len(rows), max(map(len, rows), default=1)), pad_id, "int32")
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


def _is_real(rows: Sequence[Sequence[int]]) -> np.ndarray:
    lengths = np.array([len(row) for row in rows])
    return np.arange(lengths.max(initial=1)) < lengths[:, None]


def _dataset(batches: Callable[[], Iterator], num_batches: int) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_generator(batches, output_signature=BATCH)
    return read_ahead(dataset, num_batches)
