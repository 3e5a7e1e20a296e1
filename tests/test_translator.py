import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import check_layer, floats
from regard.models import TRANSLATION_PRESETS, Translator

B, S, T, V, N = 3, 7, 5, 17, 2
SIZES = {"hidden_dim": 22, "num_layers": 2, "num_heads": N, "intermediate_dim": 13}
LENGTHS = np.array([7, 2, 4])
PAD = V - 1


def make_inputs(lengths=LENGTHS, seed=7):
    """A batch of random sources, padded to one width, and targets that begin as they must."""
    rng = np.random.default_rng(seed)
    padding_mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    targets = rng.integers(1, PAD, (len(lengths), T)).astype("int32")
    targets[:, 0] = PAD
    return {
        "encoder_token_ids": np.where(
            padding_mask, rng.integers(1, PAD, padding_mask.shape), PAD
        ).astype("int32"),
        "encoder_padding_mask": padding_mask,
        "decoder_token_ids": targets,
    }


def make_model(**kwargs):
    """A translator whose every weight is random, so that logits are far from equal."""
    model = Translator(V, **{**SIZES, "max_sequence_length": 64, **kwargs})
    model.set_weights([0.6 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def pad(inputs, width, token_id=PAD):
    """The same sources, padded further, and any token in the place of padding."""
    extra = ((0, 0), (0, width - inputs["encoder_token_ids"].shape[1]))
    padding_mask = np.pad(inputs["encoder_padding_mask"], extra)
    token_ids = np.pad(inputs["encoder_token_ids"], extra)
    return {
        "encoder_token_ids": np.where(padding_mask, token_ids, token_id),
        "encoder_padding_mask": padding_mask,
        "decoder_token_ids": inputs["decoder_token_ids"],
    }


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        **SIZES,
        "num_decoder_layers": 1,
        "max_sequence_length": 11,
        "dropout": 0.3,
        "attention_dropout": 0.2,
        "activation": "gelu",
        "end_id": 3,
        "pad_id": 5,
        "family": "m2m_100",
        "target_vocabulary_size": V + 2,
    }
    check_layer(Translator, config, make_inputs())


def test_defaults_that_follow_from_other_arguments():
    config = Translator(V, **SIZES).get_config()
    assert (config["num_decoder_layers"], config["end_id"], config["pad_id"]) == (2, 0, V - 1)


def test_first_weights():
    for weight in Translator(101, **{**SIZES, "hidden_dim": 64}).trainable_weights:
        values = ops.convert_to_numpy(weight)
        if weight.name == "embeddings":  # so that what is scaled by √D has a deviation of 1
            assert values.std() == pytest.approx(64**-0.5, rel=0.05)
        elif weight.name == "kernel":  # as Glorot's
            limit = np.sqrt(6 / sum(values.shape))
            assert 0.95 * limit < np.abs(values).max() <= limit
        else:
            assert (values == (1.0 if weight.name == "gamma" else 0.0)).all()


def test_logits_against_numpy():
    """What is above the decoder, in NumPy; what is below has references of its own."""
    model, inputs = make_model(), make_inputs()
    memory = model.encode(inputs["encoder_token_ids"], inputs["encoder_padding_mask"])
    x = model.embedding(inputs["decoder_token_ids"])
    x = model.decoder(x, memory, memory_padding_mask=inputs["encoder_padding_mask"])
    table = ops.convert_to_numpy(model.embedding.token_embedding.embeddings)
    expected = ops.convert_to_numpy(x) @ table.T + ops.convert_to_numpy(model.head.bias)
    np.testing.assert_allclose(model(inputs), expected, atol=1e-5)


def test_a_future_target_token_changes_no_earlier_logit():
    model, inputs = make_model(), make_inputs()
    other = {**inputs, "decoder_token_ids": inputs["decoder_token_ids"].copy()}
    other["decoder_token_ids"][:, 3] = 1 + inputs["decoder_token_ids"][:, 3] % (PAD - 1)
    before, after = model(inputs), model(other)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before - after).max(axis=-1)[:, 3:] > 1e-3).all()


