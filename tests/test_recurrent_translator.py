import numpy as np
import pytest
from decoding_references import (
    END,
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

from layer_checks import check_layer, floats
from regard.models import RecurrentTranslator, Translator
from regard.models.checkpoint_files import CheckpointError
from regard.models.checkpoints import save_checkpoint
from regard.models.decoding import beam_search, greedy

T = 5


def make_inputs():
    """A padded batch of random sources, and targets that begin as they must."""
    token_ids, padding_mask = make_sources()
    targets = np.random.default_rng(8).integers(1, PAD, (B, T)).astype("int32")
    targets[:, 0] = PAD
    return {
        "encoder_token_ids": token_ids,
        "encoder_padding_mask": padding_mask,
        "decoder_token_ids": targets,
    }


def make_model(**kwargs):
    """A random translator: what it writes varies, and some of it ends early."""
    model = RecurrentTranslator(V, 19, 11, **{"max_sequence_length": 13, **kwargs})
    for i, weight in enumerate(model.weights):
        deviation = 0.1 if weight.name == "bias" else 2.5 * weight.shape[0] ** -0.5
        weight.assign(deviation * floats(*weight.shape, seed=i))
    model.head.bias.assign(3 * model.head.bias + 2.0 * np.eye(V)[END])
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def whole(model):
    return without_cache(model)


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        "hidden_dim": 19,
        "units": 11,
        "max_sequence_length": 13,
        "dropout": 0.3,
        "end_id": 3,
        "pad_id": 5,
    }
    check_layer(RecurrentTranslator, config, make_inputs())


def test_greedy_is_as_without_a_cache(model, whole):
    sources = make_sources()
    tokens, _ = numpy(greedy(model, inputs_of(sources), L))
    np.testing.assert_array_equal(tokens, greedy_without_cache(whole, sources, L))
    assert len(np.unique(tokens)) > 5
    assert (tokens[:, 0, -1] == PAD).any(), "some must end before there is no more room"


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_beam_search_is_as_without_a_cache(length_penalty, model, whole):
    sources = make_sources()
    inputs = inputs_of(sources)
    found = beam_search(model, inputs, L, num_beams=4, length_penalty=length_penalty)
    assert_same(found, expected_beams(whole, sources, 4, length_penalty))
    assert (found.token_ids[:, 0] != greedy(model, inputs, L).token_ids[:, 0]).numpy().any()


def test_a_future_target_token_changes_no_earlier_logit(model):
    inputs = make_inputs()
    other = {**inputs, "decoder_token_ids": inputs["decoder_token_ids"].copy()}
    other["decoder_token_ids"][:, 3] = 1 + inputs["decoder_token_ids"][:, 3] % (PAD - 1)
    before, after = (ops.convert_to_numpy(model(each)) for each in (inputs, other))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before - after).max(axis=-1)[:, 3:] > 1e-3).all()


@pytest.mark.parametrize("token_id", [0, PAD])
def test_padding_of_the_source_changes_no_logits(token_id, model):
    inputs = make_inputs()
    mask = np.pad(inputs["encoder_padding_mask"], ((0, 0), (0, 6)))
    token_ids = np.pad(inputs["encoder_token_ids"], ((0, 0), (0, 6)))
    padded = {"encoder_token_ids": np.where(mask, token_ids, token_id)}
    padded = {**inputs, **padded, "encoder_padding_mask": mask}
    assert np.abs(model(inputs) - model(padded)).max() < 1e-5


def test_every_real_source_token_changes_the_logits(model):
    inputs = make_inputs()
    logits = ops.convert_to_numpy(model(inputs))
    for b, s in np.argwhere(inputs["encoder_padding_mask"]):
        other = {**inputs, "encoder_token_ids": inputs["encoder_token_ids"].copy()}
        other["encoder_token_ids"][b, s] = 1 + inputs["encoder_token_ids"][b, s] % (PAD - 1)
        changes = np.abs(ops.convert_to_numpy(model(other)) - logits).max(axis=-1)  # (B, T)
        assert (changes[b] > 1e-4).all()
        assert np.delete(changes, b, axis=0).max() == 0


def test_alignments(model):
    inputs = make_inputs()
    weights = ops.convert_to_numpy(model.alignments(inputs))
    assert weights.shape == (B, 1, 1, T, S)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    is_padding = ~inputs["encoder_padding_mask"][:, None, None, None]
    assert weights[np.broadcast_to(is_padding, weights.shape)].max() == 0
    assert weights[0].std(axis=-1).min() > 1e-3, "some tokens must be read more than others"


def test_it_has_the_size_of_the_transformer_that_it_is_compared_with():
    sizes = {"vocabulary_size": 4000, "max_sequence_length": 64}
    recurrent = RecurrentTranslator.from_preset("rnnsearch_small", **sizes)
    transformer = Translator.from_preset("transformer_small", **sizes)
    assert recurrent.count_params() == pytest.approx(transformer.count_params(), rel=0.1)


def test_one_table_embeds_and_scores():
    model = make_model()
    assert sum(tuple(weight.shape) == (V, 19) for weight in model.weights) == 1
    assert model.head.token_embedding is model.embedding


def test_its_checkpoint(tmp_path):
    model, inputs = make_model(end_id=3, pad_id=5, dropout=0.2), make_inputs()
    save_checkpoint(model, tmp_path)
    loaded = RecurrentTranslator.from_checkpoint(tmp_path)
    assert loaded.config == model.config
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    with pytest.raises(CheckpointError, match="of Marian, M2M100 or mBART-50, not of RNNsearch"):
        Translator.from_checkpoint(tmp_path)
