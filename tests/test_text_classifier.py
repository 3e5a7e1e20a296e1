import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import check_layer, floats
from regard.models import TextClassifier

B, T, V, C = 3, 5, 13, 7
SIZES = {"hidden_dim": 22, "num_layers": 2, "num_heads": 2, "intermediate_dim": 17}
LENGTHS = np.array([5, 2, 3])


def make_inputs(lengths=LENGTHS, width=T, seed=7):
    """A batch of sequences of random tokens, padded with zeros to one width."""
    rng = np.random.default_rng(seed)
    padding_mask = np.arange(width) < np.asarray(lengths)[:, None]
    shape = padding_mask.shape
    return {
        "token_ids": np.where(padding_mask, rng.integers(1, V, shape), 0).astype("int32"),
        "segment_ids": np.where(padding_mask, rng.integers(0, 2, shape), 0).astype("int32"),
        "padding_mask": padding_mask,
    }


def make_model(**kwargs):
    """A classifier whose every weight is random, so that logits are far from equal."""
    model = TextClassifier(V, C, **{**SIZES, **kwargs})
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def pad(inputs, width, token_id=0):
    """The same sequences, padded further."""
    extra = ((0, 0), (0, width - inputs["token_ids"].shape[1]))
    padded = {name: np.pad(array, extra) for name, array in inputs.items()}
    padded["token_ids"] = np.where(padded["padding_mask"], padded["token_ids"], token_id)
    return padded


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        "num_classes": C,
        **SIZES,
        "num_layers": 1,
        "max_sequence_length": 11,
        "num_segments": 3,
        "dropout": 0.3,
        "activation": "relu",
        "layer_norm_epsilon": 1e-6,
        "pooling": "attention",
        "window": 2,
        "family": "albert",
        "variation": {
            "embedding": {"embedding_dim": 3, "pad_id": 0},
            "encoder": {"num_groups": 1, "group_size": 2},
        },
    }
    check_layer(TextClassifier, config, make_inputs())


def test_logits_against_numpy():
    """The head and the pooler in NumPy; what is below them has references of its own."""
    model, inputs = make_model(), make_inputs()
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])
    x = ops.convert_to_numpy(model.encoder(x, padding_mask=inputs["padding_mask"]))
    kernel, bias = (ops.convert_to_numpy(w) for w in model.pooler.weights)
    pooled = np.tanh(x[:, 0] @ kernel + bias)
    kernel, bias = (ops.convert_to_numpy(w) for w in model.head.weights)
    np.testing.assert_allclose(model(inputs), pooled @ kernel + bias, atol=1e-5)


def test_first_weights():
    model = TextClassifier(V, C, hidden_dim=128, num_layers=2, num_heads=2, intermediate_dim=512)
    for weight in model.trainable_weights:
        values = ops.convert_to_numpy(weight)
        if weight.name == "embeddings":  # as BERT's
            assert values.std() == pytest.approx(0.0176, rel=0.15)  # 0.02 cut off at ±2σ
            assert np.abs(values).max() <= 0.04
        elif weight.name == "kernel":  # as Glorot's
            limit = np.sqrt(6 / sum(values.shape))
            assert 0.95 * limit < np.abs(values).max() <= limit
        else:
            assert (values == (1.0 if weight.name == "gamma" else 0.0)).all()


def test_no_two_weights_start_equal():
    # Widths are such that tables and kernels of one shape meet.
    model = TextClassifier(8, 8, 8, num_layers=2, num_heads=2, intermediate_dim=8)
    kernels = [w for w in model.trainable_weights if w.name in ("kernel", "embeddings")]
    for i, first in enumerate(kernels):
        for second in kernels[:i]:
            if first.shape == second.shape:
                assert np.abs(first - second).max() > 1e-4, (first.path, second.path)


@pytest.mark.parametrize("width", [6, 11, 64])
@pytest.mark.parametrize("token_id", [0, V - 1])
def test_padding_changes_no_logits(width, token_id):
    model, inputs = make_model(), make_inputs()
    padded = pad(inputs, width, token_id)
    assert np.abs(model(inputs) - model(padded)).max() < 1e-5
    assert np.abs(model(inputs)).max() > 0.1