@pytest.mark.parametrize("width", [S, 11, 64])
@pytest.mark.parametrize("token_id", [0, 1, PAD])
def test_padding_of_the_source_changes_no_logits(width, token_id):
    model, inputs = make_model(), make_inputs()
    assert np.abs(model(inputs) - model(pad(inputs, width, token_id))).max() < 1e-5
    assert np.abs(model(inputs)).max() > 1


def test_padding_of_the_target_changes_no_logits_before_it():
    model, inputs = make_model(), make_inputs()
    targets = np.pad(inputs["decoder_token_ids"], ((0, 0), (0, 6)), constant_values=PAD)
    padded = model({**inputs, "decoder_token_ids": targets})
    assert np.abs(model(inputs) - padded[:, :T]).max() < 1e-5


def test_batch_company_changes_no_logits():
    model, inputs = make_model(), make_inputs(lengths=[1, 2, 3, 4, 5, 7, 7], seed=1)
    together = model.predict(inputs, verbose=0)
    for i in range(7):
        alone = model({name: array[i : i + 1] for name, array in inputs.items()})
        assert np.abs(alone - together[i]).max() < 1e-5


def test_every_real_source_token_changes_the_logits():
    model, inputs = make_model(), make_inputs()
    logits = model(inputs)
    for b, s in np.argwhere(inputs["encoder_padding_mask"]):
        other = {**inputs, "encoder_token_ids": inputs["encoder_token_ids"].copy()}
        other["encoder_token_ids"][b, s] = 1 + inputs["encoder_token_ids"][b, s] % (PAD - 1)
        changes = np.abs(model(other) - logits).max(axis=-1)  # (B, T)
        assert (changes[b] > 1e-4).all()
        assert np.delete(changes, b, axis=0).max() == 0


def test_a_source_of_padding_alone_is_finite():
    inputs = make_inputs()
    inputs["encoder_padding_mask"][1] = False
    assert np.isfinite(make_model()(inputs)).all()


def test_one_table_embeds_sources_and_targets_and_scores_the_output():
    """A row of it is changed: that of a token in the source, the target, or neither of them."""
    model = make_model()
    in_source, in_target, in_neither = 2, 3, 4
    inputs = {
        "encoder_token_ids": np.array([[in_source, 1]]),
        "encoder_padding_mask": np.ones((1, 2), bool),
        "decoder_token_ids": np.array([[PAD, 1, in_target, 1]]),
    }
    assert sum(tuple(weight.shape) == (V, 22) for weight in model.weights) == 1
    table = model.embedding.token_embedding.embeddings
    before, rows = ops.convert_to_numpy(model(inputs))[0], ops.convert_to_numpy(table)  # (T, V)
    changes = {}
    for token_id in (in_source, in_target, in_neither):
        changed = rows.copy()
        changed[token_id] += 0.3 * floats(22, seed=token_id)
        table.assign(changed)
        changes[token_id] = np.abs(ops.convert_to_numpy(model(inputs))[0] - before)
    others = [token_id for token_id in range(V) if token_id not in changes]
    for token_id in changes:  # its own score changes everywhere
        assert (changes[token_id][:, token_id] > 1e-3).all()
    assert (changes[in_source][:, others].max(axis=1) > 1e-3).all()
    assert changes[in_target][:2, others].max() == 0
    assert (changes[in_target][2:, others].max(axis=1) > 1e-3).all()
    assert changes[in_neither][:, others].max() == 0


