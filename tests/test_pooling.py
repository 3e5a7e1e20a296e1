import keras
import numpy as np
import pytest

from layer_checks import HE_NORMAL, check_behaviour, check_layer, floats
from regard.layers import (
    AttentionPooling,
    AveragePooling,
    FirstTokenPooling,
    KernelPooling,
    PatchPooling,
    TokenTransform,
    TransformedAveragePooling,
    TwinHead,
)

B, T, D = 3, 5, 7
IS_REAL = np.arange(T) < np.array([[5], [2], [0]])  # (B, T), the last all padding


def test_by_hand():
    layer = FirstTokenPooling()
    x = np.array([[[1.0, 2.0], [9.0, 9.0]]])
    layer(x)
    layer.set_weights([np.array([[1.0, 0], [0, 0.5]]), np.array([0.0, -1])])
    np.testing.assert_allclose(layer(x), [[np.tanh(1.0), 0.0]], rtol=1e-6)


def test_against_numpy():
    layer, x = FirstTokenPooling(), floats(B, T, D)
    layer(x)
    kernel, bias = 0.3 * floats(D, D, seed=1), floats(D, seed=2)
    layer.set_weights([kernel, bias])
    np.testing.assert_allclose(layer(x), np.tanh(x[:, 0] @ kernel + bias), atol=1e-6)


def test_siblings_of_one_initializer_do_not_start_equal():
    initializer = keras.initializers.GlorotUniform()
    first, second = (FirstTokenPooling(initializer) for _ in range(2))
    first.build((B, T, D))
    second.build((B, T, D))
    assert np.abs(first.dense.kernel - second.dense.kernel).max() > 1e-3


def test_keeps_the_layer_checks():
    config = {
        "kernel_initializer": HE_NORMAL,
        "activation": "gelu",
        "dropout": 0.3,
        "use_bias": False,
        "layer_norm_epsilon": 1e-5,
    }
    check_layer(FirstTokenPooling, config, {"inputs": floats(B, T, D)})
    inputs = {"inputs": floats(B, T, D), "padding_mask": IS_REAL}
    check_behaviour(TransformedAveragePooling(**config), inputs)
    check_behaviour(TokenTransform(**config), {"inputs": floats(B, T, D)})


def test_the_mean_of_patches_beside_the_first_token():
    x = floats(B, T, D)
    pooled = np.array(PatchPooling(num_first=2, with_first=True)(x))
    np.testing.assert_allclose(pooled, np.c_[x[:, 0], x[:, 2:].mean(axis=1)], atol=1e-6)
    config = {"num_first": 2, "with_first": True}
    check_layer(PatchPooling, config, {"inputs": x})


def test_two_heads_answer_by_their_mean():
    x, layer = floats(B, 2 * D), TwinHead(num_classes=3)
    layer(x)
    kernels, biases = (floats(D, 3), floats(D, 3, seed=1)), (floats(3), floats(3, seed=2))
    layer.set_weights([kernels[0], biases[0], kernels[1], biases[1]])
    logits = [x[:, :D] @ kernels[0] + biases[0], x[:, D:] @ kernels[1] + biases[1]]
    np.testing.assert_allclose(layer(x), np.mean(logits, axis=0), atol=1e-5)
    check_layer(TwinHead, {"num_classes": 3}, {"inputs": x})


def test_a_transform_of_tokens_is_that_of_a_first_token_at_each():
    config, x = {"activation": "gelu", "layer_norm_epsilon": 0.1}, floats(B, T, D)
    layer, pooler = TokenTransform(**config), FirstTokenPooling(**config)
    outputs = np.array(layer(x))
    pooler.build(x.shape)
    pooler.set_weights(layer.get_weights())
    for place in range(T):
        np.testing.assert_allclose(outputs[:, place], pooler(x[:, place:]), atol=1e-6)