def test_segments_may_be_left_out():
    model, inputs = make_model(dropout=0.0), make_inputs()
    inputs["segment_ids"] = np.zeros_like(inputs["segment_ids"])
    fewer = {name: inputs[name] for name in ("token_ids", "padding_mask")}
    np.testing.assert_array_equal(model(fewer), model(inputs))
    np.testing.assert_array_equal(model.predict(fewer, verbose=0), model.predict(inputs, verbose=0))
    model.compile("sgd", "mse")
    losses = [model.evaluate(x, np.ones((B, C)), verbose=0) for x in (fewer, inputs)]
    assert losses[0] == losses[1]
    assert np.isfinite(model.train_on_batch(fewer, np.ones((B, C))))


def test_batch_company_changes_no_logits():
    model = make_model()
    inputs = make_inputs(lengths=[1, 2, 3, 4, 5, 5, 4], seed=1)
    together = model.predict(inputs, verbose=0)
    for i in range(7):
        alone = model({name: array[i : i + 1] for name, array in inputs.items()})
        assert np.abs(alone - together[i]).max() < 1e-5


def test_every_real_input_changes_the_logits():
    model, inputs = make_model(), make_inputs()
    logits = model(inputs)
    for name, last in (("token_ids", V), ("segment_ids", 2)):
        changed = {**inputs, name: (inputs[name] + 1) % last}
        assert (np.abs(model(changed) - logits).max(axis=1) > 1e-3).all()


def test_dropout_is_applied_everywhere_it_is_in_bert():
    model, inputs = make_model(dropout=0.5), make_inputs()
    sites = [x for x in model._flatten_layers() if isinstance(x, keras.layers.Dropout)]
    assert [site.rate for site in sites] == [0.5] * (1 + 3 * SIZES["num_layers"] + 1)
    for site in sites:
        site.rate = 0.0
    logits = model(inputs, training=True)
    np.testing.assert_array_equal(logits, model(inputs))
    for site in sites:
        site.rate = 0.5
        assert np.abs(model(inputs, training=True) - logits).max() > 1e-3, site.path
        site.rate = 0.0


def test_a_row_of_padding_alone_is_finite():
    inputs = make_inputs(lengths=[0, 3])
    assert np.isfinite(make_model()(inputs)).all()


def learnable_task(num_examples=64):
    """Is token 3 among the real ones? Padding holds it in every sequence, and must not count."""
    rng = np.random.default_rng(7)
    inputs = make_inputs(lengths=rng.integers(3, 7, num_examples), width=7)
    labels = np.arange(num_examples) % 2
    token_ids = np.where(inputs["token_ids"] == 3, 4, inputs["token_ids"])
    token_ids[labels == 1, rng.integers(1, 3, num_examples)[labels == 1]] = 3
    return {**inputs, "token_ids": np.where(inputs["padding_mask"], token_ids, 3)}, labels


def test_compile_fit_evaluate_predict_save_and_load(tmp_path):
    inputs, labels = learnable_task()
    model = TextClassifier(V, 2, **SIZES, dropout=0.0)
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(inputs, labels, batch_size=16, epochs=10, verbose=0)
    assert model.evaluate(inputs, labels, verbose=0, return_dict=True)["accuracy"] == 1.0
    logits = model.predict(inputs, verbose=0)
    assert logits.shape == (64, 2)
    assert (logits.argmax(axis=1) == labels).all()

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, TextClassifier)
    np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), logits)
    assert loaded.evaluate(inputs, labels, verbose=0, return_dict=True)["accuracy"] == 1.0


def test_arguments_go_before_the_presets():
    model = TextClassifier.from_preset("tiny", V, C, num_layers=1, dropout=0.4)
    config = model.get_config()
    assert (config["num_layers"], config["hidden_dim"], config["dropout"]) == (1, 128, 0.4)


def test_unknown_preset_names_the_nearest():
    with pytest.raises(ValueError, match=r"no preset 'smal'. Did you mean 'small'"):
        TextClassifier.from_preset("smal", V, C)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vocabulary_size": 0},
        {"num_classes": 0},
        {"num_layers": -1},
        {"num_heads": 3},
        {"max_sequence_length": 0},
        {"num_segments": -1},
        {"dropout": 1.0},
    ],
)
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}`.*Received: .*{name}={value}"):
        TextClassifier(**{"vocabulary_size": V, "num_classes": C, **SIZES, **wrong})