def test_alignments():
    model, inputs = make_model(num_decoder_layers=3), make_inputs()
    weights = ops.convert_to_numpy(model.alignments(inputs))
    assert weights.shape == (B, 3, N, T, S)
    assert weights.dtype == "float32"
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    is_padding = ~inputs["encoder_padding_mask"][:, None, None, None]
    assert weights[np.broadcast_to(is_padding, weights.shape)].max() == 0
    assert weights[0].std(axis=-1).min() > 1e-3, "some tokens must be read more than others"
    padded = ops.convert_to_numpy(model.alignments(pad(inputs, 11)))
    np.testing.assert_allclose(padded[..., :S], weights, atol=1e-5)


def test_every_dropout_is_applied():
    model = make_model(dropout=0.5, attention_dropout=0.25, num_decoder_layers=3)
    sites = [x for x in model._flatten_layers() if isinstance(x, keras.layers.Dropout)]
    rates = [site.rate for site in sites]
    # One of the embedding, for source and target; then, of two encoder blocks and three decoder
    # blocks, those of the attentions, and those of what the residuals add.
    assert sorted(rates) == [0.25] * (2 * 1 + 3 * 2) + [0.5] * (1 + 2 * 2 + 3 * 1)
    inputs = make_inputs()
    for site in sites:
        site.rate = 0.0
    logits = model(inputs, training=True)
    np.testing.assert_array_equal(logits, model(inputs))
    for site, rate in zip(sites, rates, strict=True):
        site.rate = rate
        assert np.abs(model(inputs, training=True) - logits).max() > 1e-5, site.path
        site.rate = 0.0


# Vaswani et al. (2017), table 3: layers, width, heads, inner width, dropout, and parameters as the
# paper rounds them, of 37,000 tokens (section 5.1).
PAPER = {
    "transformer_base": (6, 512, 8, 2048, 0.1, 65e6),
    "transformer_big": (6, 1024, 16, 4096, 0.3, 213e6),
}


@pytest.mark.parametrize("name", PAPER)
def test_sizes_are_those_of_the_paper(name):
    *expected, num_parameters = PAPER[name]
    names = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "dropout")
    assert TRANSLATION_PRESETS[name] == dict(zip(names, expected, strict=True))
    with keras.StatelessScope(initialize_variables=False):  # never filled: made in a moment
        model = Translator.from_preset(name, vocabulary_size=37_000)
        assert model.count_params() == pytest.approx(num_parameters, rel=0.03)
    keras.utils.clear_session()  # forget the variables, or Keras would fill them later


def test_arguments_go_before_the_presets():
    model = Translator.from_preset("transformer_small", V, num_layers=1, dropout=0.4)
    config = model.get_config()
    assert (config["vocabulary_size"], config["hidden_dim"]) == (V, 192)
    assert (config["num_layers"], config["num_decoder_layers"], config["dropout"]) == (1, 1, 0.4)
    assert TRANSLATION_PRESETS["transformer_small"]["num_layers"] == 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("transformer_bse", "transformer_base"), ("Transformer-big", "transformer_big")],
)
def test_unknown_preset_names_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=rf"no preset '{name}'\. Did you mean '{nearest}'"):
        Translator.from_preset(name, V)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vocabulary_size": 0},
        {"hidden_dim": 21, "num_heads": 1},
        {"num_layers": 0},
        {"num_heads": 3},
        {"intermediate_dim": 0},
        {"num_decoder_layers": 0},
        {"max_sequence_length": 0},
        {"dropout": 1.0},
        {"attention_dropout": -0.1},
        {"end_id": V},
        {"end_id": -1},
        {"pad_id": V},
        {"pad_id": -1},
        {"pad_id": 0},  # which is the end
        {"end_id": V - 1},  # which is the padding
    ],
)
def test_arguments_out_of_range(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"`{name}`.*Received: .*{value}"):
        Translator(**{"vocabulary_size": V, **SIZES, **wrong})


def test_sequences_must_fit_the_positions():
    model, inputs = make_model(max_sequence_length=S), make_inputs()
    assert model(inputs).shape == (B, T, V)
    with pytest.raises(ValueError, match=r"no longer than .*8 tokens, max_sequence_length=7"):
        model(pad(inputs, S + 1))
