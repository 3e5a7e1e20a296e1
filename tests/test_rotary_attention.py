import numpy as np
import pytest
from keras import ops

from layer_checks import (
    HE_NORMAL,
    check_arguments,
    check_behaviour,
    check_config,
    check_layer,
    floats,
)
from regard.layers import GridPositionBias, RotaryAttention
from regard.layers.grid_position_bias import distances_in, resize_distances
from regard.layers.rotary_attention import turns

B, N, H, D = 2, 3, 8, 24
GRID, K = (2, 3), 2
T = K + GRID[0] * GRID[1]
CONFIG = {
    "num_heads": N,
    "key_dim": H,
    "grid": list(GRID),
    "num_first": K,
    "theta": 10.0,
}


def test_angles_by_hand():
    cosines, sines = turns((1, 2), 1, 8, 100.0)
    np.testing.assert_array_equal(cosines[0], np.ones(4))  # what stands first is not turned
    # The one row is in the middle, 0; the columns are -1/2 and 1/2; frequencies are 1 and 1/10.
    angles = 2 * np.pi * np.array([0, 0, 0.5, 0.05])
    np.testing.assert_allclose(cosines[2], np.cos(angles), atol=1e-6)
    np.testing.assert_allclose(sines[1], -np.sin(angles), atol=1e-6)


def test_scores_of_patches_depend_on_how_far_apart_they_are():
    """One vector everywhere: only places differ, and two pairs as far apart score alike."""
    layer = RotaryAttention(N, H, GRID, K)
    x = np.tile(floats(1, 1, D), (1, T, 1))
    layer(x)
    queries, keys, _ = (np.array(each) for each in layer.project(x, None, None))
    scores = np.einsum("bnth,bnsh->bnts", queries, keys)[0, 0, K:, K:]
    np.testing.assert_allclose(scores[0, 1], scores[1, 2], rtol=1e-4)  # a column to the right
    np.testing.assert_allclose(scores[0, 3], scores[2, 5], rtol=1e-4)  # a row below
    assert abs(scores[0, 1] - scores[0, 2]) > 1e-3


def test_rotary_attention_conforms():
    check_arguments(RotaryAttention, CONFIG)
    check_config(RotaryAttention, CONFIG)
    others = {"dropout": 0.3, "use_bias": False, "kernel_initializer": HE_NORMAL}
    layer = RotaryAttention(**CONFIG, **others)
    check_behaviour(layer, {"query": floats(B, T, D)}, has_length=True)


def test_refuses_heads_that_have_no_quarters():
    with pytest.raises(ValueError, match="Received: key_dim=6"):
        RotaryAttention(N, 6, GRID)


def test_distances_by_hand():
    between = [[1, 0], [2, 1]]  # of two patches in a row
    indices = distances_in(1, 2)
    assert indices[0, 0] == 5
    assert set(indices[0, 1:]) == {3}
    assert set(indices[1:, 0]) == {4}
    np.testing.assert_array_equal(indices[1:, 1:], between)


def test_grid_position_bias_conforms():
    layer = GridPositionBias(GRID, N)
    layer.build()
    table = floats(*layer.embeddings.shape)
    layer.set_weights([table])
    bias = ops.convert_to_numpy(layer(floats(B, 7, D)))
    assert bias.shape == (N, 7, 7)
    np.testing.assert_allclose(bias[:, 1, 2], bias[:, 5, 6])  # a column to the right
    np.testing.assert_allclose(bias[:, 1, 4], bias[:, 3, 6])  # a row below
    assert np.abs(bias[:, 1, 2] - bias[:, 2, 1]).min() > 1e-3
    check_layer(GridPositionBias, {"grid": list(GRID), "num_heads": N}, {"inputs": floats(B, 7, D)})


def test_distances_of_the_same_grid_stay():
    table = floats((2 * 3 - 1) * (2 * 3 - 1) + 3, N)
    np.testing.assert_allclose(resize_distances(table, (3, 3), (3, 3)), table, atol=1e-6)
    wider = resize_distances(table, (3, 3), (5, 5))
    assert wider.shape == (81 + 3, N)
    np.testing.assert_array_equal(wider[-3:], table[-3:])
