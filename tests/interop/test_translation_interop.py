"""Beside `transformers`, live: the same sources in, the same translations out, and back again."""

from importlib import import_module

import numpy as np
import pytest
from safetensors.numpy import load_file

from regard.models import Translator
from regard.models.checkpoints import CheckpointError, save_checkpoint
from regard.models.decoding import beam_search, greedy

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
marian = import_module("fixtures.make_marian_fixtures")

SIZES = ["small", "deep", "wide"]
ACTIVATIONS = ["swish", "relu", "gelu"]


def make_pair(directory, activation, size, seed=7):
    """A random model of `transformers`, saved, and what this package makes of it."""
    theirs = marian.make_model(activation, size, seed)
    theirs.save_pretrained(directory)
    return theirs, Translator.from_checkpoint(directory)


def make_sources(config, num_sources=200):
    """Sources of 1 to as many tokens as the model has positions, padded."""
    lengths = np.random.default_rng(5).integers(1, config.max_position_embeddings + 1, num_sources)
    return marian.make_inputs(config, lengths, config.max_position_embeddings)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("size", SIZES)
def test_logits(size, activation, tmp_path):
    theirs, ours = make_pair(tmp_path, activation, size)
    longest = theirs.config.max_position_embeddings
    for lengths, target_length in (
        ((longest, 1, 5), longest),
        ((3, 2, 3), 1),
        ((1,), 4),
        ((7, 11, 9, 5, 1), 6),
    ):
        for padding in (0, longest - max(lengths)):
            inputs = marian.make_inputs(
                theirs.config, lengths, max(lengths) + padding, target_length
            )
            expected = marian.expected_logits(theirs, inputs)
            assert np.abs(expected).max() > 2
            np.testing.assert_allclose(ours(inputs), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("activation", "size"), zip(ACTIVATIONS, SIZES, strict=True))
def test_greedy_writes_the_same(activation, size, tmp_path):
    theirs, ours = make_pair(tmp_path, activation, size)
    inputs = make_sources(theirs.config)
    expected, _ = marian.expected_translations(theirs, inputs, 1, 12)
    assert_varied(expected, theirs.config.pad_token_id)
    np.testing.assert_array_equal(greedy(ours, inputs, 12).token_ids, expected)


@pytest.mark.parametrize(
    ("length_penalty", "early_stopping"), [(1.0, False), (1.0, True), (0.6, False), (1.4, False)]
)
@pytest.mark.parametrize(("activation", "size"), zip(ACTIVATIONS, SIZES, strict=True))
def test_beam_search_writes_the_same(activation, size, length_penalty, early_stopping, tmp_path):
    """All four translations of each source, with their scores."""
    theirs, ours = make_pair(tmp_path, activation, size)
    inputs = make_sources(theirs.config)
    options = {"length_penalty": length_penalty, "early_stopping": early_stopping}
    expected, scores = marian.expected_translations(theirs, inputs, 4, 12, **options)
    assert_varied(expected, theirs.config.pad_token_id)
    found = beam_search(ours, inputs, 12, 4, **options)
    np.testing.assert_array_equal(found.token_ids, expected)
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-4)


def assert_varied(token_ids, pad_id):
    lengths = (token_ids != pad_id).sum(axis=-1)
    assert len(np.unique(token_ids)) > 8
    assert len(np.unique(lengths)) > 2
    assert lengths.max() == token_ids.shape[-1]


@pytest.mark.parametrize(("activation", "size"), zip(ACTIVATIONS, SIZES, strict=True))
def test_opens_again_in_transformers_bit_equal(activation, size, tmp_path):
    theirs, ours = make_pair(tmp_path, activation, size)
    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(ours, again)
    before, after = (load_file(d / "model.safetensors") for d in (tmp_path, again))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)

    reopened, report = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        again, output_loading_info=True
    )
    assert not any(report.values()), report
    assert type(reopened) is transformers.MarianMTModel
    assert reopened.config.dropout == theirs.config.dropout
    inputs = marian.make_inputs(theirs.config)
    first, second = (marian.expected_logits(m.eval(), inputs) for m in (theirs, reopened))
    np.testing.assert_array_equal(first, second)


def test_a_model_of_our_own(tmp_path):
    """Random, never saved before: it computes and writes there what it does here."""
    ours = Translator(31, 22, 2, 2, 17, num_decoder_layers=1, max_sequence_length=13, pad_id=5)
    ours.head.bias.assign(np.random.default_rng(7).normal(size=31))
    save_checkpoint(ours, tmp_path)
    theirs = transformers.MarianMTModel.from_pretrained(tmp_path).eval()
    inputs = make_sources(theirs.config, num_sources=20)
    logits = marian.expected_logits(theirs, inputs)
    np.testing.assert_allclose(ours(inputs), logits, rtol=0, atol=1e-4)
    expected, _ = marian.expected_translations(theirs, inputs, 4, 12)
    np.testing.assert_array_equal(beam_search(ours, inputs, 12, 4).token_ids, expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_and_shards(dtype, tmp_path):
    theirs = marian.make_model("swish", "deep")
    theirs.to(getattr(torch, dtype)).save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    theirs.to(torch.float32)
    for model in (theirs.model.encoder, theirs.model.decoder):  # these are not saved, but made
        model.embed_positions.weight = torch.nn.Parameter(model.embed_positions.create_weight())
    inputs = marian.make_inputs(theirs.config)
    expected = marian.expected_logits(theirs, inputs)
    ours = Translator.from_checkpoint(tmp_path)
    np.testing.assert_allclose(ours(inputs), expected, rtol=0, atol=1e-4)


def test_every_tensor_of_a_state_dict(tmp_path):
    """As converted from a pickle: with the positions, and with the table by all of its names."""
    theirs, ours = make_pair(tmp_path, "gelu", "wide")
    state = {name: tensor.clone().contiguous() for name, tensor in theirs.state_dict().items()}
    assert {"lm_head.weight", "model.decoder.embed_positions.weight"} <= state.keys()
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    again = Translator.from_checkpoint(tmp_path)
    for first, second in zip(ours.weights, again.weights, strict=True):
        np.testing.assert_array_equal(first, second, err_msg=first.path)
    state["model.decoder.embed_positions.weight"].normal_()
    safetensors.save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"decoder\.embed_positions\.weight must be the sin"):
        Translator.from_checkpoint(tmp_path)
