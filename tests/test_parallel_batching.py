from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.translation.batches import (
    cut_batches,
    ordered_batches,
    pack,
    pad,
    training_batches,
)

PAD = 99


def make_pairs(count=300, longest=60, seed=0):
    """Rows that can be told apart: each begins with its number."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, longest, size=(2, count))
    return tuple([[row, *[7] * (length - 1)] for row, length in enumerate(s)] for s in lengths)


PAIRS = make_pairs()


def size(pairs, batch):
    """Tokens of a batch: of the longer of its sides, padding included."""
    return len(batch) * max(len(side[index]) for side in pairs for index in batch)


def in_order(pairs, batch_tokens):
    return cut_batches(pairs, batch_tokens, np.arange(len(pairs[0])))


def drawn(dataset, num_batches):
    """Which pairs are in each batch of a dataset."""
    numbers = []
    for inputs, targets, _ in dataset.take(num_batches):
        assert inputs["encoder_token_ids"][:, 0].numpy().tolist() == targets[:, 0].numpy().tolist()
        numbers.append(tuple(targets[:, 0].numpy().tolist()))
    return numbers


@pytest.mark.parametrize("batch_tokens", [1, 50, 256, 4096, 10**6])
def test_every_pair_is_in_one_batch(batch_tokens):
    batches = in_order(PAIRS, batch_tokens)
    assert sorted(np.concatenate(batches)) == list(range(300))
    assert all(len(batch) for batch in batches)


def test_batches_keep_the_budget_and_use_it():
    batches = in_order(PAIRS, 256)
    assert max(size(PAIRS, batch) for batch in batches) <= 256
    for batch, after in pairwise(batches):
        assert size(PAIRS, [*batch, after[0]]) > 256


def test_batches_by_hand():
    """Lengths of sources and targets; by the target first, the longer one counts."""
    lengths = [(2, 3), (5, 2), (1, 2), (4, 4), (3, 3)]
    pairs = tuple([[7] * length for length in side] for side in zip(*lengths, strict=True))
    cut = cut_batches(pairs, 10, np.array([4, 3, 2, 1, 0]))
    assert [batch.tolist() for batch in cut] == [[2, 1], [0, 4], [3]]
    cut = cut_batches(pairs, 5, np.arange(5))
    assert [batch.tolist() for batch in cut] == [[2], [1], [0], [4], [3]]
    assert len(cut_batches(pairs, 25, np.arange(5))) == 1


def test_a_pair_over_the_budget_is_a_batch_of_its_own():
    lengths = [(3, 3), (40, 3), (3, 40), (3, 3), (3, 3)]
    pairs = tuple([[7] * length for length in side] for side in zip(*lengths, strict=True))
    assert sorted(batch.tolist() for batch in in_order(pairs, 12)) == [[0, 3, 4], [1], [2]]


def test_pairs_of_equal_lengths_stay_in_the_order_given():
    pairs = ([[7, 7]] * 6, [[7]] * 6)
    order = np.array([3, 0, 5, 1, 4, 2])
    cut = cut_batches(pairs, 4, order)
    assert [batch.tolist() for batch in cut] == [[3, 0], [5, 1], [4, 2]]


def test_pack_by_hand():
    pairs = ([[5, 6, 0], [7, 0], [9, 9, 9, 9]], [[8, 0], [3, 4, 5, 0], [1]])
    inputs, targets, weights = pack(pairs, np.array([1, 0]), PAD)
    assert inputs["encoder_token_ids"].tolist() == [[7, 0, PAD], [5, 6, 0]]
    assert inputs["encoder_padding_mask"].tolist() == [[True, True, False], [True] * 3]
    assert inputs["decoder_token_ids"].tolist() == [[PAD, 3, 4, 5], [PAD, 8, 0, PAD]]
    assert targets.tolist() == [[3, 4, 5, 0], [8, 0, PAD, PAD]]
    assert weights.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert (targets.dtype, weights.dtype) == ("int32", "float32")


def test_a_token_that_looks_like_padding_is_real():
    """What is real follows from the lengths, not from the ids."""
    inputs, _, weights = pack(([[PAD, 0], [1]], [[PAD], [PAD, 0]]), np.array([0, 1]), PAD)
    assert inputs["encoder_padding_mask"].tolist() == [[True, True], [True, False]]
    assert weights.tolist() == [[1, 0], [1, 1]]


def test_pad_by_hand():
    assert pad([[1], [2, 3, 4], []], PAD).tolist() == [[1, PAD, PAD], [2, 3, 4], [PAD] * 3]


def test_every_pair_is_in_each_epoch_once():
    num_batches = len(in_order(PAIRS, 256))
    batches = drawn(training_batches(lambda epoch: PAIRS, 256, 3, PAD), 3 * num_batches)
    epochs = [batches[i : i + num_batches] for i in range(0, len(batches), num_batches)]
    for epoch in epochs:
        assert sorted(sum(epoch, ())) == list(range(300))
        assert max(size(PAIRS, batch) for batch in epoch) <= 256


def test_order_depends_on_seed_and_epoch_alone():
    num_batches = len(in_order(PAIRS, 256))

    def epochs(seed):
        batches = drawn(training_batches(lambda epoch: PAIRS, 256, seed, PAD), 2 * num_batches)
        return batches[:num_batches], batches[num_batches:]

    first, second = epochs(seed=1)
    assert epochs(seed=1) == (first, second)
    assert epochs(seed=2)[0] != first
    assert first != second
    assert {*map(frozenset, first)} != {*map(frozenset, second)}  # not the order of batches alone


def test_every_epoch_is_encoded_anew():
    asked = []

    def encode(epoch):
        asked.append(epoch)
        return [[[epoch, 7]] * 4] * 2

    dataset = training_batches(encode, 4, 0, PAD)
    seen = [inputs["encoder_token_ids"].numpy().tolist() for inputs, _, _ in dataset.take(6)]
    assert seen == [[[epoch, 7]] * 2 for epoch in (0, 0, 1, 1, 2, 2)]
    assert asked[:3] == [0, 1, 2]


def test_a_new_encoding_may_need_another_number_of_batches():
    def encode(epoch):
        return [[[row, *[7] * (epoch + 1)] for row in range(4)]] * 2

    dataset = training_batches(encode, 8, 0, PAD)
    assert [len(batch) for batch in drawn(dataset, 7)] == [4, 2, 2, 2, 2, 1, 1]


def test_ordered_batches_cover_everything_the_shortest_first():
    dataset = ordered_batches(PAIRS, 256, PAD)
    cut = in_order(PAIRS, 256)
    assert dataset.cardinality() == len(cut)
    for _ in range(2):
        assert drawn(dataset, -1) == [tuple(batch.tolist()) for batch in cut]
    widths = [targets.shape[1] for _, targets, _ in dataset]
    assert widths == sorted(widths)
    weights = sum(float(tf.reduce_sum(weights)) for _, _, weights in dataset)
    assert weights == sum(map(len, PAIRS[1]))


def test_training_has_no_end_and_no_tuner_to_wait_for():
    endless = training_batches(lambda epoch: PAIRS, 256, 0, PAD)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    for dataset in (endless, ordered_batches(PAIRS, 256, PAD)):
        assert dataset.options().autotune.enabled is False
