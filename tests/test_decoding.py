from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from decoding_references import (
    END,
    LENGTHS,
    PAD,
    B,
    L,
    S,
    V,
    assert_same,
    expected_beams,
    greedy_without_cache,
    inputs_of,
    make_sources,
    numpy,
    without_cache,
)
from keras import ops

from layer_checks import floats
from regard.layers import cache
from regard.models import Translator, writer
from regard.models.decoding import Sampler, beam_search, greedy, sample

PENALTIES = [0.0, 0.6, 1.0, 1.5]
DEVIATIONS = {"gamma": 1.0, "beta": 0.1, "bias": 0.1, "embeddings": 0.3}


def make_model(num_decoder_layers=1, end_bias=2.0, dtype=None):
    """A random translator: what it writes varies, and some of it ends early."""
    model = Translator(V, 22, 1, 2, 17, num_decoder_layers, max_sequence_length=13, dtype=dtype)
    for i, weight in enumerate(model.weights):
        deviation = DEVIATIONS.get(weight.name) or 1.5 * weight.shape[0] ** -0.5
        weight.assign(deviation * floats(*weight.shape, seed=33_000 + i))  # found by trying
    model.head.bias.assign(3 * model.head.bias + end_bias * np.eye(V)[END])
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def sources():
    return make_sources()


@pytest.fixture(scope="module")
def inputs(sources):
    return inputs_of(sources)


@pytest.fixture(scope="module")
def whole(model):
    return without_cache(model)


def scores_of(whole, sources, tokens, length_penalty=1.0):
    """Scores (B, K) of translations (B, K, L), from the log-probabilities of their tokens."""
    scores = []
    for k in range(tokens.shape[1]):
        targets = np.pad(tokens[:, k, :-1], ((0, 0), (1, 0)), constant_values=PAD)
        after = whole(*sources, targets)  # (B, L, V)
        each = np.take_along_axis(after, tokens[:, k, :, None], axis=-1)[..., 0]  # (B, L)
        is_written = tokens[:, k] != PAD
        total = np.where(is_written, each, 0).sum(axis=-1)
        scores.append(total / is_written.sum(axis=-1) ** length_penalty)
    return np.stack(scores, axis=1)


@pytest.mark.parametrize("num_decoder_layers", [1, 2])
def test_greedy_is_the_most_probable_token_each_time(num_decoder_layers, sources, inputs):
    model = make_model(num_decoder_layers)
    expected = greedy_without_cache(without_cache(model), sources, L)
    assert len({*(expected != PAD).sum(axis=-1).flatten()}) > 2, "lengths must vary"
    np.testing.assert_array_equal(greedy(model, inputs, L).token_ids, expected)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("length_penalty", PENALTIES)
def test_beam_search_without_a_cache(length_penalty, early_stopping, model, whole, sources, inputs):
    options = {"length_penalty": length_penalty, "early_stopping": early_stopping}
    expected = expected_beams(whole, sources, **options)
    assert_same(beam_search(model, inputs, L, **options), expected)


def test_where_shapes_cannot_depend_on_values(model, monkeypatch, inputs):
    """As in JAX: caches have room for all from the beginning, and no source leaves the batch."""
    growing = beam_search(model, inputs, L, 4)
    monkeypatch.setattr(cache, "GROWS", False)
    monkeypatch.setattr(writer, "GROWS", False)
    assert_same(beam_search(model, inputs, L, 4), growing)
    assert_same(greedy(model, inputs, L), numpy(beam_search(model, inputs, L, 1)))


def test_a_graph_that_knows_every_size_writes_the_same(model, sources, inputs):
    search = tf.function(
        lambda *sources: beam_search(model, inputs_of(sources), L, 4), autograph=False
    )
    assert_same(search(*map(tf.constant, sources)), beam_search(model, inputs, L, 4))


