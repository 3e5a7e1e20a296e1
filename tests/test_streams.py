"""Streams of batches to train on: they may begin anywhere, and their shares make the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from image_files import encode, picture
from regard import LabelledImages
from regard.recipes.devices.shards import Shard
from regard.recipes.images.augmentation import Augmentation
from regard.recipes.images.batches import ordered_batches as ordered_images
from regard.recipes.images.batches import training_batches as image_batches
from regard.recipes.images.preprocessing import ImagePreprocessing
from regard.recipes.images.targets import Targets
from regard.recipes.pretraining.batches import training_batches as masked_batches
from regard.recipes.text.batches import ordered_batches, training_batches
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.training.token_budget import TokenBudget
from regard.recipes.translation.batches import ordered_batches as ordered_pairs
from regard.recipes.translation.batches import training_batches as pair_batches

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"])
RANDOM = np.random.default_rng(0)
TEXTS = [
    "".join(f" {letter}" for letter in RANDOM.choice([*"abcdefghij"], n)) for n in range(1, 30)
]
IDS = TOKENIZER.encode_all(TEXTS, 64)
PLAN = TokenBudget(IDS.row_lengths().numpy(), 64, seed=5)
PAIRS = [RANDOM.integers(4, 90, n).tolist() for n in range(2, 33)], [[7] * 4] * 31
IMAGES = LabelledImages(
    "pictures",
    [str(number) for number in range(23)],
    ["a"] * 23,
    [""] * 23,
    contents=[encode(picture(12, 12, seed=number)) for number in range(23)],
)
PREPROCESSING = ImagePreprocessing.for_shape(12, 12)


def texts(**which):
    weights = tf.range(29, dtype=tf.float32)

    def targets_of(indices):
        return indices, tf.gather(weights, indices)

    return training_batches(PLAN, IDS, targets_of, TOKENIZER, token_dropout=0.3, **which)


def masked(**which):
    return masked_batches(PLAN, IDS, TOKENIZER, 0.3, **which)


def pairs(**which):
    def encode(epoch):  # other batches in every epoch, as with subword dropout
        return [[row[: 20 + epoch] for row in side] for side in PAIRS]

    return pair_batches(encode, 64, 3, 0, **which)


def images(strength="light", **which):
    augmentation = Augmentation(strength, True, 12, 12, seed=2)
    targets = Targets(np.arange(46, dtype="float32").reshape(23, 2))
    return image_batches(IMAGES, targets, PREPROCESSING, augmentation, 5, **which)


def strong_images(**which):
    return images("strong", **which)


@pytest.mark.parametrize(
    "stream", [texts, masked, pairs, images, pytest.param(strong_images, marks=pytest.mark.slow)]
)
def test_a_stream_begins_anywhere(stream):
    whole = list(stream().take(45))
    for first_step in (1, 20, 33):
        for expected, found in zip(whole[first_step:], stream(first_step=first_step), strict=False):
            keras.tree.map_structure(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("stream", [texts, masked, pairs, images])
@pytest.mark.parametrize("count", [2, 3])
def test_shares_make_the_whole(stream, count):
    shares = [iter(stream(shard=Shard(index, count))) for index in range(count)]
    for expected in stream().take(30):
        found = [next(share) for share in shares]
        keras.tree.map_structure(together, expected, *found)


def together(whole, *parts):
    """Parts may be padded to less than the whole; what is left out is padding."""
    sizes = [len(part) for part in parts]
    assert sum(sizes) == len(whole) and max(sizes) - min(sizes) <= 1
    start = 0
    for part in filter(len, parts):
        part, rows = np.asarray(part), np.asarray(whole)[start : start + len(part)]
        start += len(part)
        own = tuple(slice(0, length) for length in part.shape)
        np.testing.assert_array_equal(part, rows[own])
        assert rows.sum() == pytest.approx(rows[own].sum())


def test_shares_of_what_is_validated_make_the_whole():
    def rows(stream):
        return [len(keras.tree.flatten(batch)[0]) for batch in stream]

    def streams(share):
        yield ordered_batches(PLAN, IDS, TOKENIZER, share)
        yield ordered_pairs(PAIRS, 64, 0, share)
        yield ordered_images(IMAGES, PREPROCESSING, np.zeros((23, 2)), share)

    two = zip(streams(Shard(0, 2)), streams(Shard(1, 2)), strict=True)
    for whole, (first, second) in zip(streams(Shard()), two, strict=True):
        found = [a + b for a, b in zip(rows(first), rows(second), strict=True)]
        assert found == rows(whole)


def test_a_share_with_no_rows():
    share = Shard(1, 3).rows(1)
    assert [len(np.arange(1)[Shard(index, 3).rows(1)]) for index in range(3)].count(1) == 1
    inputs, targets, weights = next(iter(pairs(shard=Shard(0, 40))))
    assert inputs["encoder_token_ids"].shape[0] in (0, 1) and share.start in (0, 1)
    assert targets.shape[0] == weights.shape[0] == inputs["decoder_token_ids"].shape[0]


def test_rows_of_tensors_are_those_of_numbers():
    for count in range(9):
        rows = Shard(1, 4).rows(tf.constant(count))
        assert list(range(count))[Shard(1, 4).rows(count)] == tf.range(count)[rows].numpy().tolist()