@pytest.mark.parametrize("pooling", [FirstTokenPooling, TransformedAveragePooling])
def test_a_normalization_comes_last(pooling):
    layer, x = pooling(activation="relu", use_bias=False, layer_norm_epsilon=0.1), floats(B, T, D)
    layer.build(x.shape)
    kernel, gamma = floats(D, D, seed=1), floats(D, seed=2)
    layer.set_weights([kernel, gamma])
    length = 4
    mask = np.arange(T) < np.full((B, 1), length)
    is_mean = pooling is TransformedAveragePooling
    masks, read = ({"padding_mask": mask}, x[:, :length].mean(1)) if is_mean else ({}, x[:, 0])
    hidden = np.maximum(read @ kernel, 0)
    centred = hidden - hidden.mean(-1, keepdims=True)
    expected = gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(layer(x, **masks), expected, atol=1e-5)


def softmax(scores, mask):
    """Of the last axis, where the mask is True; all alike where it is nowhere."""
    scores = np.where(mask.any(-1, keepdims=True), scores, 0)
    mask = mask | ~mask.any(-1, keepdims=True)
    scores = np.where(mask, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def masked(x, mask):
    """Vectors with a mask that Keras has attached."""
    ids = np.arange(mask.size).reshape(mask.shape) * mask
    table = np.concatenate([x.reshape(-1, x.shape[-1])])
    outputs = keras.layers.Embedding(len(table), x.shape[-1], mask_zero=True, weights=table)(ids)
    return outputs, table[ids]


def test_the_mean_by_hand():
    x = np.array([[[1.0, 2], [3, 6], [50, 50]]])
    np.testing.assert_allclose(AveragePooling()(x), [[18, 58 / 3]], rtol=1e-6)
    is_real = np.array([[True, True, False]])
    np.testing.assert_allclose(AveragePooling()(x, padding_mask=is_real), [[2, 4]], rtol=1e-6)


def test_the_mean_against_numpy():
    x = floats(B, T, D)
    expected = [x[0].mean(0), x[1, :2].mean(0), x[2].mean(0)]
    np.testing.assert_allclose(AveragePooling()(x, padding_mask=IS_REAL), expected, atol=1e-6)


def test_attention_by_hand():
    layer, x = AttentionPooling(), np.array([[[0.0], [0.5]]])
    layer(x)
    layer.query.assign([[np.log(3) / np.tanh(1)]])
    layer.dense.kernel.assign([[2.0]])  # u = tanh(0), tanh(1): the weights stand as 1 to 3
    np.testing.assert_allclose(layer.attention_weights(x), [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(layer(x), [[0.375]], rtol=1e-6)


def test_attention_against_numpy():
    layer, x = AttentionPooling(), floats(B, T, D)
    layer(x)
    kernel, bias, query = (floats(*shape, seed=1) for shape in ((D, D), (D,), (D, 1)))
    layer.dense.set_weights([kernel, bias])
    layer.query.assign(query)
    weights = softmax((np.tanh(x @ kernel + bias) @ query)[..., 0], IS_REAL)
    np.testing.assert_allclose(layer.attention_weights(x, IS_REAL), weights, atol=1e-6)
    outputs = layer(x, padding_mask=IS_REAL)
    np.testing.assert_allclose(outputs, np.einsum("bt,btd->bd", weights, x), atol=1e-5)


@pytest.mark.parametrize("pooling", [AveragePooling, AttentionPooling, KernelPooling])
def test_masks_of_keras_count_and_padding_does_not(pooling):
    layer, x, mask = pooling(), floats(B, T, D), IS_REAL.copy()
    mask[0, 0] = False  # the id 0 is padding
    tensor, plain = masked(x, mask)
    outputs = layer(tensor)
    np.testing.assert_array_equal(outputs, layer(plain, padding_mask=mask))
    assert getattr(outputs, "_keras_mask", None) is None
    wider = np.pad(x, ((0, 0), (0, 3), (0, 0)), constant_values=9.0)
    wider = layer(wider[:2], padding_mask=np.pad(IS_REAL, ((0, 0), (0, 3)))[:2])
    np.testing.assert_allclose(wider, layer(x, padding_mask=IS_REAL)[:2], atol=1e-6)
    assert np.isfinite(layer(x, padding_mask=IS_REAL)).all()


@pytest.mark.parametrize(
    ("pooling", "config"),
    [(AveragePooling, {}), (AttentionPooling, {"kernel_initializer": HE_NORMAL})],
)
def test_poolings_keep_the_layer_checks(pooling, config):
    check_layer(pooling, config, {"inputs": floats(B, T, D), "padding_mask": IS_REAL})