@pytest.mark.parametrize("num_beams", [2, 3, 7])
def test_other_numbers_of_beams(num_beams, sources, inputs):
    model = make_model(num_decoder_layers=2)
    expected = expected_beams(without_cache(model), sources, num_beams)
    assert_same(beam_search(model, inputs, L, num_beams), expected)


def test_every_option_of_beam_search_tells(whole, sources):
    """Or the tests above would compare no more than one search with itself."""
    of_penalty = {p: expected_beams(whole, sources, length_penalty=p)[0] for p in PENALTIES}
    for p, other in pairwise(PENALTIES):
        assert (of_penalty[p] != of_penalty[other]).any()
    hasty = expected_beams(whole, sources, early_stopping=True)[0]
    assert (hasty != of_penalty[1.0]).any()
    is_cut = (of_penalty[1.0] != PAD).all(axis=-1)
    assert is_cut.any()
    assert not is_cut.all()


def test_one_beam_is_greedy(model, inputs):
    assert_same(beam_search(model, inputs, L, num_beams=1), greedy(model, inputs, L))


@pytest.mark.parametrize(
    "length_penalty",
    [
        0.0,
        1.0,
    ],
)
def test_scores_of_one_beam(length_penalty, model, whole, sources, inputs):
    tokens, scores = numpy(beam_search(model, inputs, L, 1, length_penalty))
    expected = scores_of(whole, sources, tokens, length_penalty)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("length_penalty", [-0.5, 0.0, 0.6])
def test_scores_are_those_of_the_whole_model(length_penalty, model, whole, sources, inputs):
    sampler = Sampler(temperature=1.5, top_k=9, seed=1)
    for written, power in (
        (greedy(model, inputs, L), 1.0),
        (sample(model, inputs, L, 3, sampler), 1.0),
        (beam_search(model, inputs, L, 4, length_penalty), length_penalty),
    ):
        tokens, scores = numpy(written)
        expected = scores_of(whole, sources, tokens, power)
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all(), "the best first"


def test_nothing_but_padding_follows_an_end_and_no_padding_comes_before(model, inputs):
    for written in (
        greedy(model, inputs, L),
        beam_search(model, inputs, L),
        sample(model, inputs, L, num_samples=20, sampler=Sampler(seed=1)),
    ):
        for tokens in numpy(written)[0].reshape(-1, L):
            length = (tokens != PAD).sum()
            assert (tokens[length:] == PAD).all()
            assert (tokens[: length - 1] != END).all()
            assert tokens[length - 1] == END or length == L


def test_padding_is_never_written_however_probable(whole, sources, inputs):
    """Nor has it a part in the scores."""
    model = make_model()
    model.head.bias.assign(model.head.bias + 50.0 * np.eye(V)[PAD])
    for written in (
        greedy(model, inputs, L),
        beam_search(model, inputs, L),
        sample(model, inputs, L, num_samples=3, sampler=Sampler(seed=1)),
    ):
        tokens, scores = numpy(written)
        assert (tokens[..., 0] != PAD).all()
        np.testing.assert_allclose(scores, scores_of(whole, sources, tokens), rtol=0, atol=1e-5)


def decoders(model):
    """Every way to write, as a function of token ids, padding mask and the largest length."""
    return {
        "greedy": lambda ids, mask, length: greedy(model, inputs_of((ids, mask)), length),
        "beam search": lambda ids, mask, length: beam_search(
            model, inputs_of((ids, mask)), length, 3
        ),
        "top 1": lambda ids, mask, length: sample(
            model, inputs_of((ids, mask)), length, 2, Sampler(top_k=1, seed=3)
        ),
    }


@pytest.mark.parametrize("way", ["greedy", "beam search", "top 1"])
def test_company_and_padding_change_nothing(way, model, sources):
    decode = decoders(model)[way]
    together = numpy(decode(*sources, L))
    for b, length in enumerate(LENGTHS):
        for width, token_id in ((length, PAD), (S + 5, 1)):
            padding_mask = (np.arange(width) < length)[None]
            token_ids = np.resize(sources[0][b], (1, width))
            alone = decode(np.where(padding_mask, token_ids, token_id), padding_mask, L)
            assert_same(alone, [values[b : b + 1] for values in together])


