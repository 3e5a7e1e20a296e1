import numpy as np
import pytest
from keras import ops

from regard.layers import causal_mask, combine_masks

B, N, T, S = 2, 3, 5, 7


def booleans(*shape, seed):
    return np.random.default_rng(seed).random(shape) > 0.4


def test_causal_mask_by_hand():
    assert ops.convert_to_numpy(causal_mask(3, 3)).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_causal_mask_aligns_the_last_query_with_the_last_key():
    assert ops.convert_to_numpy(causal_mask(2, 4)).tolist() == [
        [True, True, True, False],
        [True, True, True, True],
    ]


@pytest.mark.parametrize("shape", [(T, S), (B, T, S), (B, N, T, S)])
def test_all_kinds_combine_to_their_logical_and(shape):
    padding, attention = booleans(B, S, seed=1), booleans(*shape, seed=2)
    combined = ops.convert_to_numpy(combine_masks(T, S, padding, attention, causal=True))
    combined = np.broadcast_to(combined, (B, N, T, S))
    for b, n, t, s in np.ndindex(B, N, T, S):
        index = {2: (t, s), 3: (b, t, s), 4: (b, n, t, s)}[attention.ndim]
        expected = padding[b, s] and attention[index] and s <= t + S - T
        assert combined[b, n, t, s] == expected


def test_each_kind_alone():
    padding, attention = booleans(B, S, seed=1), booleans(T, S, seed=2)
    np.testing.assert_array_equal(combine_masks(T, S, padding)[:, 0, 0], padding)
    np.testing.assert_array_equal(combine_masks(T, S, attention_mask=attention), attention)
    np.testing.assert_array_equal(combine_masks(T, S, causal=True), causal_mask(T, S))
    assert combine_masks(T, S) is None


def test_masks_of_zeros_and_ones_mean_the_same():
    padding, attention = booleans(B, S, seed=1), booleans(B, T, S, seed=2)
    numbers = combine_masks(T, S, padding.astype("int32"), attention.astype("float32"))
    np.testing.assert_array_equal(numbers, combine_masks(T, S, padding, attention))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("padding_mask", (B, T, S)),
        ("padding_mask", (S,)),
        ("attention_mask", (S,)),
        ("attention_mask", (B, N, 1, T, S)),
    ],
)
def test_a_mask_of_another_rank_is_refused(name, shape):
    pattern = rf"`{name}` must have shape \(.*Received: shape=\({', '.join(map(str, shape))},?\)"
    with pytest.raises(ValueError, match=pattern):
        combine_masks(T, S, **{name: np.ones(shape, bool)})


def test_a_causal_mask_of_more_queries_than_keys_is_refused():
    for make in (causal_mask, lambda *lengths: combine_masks(*lengths, causal=True)):
        with pytest.raises(ValueError, match="Received: query_length=5, key_length=3"):
            make(5, 3)
