"""Makes batches for masked language modelling as BERT does it: some words hidden in each."""

from hashlib import sha256
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ..data.examples import SHOWN_WIDTH, group_rows
from ..data.splitting import say_equal, take_whole
from ..devices.shards import WHOLE, Shard
from ..errors import UserError
from ..names import display_name
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.token_budget import TokenBudget, endless, in_order
from .data import Texts
from .settings import PretrainingSettings

VALIDATION_SHARE = 0.05  # of the stretches of text, to tell the best epoch by
LARGEST_VALIDATION = 2000  # stretches
WHOLE_TEXT = 2**31 - 1  # tokens: longer than any text
BEHIND_MASK = 0.8  # share of the hidden tokens that [MASK] replaces
BEHIND_ANOTHER = 0.1  # share that a random token replaces; the rest stays as it is


def split_stretches(
    texts: Texts, tokenizer: WordPieceTokenizer, settings: PretrainingSettings
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Cuts texts into stretches that fit the model: those to learn from, and to validate on.

    Stretches that are equal, but for case, stay together.

    Raises:
        UserError: If there are fewer than two.
    """
    whole = tokenizer.encode_all(texts.texts, WHOLE_TEXT)[:, 1:-1]
    token_ids = cut(whole, settings.max_sequence_length - 2)
    stretches = tokenizer.enclose(token_ids, settings.max_sequence_length)
    groups = _distinct(stretches, tokenizer, ", ".join(texts.sources))
    groups = [groups[i] for i in np.random.default_rng(settings.seed).permutation(len(groups))]
    share = max(1, round(VALIDATION_SHARE * int(stretches.nrows())))
    held_out = take_whole(groups[:-1], min(LARGEST_VALIDATION, share))
    known = set(held_out)
    learned = [row for group in groups for row in group if row not in known]
    return tf.gather(stretches, learned), tf.gather(stretches, held_out)


def _distinct(stretches: tf.RaggedTensor, tokenizer, source: str) -> list[list[int]]:
    """Returns the rows of each distinct stretch, at least two, and says if some are equal."""
    groups = group_rows(_digests(stretches, tokenizer))

    def show(row: int) -> str:
        pieces = (tokenizer.vocabulary[token_id] for token_id in stretches[row][1:-1].numpy())
        return repr(display_name(" ".join(pieces), SHOWN_WIDTH))

    say_equal(source, "stretches of text", groups, show)
    if len(groups) < 2:
        raise UserError(
            f"{source}: there must be at least two texts, one to learn from and one to validate "
            f"on. Received: {len(groups)}, counting equal ones once."
        )
    return groups


def _digests(stretches: tf.RaggedTensor, tokenizer) -> list[bytes]:
    """Returns a digest of each stretch (number of stretches, None), the same in either case."""
    folded = [piece.casefold() for piece in tokenizer.vocabulary]
    same_ids = np.unique(folded, return_inverse=True)[1]
    values = same_ids[stretches.flat_values.numpy()]
    ends = stretches.row_splits.numpy()
    return [sha256(values[start:end]).digest() for start, end in pairwise(ends)]


def training_batches(
    plan: TokenBudget,
    token_ids: tf.RaggedTensor,
    tokenizer,
    masked_share: float,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns the endless stream of batches to pre-train on, as (inputs, targets, weights).

    The texts (number of texts, None) are encoded. A `masked_share` of their words, in (0, 1), is
    hidden, others each time, as the plan's seed and the step decide. Steps are counted from 0.
    """
    return endless(plan, first_step, _hiding(plan, token_ids, tokenizer, masked_share, shard))


def validation_batches(
    plan: TokenBudget,
    token_ids: tf.RaggedTensor,
    tokenizer,
    masked_share: float,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns one pass over all texts in the form of `training_batches`, masks always the same."""
    hide = _hiding(plan, token_ids, tokenizer, masked_share, shard)
    # Below 0: no step of training has it.
    return in_order(plan, lambda number, *batch: hide(-1 - number, *batch))


def _hiding(plan: TokenBudget, token_ids: tf.RaggedTensor, tokenizer, masked_share, shard: Shard):
    """Makes what hides words of the texts of a batch, by its number and the plan's seed."""

    def hide(number, length, indices):
        whole = tf.gather(token_ids, indices)
        seed = tf.stack([plan.seed, number])
        hidden, is_masked = hide_words(whole, seed, tokenizer, masked_share)
        rows = shard.rows(whole.nrows())
        own, hidden, is_masked = whole[rows], hidden[rows], is_masked[rows]
        positions, is_real = masked_positions(is_masked)
        inputs = {**tokenizer.pack(hidden, length), "masked_positions": positions}
        flat_targets = tf.boolean_mask(own.flat_values, is_masked.flat_values)
        row_ids = tf.boolean_mask(own.value_rowids(), is_masked.flat_values)
        targets = tf.RaggedTensor.from_value_rowids(flat_targets, row_ids, own.nrows())
        return inputs, targets.to_tensor(), tf.cast(is_real, tf.float32)

    return hide


def hide_words(
    token_ids: tf.RaggedTensor, seed: tf.Tensor, tokenizer, masked_share: float
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Hides whole words: all the pieces of a word, or none.

    Each word is hidden with probability `masked_share`, and in every text at least one is. Each
    piece of it becomes [MASK] with probability 0.8, a random token with 0.1, and stays with 0.1. A
    Chinese character that the tokenizer sets apart is a word.

    Returns:
        The token ids with some hidden, and True where they are, both (B, None).

    References:
        Devlin et al., "BERT", appendix A.1, https://arxiv.org/abs/1810.04805; google-research/bert,
        README.md, "Whole Word Masking"
    """
    flat, row_ids = token_ids.flat_values, token_ids.value_rowids()
    seeds = tf.unstack(tf.random.split(seed, 3))
    is_special = (flat == tokenizer.start_id) | (flat == tokenizer.end_id)
    words = tf.cumsum(tf.cast(~tf.gather(tokenizer.is_continuation, flat), tf.int32)) - 1
    draw = tf.gather(tf.random.stateless_uniform(tf.shape(flat), seeds[0]), words)
    draw = tf.where(is_special, 2.0, draw)  # above any probability
    least = tf.math.unsorted_segment_min(draw, row_ids, tf.cast(token_ids.nrows(), tf.int32))
    is_masked = ~is_special & ((draw < masked_share) | (draw == tf.gather(least, row_ids)))

    fate = tf.random.stateless_uniform(tf.shape(flat), seeds[1])
    vocabulary_size = len(tokenizer.vocabulary)
    another = tf.random.stateless_uniform(tf.shape(flat), seeds[2], 0, vocabulary_size, tf.int32)
    replaced = tf.where(fate < BEHIND_MASK + BEHIND_ANOTHER, another, flat)
    replaced = tf.where(fate < BEHIND_MASK, tokenizer.mask_id, replaced)
    hidden = tf.where(is_masked, replaced, flat)
    return token_ids.with_flat_values(hidden), token_ids.with_flat_values(is_masked)


def masked_positions(is_masked: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the masks: positions (B, M), padded with 0, and True at the real ones."""
    columns = tf.ragged.range(is_masked.row_lengths()).flat_values
    row_ids = tf.boolean_mask(is_masked.value_rowids(), is_masked.flat_values)
    columns = tf.boolean_mask(columns, is_masked.flat_values)
    positions = tf.RaggedTensor.from_value_rowids(columns, row_ids, is_masked.nrows())
    return tf.cast(positions.to_tensor(), tf.int32), tf.sequence_mask(positions.row_lengths())


def cut(token_ids: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
    """Cuts texts (number of texts, None) into stretches of at most so many tokens."""
    rows = (row for row in token_ids.numpy() if len(row))
    stretches = [
        row[start : start + length] for row in rows for start in range(0, len(row), length)
    ]
    lengths = np.array([len(stretch) for stretch in stretches])
    values = np.concatenate(stretches) if stretches else np.zeros(0, np.int32)
    return tf.RaggedTensor.from_row_lengths(tf.constant(values, tf.int32), lengths)