@pytest.mark.parametrize("way", ["greedy", "beam search", "top 1"])
def test_a_graph_of_unknown_sizes_writes_the_same(way, model, sources):
    decode = decoders(model)[way]
    traces = []

    def traced(*inputs):
        traces.append(1)
        return decode(*inputs)

    graph = tf.function(  # without autograph, as a model is exported
        traced,
        input_signature=[
            tf.TensorSpec((None, None), "int32"),
            tf.TensorSpec((None, None), "bool"),
            tf.TensorSpec((), "int32"),
        ],
        autograph=False,
    )
    for rows, width, max_length in ((slice(0, 5), 7, L), (slice(1, 2), 4, 1), (slice(2, 5), 6, 99)):
        some = [array[rows, :width] for array in sources]
        assert_same(graph(*some, max_length), decode(*some, max_length))
    assert len(traces) == 1


def test_the_largest_length(model, inputs):
    """It is met, as a number or as a tensor, and goes no further than the model's positions do."""
    full = numpy(greedy(model, inputs, 13))[0]
    assert (full != PAD).all(axis=-1).any()
    for max_length in (1, 5, np.int32(5), tf.constant(5), 10**9, tf.constant(10**9)):
        length = min(int(max_length), 13)
        tokens = numpy(greedy(model, inputs, max_length))[0]
        np.testing.assert_array_equal(tokens, full[..., :length])
        assert numpy(beam_search(model, inputs, max_length, 2))[0].shape == (
            B,
            2,
            length,
        )


def test_stops_when_all_have_ended(inputs, monkeypatch):
    model = make_model(end_bias=100.0)
    steps = []
    step = model.step
    monkeypatch.setattr(model, "step", lambda *given: steps.append(1) or step(*given))
    for decode, num_steps in (
        (lambda: greedy(model, inputs, L), 1),
        (lambda: sample(model, inputs, L, 3, Sampler(seed=1)), 1),
        # One translation is found at the first step, and at the next as many as are looked for.
        (lambda: beam_search(model, inputs, L, 4), 2),
        (lambda: beam_search(model, inputs, L, 4, early_stopping=True), 2),
    ):
        steps.clear()
        tokens = numpy(decode())[0]
        assert len(steps) == num_steps
        assert (tokens[:, 0, 0] == END).all()
        assert (tokens[:, 0, 1:] == PAD).all()


def test_goes_on_until_the_last_has_ended(model, sources, monkeypatch):
    steps = []
    step = model.step
    monkeypatch.setattr(model, "step", lambda *given: steps.append(1) or step(*given))
    for b in range(B):
        steps.clear()
        tokens = numpy(greedy(model, inputs_of([array[b : b + 1] for array in sources]), L))[0]
        assert len(steps) == (tokens != PAD).sum()


def test_the_most_probable_sample_is_greedy(model, inputs):
    expected = numpy(greedy(model, inputs, L))
    for options in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}):
        samples = sample(model, inputs, L, num_samples=3, sampler=Sampler(seed=5, **options))
        assert_same(samples, [np.repeat(values, 3, axis=1) for values in expected])


