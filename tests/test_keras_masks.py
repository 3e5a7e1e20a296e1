"""The masks that Keras attaches to tensors: they count, and are handed on."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import floats
from regard.layers import (
    Decoder,
    Encoder,
    EncoderBlock,
    FirstTokenPooling,
    MaskedLMHead,
    MultiHeadAttention,
    PositionEmbedding,
)

B, T, S, V, D, N, F = 3, 5, 7, 11, 6, 2, 13
IDS = np.where(np.arange(T) < np.array([[5], [2], [3]]), 4, 0)  # (B, T), 0 = padding
MEMORY_IDS = np.where(np.arange(S) < np.array([[4], [7], [1]]), 3, 0)  # (B, S)
LAYERS = {
    "attention": lambda: MultiHeadAttention(N, 3),
    "block": lambda: EncoderBlock(N, F),
    "pre-norm block": lambda: EncoderBlock(N, F, normalize_first=True),
    "encoder": lambda: Encoder(2, N, F),
    "pre-norm encoder": lambda: Encoder(2, N, F, normalize_first=True),
}


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*mask")
        yield


def embed(ids, seed=0):
    """Vectors with a mask, and the same without one."""
    table = floats(V, D, seed=seed)
    masked = keras.layers.Embedding(V, D, mask_zero=True, weights=table)(ids)
    return masked, ops.convert_to_tensor(table[ids])


def mask_of(tensor):
    return ops.convert_to_numpy(tensor._keras_mask)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", LAYERS)
def test_a_mask_counts_as_padding_and_is_handed_on(name):
    layer, (masked, plain) = LAYERS[name](), embed(IDS)
    outputs = layer(masked)
    np.testing.assert_array_equal(numpy(outputs), numpy(layer(plain, padding_mask=IDS > 0)))
    assert np.abs(numpy(outputs) - numpy(layer(plain))).max() > 1e-3
    np.testing.assert_array_equal(mask_of(outputs), IDS > 0)


@pytest.mark.parametrize("name", LAYERS)
def test_it_counts_beside_the_masks_that_are_given(name):
    layer, (masked, plain) = LAYERS[name](), embed(IDS)
    given, attention_mask = np.arange(T)[None] != [[0], [1], [2]], np.tril(np.ones((T, T), bool))
    for masks in ({"padding_mask": given}, {"attention_mask": attention_mask}):
        padding_mask = (IDS > 0) & masks.get("padding_mask", True)
        expected = layer(plain, **{**masks, "padding_mask": padding_mask})
        np.testing.assert_array_equal(numpy(layer(masked, **masks)), numpy(expected))


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_position_alone_has_the_first_of_the_mask(name):
    layer, (masked, plain) = LAYERS[name](), embed(IDS)
    first = layer(masked, first_only=True)
    expected = layer(plain, padding_mask=IDS > 0, first_only=True)
    np.testing.assert_array_equal(numpy(first), numpy(expected))
    np.testing.assert_array_equal(mask_of(first), IDS[:, :1] > 0)
    np.testing.assert_array_equal(mask_of(layer(masked)), IDS > 0)


def test_cross_attention_heeds_the_masks_of_key_and_value():
    layer, (query, plain), (key, value) = MultiHeadAttention(N, 3), embed(IDS), embed(MEMORY_IDS, 1)
    expected = layer(plain, value, value, padding_mask=MEMORY_IDS > 0)
    for keys in ((key,), (key, value), (value, key)):
        np.testing.assert_array_equal(numpy(layer(query, *keys)), numpy(expected))
    np.testing.assert_array_equal(mask_of(layer(query, key)), IDS > 0)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_a_decoder_heeds_the_masks_of_both_sequences(normalize_first):
    decoder = Decoder(2, N, F, normalize_first=normalize_first)
    (inputs, plain), (memory, plain_memory) = embed(IDS[:, ::-1]), embed(MEMORY_IDS, 1)
    padding_mask = IDS[:, ::-1] > 0
    masks = {"padding_mask": padding_mask, "memory_padding_mask": MEMORY_IDS > 0}
    outputs, expected = numpy(decoder(inputs, memory)), numpy(decoder(plain, plain_memory, **masks))
    np.testing.assert_array_equal(outputs[padding_mask], expected[padding_mask])
    assert np.abs(outputs - numpy(decoder(plain, plain_memory)))[padding_mask].max() > 1e-3
    np.testing.assert_array_equal(mask_of(decoder(inputs, memory)), padding_mask)


def test_what_has_no_positions_has_no_mask():
    masked, _ = embed(IDS)
    for layer in (FirstTokenPooling(), PositionEmbedding(T)):
        assert getattr(layer(masked), "_keras_mask", None) is None


def test_a_model_trains_on_the_real_tokens_alone():
    """Keras leaves out of its loss what the mask on the outputs leaves out."""
    table = keras.layers.Embedding(V, D, mask_zero=True)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, MaskedLMHead(table)(Encoder(1, N, F)(table(ids))))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    other = np.where(IDS > 0, IDS, 9)  # other targets, of padding
    losses = [model.evaluate(IDS, targets, verbose=0) for targets in (IDS, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
