import numpy as np
import pytest
from keras import ops

from layer_checks import check_layer, floats
from regard.layers import RecurrentDecoder

B, T, S, D, U, E = 3, 5, 7, 4, 11, 13  # E: width of the inputs
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])  # (B, S)


def make_decoder(**kwargs):
    """A decoder whose every weight is random."""
    decoder = RecurrentDecoder(D, U, **kwargs)
    decoder.build((B, T, E), (B, S, 2 * U))
    decoder.set_weights([0.5 * floats(*w.shape, seed=i) for i, w in enumerate(decoder.weights)])
    return decoder


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numbers(layer):
    return [ops.convert_to_numpy(weight) for weight in layer.weights]


def reference(inputs, memory, mask, decoder):
    """The paper's formulas, an example, a position and an annotation at a time."""
    (first, first_bias), (query, query_bias) = numbers(decoder.first_state), numbers(decoder.query)
    (key,), (score,) = numbers(decoder.key), numbers(decoder.score)
    kernel, recurrent, bias = numbers(decoder.cell)
    maxout, maxout_bias = numbers(decoder.maxout)
    outputs, weights = np.zeros((B, T, D)), np.zeros((B, T, S))
    for b in range(B):
        state = np.tanh(memory[b, 0, U:] @ first + first_bias)
        for t in range(T):
            hidden = [np.tanh(state @ query + query_bias + row @ key) for row in memory[b]]
            exponentials = np.exp([float(row @ score[:, 0]) for row in hidden]) * mask[b]
            weights[b, t] = exponentials / exponentials.sum()
            context = sum(weights[b, t, s] * memory[b, s] for s in range(S))
            read = np.concatenate([inputs[b, t], context])
            update, reset, new = np.split(read @ kernel + bias, 3)
            of_update, of_reset, of_new = np.split(recurrent, 3, axis=1)
            update, reset = sigmoid(update + state @ of_update), sigmoid(reset + state @ of_reset)
            new = np.tanh(new + (reset * state) @ of_new)
            state = update * state + (1 - update) * new
            pairs = np.concatenate([state, inputs[b, t], context]) @ maxout + maxout_bias
            outputs[b, t] = pairs.reshape(D, 2).max(axis=1)
    return outputs, weights


def test_is_the_papers():
    decoder, inputs, memory = make_decoder(), floats(B, T, E), floats(B, S, 2 * U, seed=8)
    outputs, weights = reference(inputs, memory, MEMORY_MASK, decoder)
    found = decoder(inputs, memory, memory_padding_mask=MEMORY_MASK)
    np.testing.assert_allclose(ops.convert_to_numpy(found), outputs, rtol=1e-4, atol=1e-5)
    found = ops.convert_to_numpy(decoder.attention_weights(inputs, memory, MEMORY_MASK))
    np.testing.assert_allclose(found, weights, rtol=1e-4, atol=1e-6)


def test_weights_by_hand():
    decoder = RecurrentDecoder(hidden_dim=1, units=1)
    decoder.build((1, 1, 1), (1, 2, 2))
    decoder.set_weights([np.zeros(weight.shape) for weight in decoder.weights])
    decoder.key.kernel.assign([[1.0], [0.0]])
    decoder.score.kernel.assign([[2.0]])
    memory = np.array([[[np.arctanh(0.5), 3.0], [0.0, 5.0]]])
    weights = decoder.attention_weights(np.zeros((1, 1, 1)), memory)
    share = np.e / (np.e + 1)  # the scores are 2 · tanh(artanh(1/2)) = 1 and 0
    np.testing.assert_allclose(ops.convert_to_numpy(weights), [[[share, 1 - share]]], rtol=1e-5)


@pytest.mark.parametrize("num_sequences", [1, 2])
def test_steps_are_as_the_whole(num_sequences):
    decoder, memory = make_decoder(), floats(B, S, 2 * U, seed=8)
    inputs = floats(B, num_sequences, T, E)
    projected = decoder.project_memory(memory)
    cache = decoder.new_cache(MEMORY_MASK, num_sequences, T)
    own = np.tile(np.eye(num_sequences, dtype=bool), (B, 1, T))  # (B, K, T·K)
    found = []
    for position in range(T):
        step = inputs[:, :, position], cache, position, own
        output, cache = decoder.step(*step, projected, MEMORY_MASK)
        found.append(ops.convert_to_numpy(output))
    for index in range(num_sequences):
        expected = decoder(inputs[:, index], memory, memory_padding_mask=MEMORY_MASK)
        expected = ops.convert_to_numpy(expected)
        np.testing.assert_allclose(np.stack(found, 2)[:, index], expected, rtol=1e-4, atol=1e-5)


def test_padding_is_not_read():
    decoder, inputs, memory = make_decoder(), floats(B, T, E), floats(B, S, 2 * U, seed=8)
    other = np.where(MEMORY_MASK[..., None], memory, 9.0)
    one, two = (
        ops.convert_to_numpy(decoder(inputs, values, memory_padding_mask=MEMORY_MASK))
        for values in (memory, other)
    )
    np.testing.assert_array_equal(one, two)


def test_keeps_the_layer_checks():
    config = {"hidden_dim": D, "units": U, "dropout": 0.3}
    inputs = {
        "inputs": floats(B, T, E),
        "memory": floats(B, S, 2 * U, seed=8),
        "memory_padding_mask": MEMORY_MASK,
    }
    check_layer(RecurrentDecoder, config, inputs)


def test_what_it_refuses():
    with pytest.raises(ValueError, match="units=0"):
        RecurrentDecoder(D, 0)
    with pytest.raises(ValueError, match="memory of 9, units=11"):
        RecurrentDecoder(D, U).build((B, T, E), (B, S, 9))