def test_seeds(model, inputs):
    def tokens(seed):
        return numpy(sample(model, inputs, L, num_samples=4, sampler=Sampler(seed=seed)))[0]

    np.testing.assert_array_equal(tokens(1), tokens(1))
    assert (tokens(1) != tokens(2)).any()
    assert (tokens(None) != tokens(None)).any()
    generator, other = (keras.random.SeedGenerator(3) for _ in range(2))
    first, second = tokens(generator), tokens(generator)
    assert (first != second).any()
    np.testing.assert_array_equal(tokens(other), first)
    for k in range(1, 4):
        assert (first[:, 0] != first[:, k]).any(), "samples of one source differ"


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, None, 1.0), (0.5, None, 1.0), (2.0, None, 1.0), (1.0, 3, 1.0), (1.0, None, 0.6),
     (1.5, 7, 0.8)],
)  # fmt: skip
def test_frequencies_of_samples(temperature, top_k, top_p, model, whole, sources):
    """The first token of 4,000, against its probabilities: each within 5 standard deviations."""
    one = [array[:1] for array in sources]
    probabilities = np.exp(whole(*one, np.array([[PAD]], "int32"))[0, 0] / temperature)  # (V,)
    falling = np.argsort(-probabilities)[:top_k]
    shares = probabilities[falling] / probabilities[falling].sum()
    falling = falling[: np.searchsorted(np.cumsum(shares), top_p * (1 - 1e-9)) + 1]
    expected = np.zeros(V)
    expected[falling] = probabilities[falling] / probabilities[falling].sum()

    many = [np.repeat(array, 400, axis=0) for array in one]
    sampler = Sampler(temperature, top_k, top_p, seed=11)
    tokens = sample(model, inputs_of(many), 1, 10, sampler).token_ids
    frequencies = np.bincount(ops.convert_to_numpy(tokens).flatten(), minlength=V) / 4000
    tolerance = 5 * np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(frequencies - expected) <= tolerance).all()
    assert (frequencies[expected == 0] == 0).all()
    assert 1 < (expected > 0).sum() < V


def test_the_second_token_is_drawn_anew(model, whole, sources):
    """Its frequencies after one and the same first token, likewise."""
    many = [np.repeat(array[:1], 400, axis=0) for array in sources]
    drawn = sample(model, inputs_of(many), 2, 10, Sampler(seed=11)).token_ids
    tokens = ops.convert_to_numpy(drawn).reshape(-1, 2)
    counts = np.bincount(tokens[:, 0], minlength=V) * (np.arange(V) != END)
    first = counts.argmax()
    expected = np.exp(whole(*[array[:1] for array in sources], np.array([[PAD, first]], "int32")))
    expected = expected[0, 1]  # (V,)
    number = counts[first]
    frequencies = np.bincount(tokens[tokens[:, 0] == first, 1], minlength=V) / number
    assert number > 300
    tolerance = 5 * np.sqrt(expected * (1 - expected) / number) + 1e-6
    assert (np.abs(frequencies - expected) <= tolerance).all()


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_precisions(dtype, whole, sources, inputs):
    """Scores of what each writes are close to those that the float32 model gives the same."""
    model = make_model(dtype=dtype)
    for written in (
        greedy(model, inputs, L),
        beam_search(model, inputs, L),
        sample(model, inputs, L, 3, Sampler(seed=1)),
    ):
        tokens, scores = numpy(written)
        assert (tokens.dtype, scores.dtype) == ("int32", "float32")
        tolerance = 1e-5 if dtype == "float32" else 0.1
        np.testing.assert_allclose(scores, scores_of(whole, sources, tokens), atol=tolerance)


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": 0},
        {"top_k": 2.5},
        {"top_k": V + 1},
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
)
def test_arguments_of_a_sampler_out_of_range(wrong, model, inputs):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}`.*Received: .*{name}={value}"):
        sample(model, inputs, L, sampler=Sampler(**wrong))


@pytest.mark.parametrize("num_samples", [0, -1, 2.0])
def test_numbers_of_samples_out_of_range(num_samples, model, inputs):
    with pytest.raises(ValueError, match=f"`num_samples` must .*Received: .*={num_samples}"):
        sample(model, inputs, L, num_samples)


@pytest.mark.parametrize("num_beams", [0, -1, 2.0])
def test_arguments_of_beam_search_out_of_range(num_beams, model, inputs):
    with pytest.raises(ValueError, match=f"`num_beams` must be .*Received: num_beams={num_beams}"):
        beam_search(model, inputs, L, num_beams)
