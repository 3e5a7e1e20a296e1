import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from layer_checks import check_layer, floats
from regard.models import MaskedLanguageModel

B, T, V, M, D = 3, 5, 13, 2, 22
SIZES = {"hidden_dim": D, "num_layers": 2, "num_heads": 2, "intermediate_dim": 17}
LENGTHS = np.array([5, 2, 3])


def make_inputs(lengths=LENGTHS, width=T, seed=7):
    """A batch of sequences of random tokens, and two positions in each where to predict."""
    rng = np.random.default_rng(seed)
    padding_mask = np.arange(width) < np.asarray(lengths)[:, None]
    shape = padding_mask.shape
    return {
        "token_ids": np.where(padding_mask, rng.integers(1, V, shape), 0).astype("int32"),
        "segment_ids": np.where(padding_mask, rng.integers(0, 2, shape), 0).astype("int32"),
        "padding_mask": padding_mask,
        "masked_positions": np.array([rng.permutation(n)[:M] for n in lengths], "int32"),
    }


def make_model(**kwargs):
    """A model whose every weight is random, so that logits are far from equal."""
    model = MaskedLanguageModel(V, **{**SIZES, **kwargs})
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def tables(model):
    return [w.path for w in model.weights if w.shape == (V, D)]


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        **SIZES,
        "max_sequence_length": 11,
        "num_segments": 3,
        "dropout": 0.3,
        "activation": "relu",
        "layer_norm_epsilon": 1e-6,
    }
    check_layer(MaskedLanguageModel, config, make_inputs())


def test_logits_against_numpy():
    """Positions picked out, and the head in NumPy; what is below has references of its own."""
    model, inputs = make_model(activation="relu", layer_norm_epsilon=0.5), make_inputs()
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])
    states = ops.convert_to_numpy(model.encoder(x, padding_mask=inputs["padding_mask"]))
    logits = ops.convert_to_numpy(model(inputs))
    assert logits.shape == (B, M, V)
    assert logits.dtype == "float32"
    (kernel, bias), (gamma, beta) = (
        model.head.dense.get_weights(),
        model.head.layer_norm.get_weights(),
    )
    table = model.embedding.token_embedding.get_weights()[0]
    for b, m in np.ndindex(B, M):
        x = np.maximum(states[b, inputs["masked_positions"][b, m]] @ kernel + bias, 0)
        x = gamma * (x - x.mean()) / np.sqrt(x.var() + 0.5) + beta
        np.testing.assert_allclose(logits[b, m], table @ x + np.array(model.head.bias), atol=1e-5)


def test_the_embedding_is_tied(tmp_path):
    model, inputs = make_model(), make_inputs()
    assert tables(model) == ["embedding/token_embedding/embeddings"]
    assert model.head.token_embedding is model.embedding.token_embedding
    labels = np.full(
        (B, M), 12
    )  # a token that the texts do not have, so that only the head sees it
    inputs["token_ids"][inputs["token_ids"] == 12] = 1
    with tf.GradientTape() as tape:
        loss = ops.mean(
            keras.losses.sparse_categorical_crossentropy(labels, model(inputs), from_logits=True)
        )
    gradient = tape.gradient(loss, model.embedding.token_embedding.embeddings.value)
    assert np.abs(tf.convert_to_tensor(gradient)[12]).max() > 1e-2

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert tables(loaded) == tables(model)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    loaded.embedding.token_embedding.set_weights([np.zeros((V, D))])
    bias = np.broadcast_to(np.array(loaded.head.bias), (B, M, V))
    np.testing.assert_allclose(loaded(inputs), bias, atol=1e-6)


@pytest.mark.parametrize("width", [6, 64])
@pytest.mark.parametrize("token_id", [0, V - 1])
def test_padding_changes_no_logits(width, token_id):
    model, inputs = make_model(), make_inputs()
    extra = ((0, 0), (0, width - T))
    padded = {n: a if n == "masked_positions" else np.pad(a, extra) for n, a in inputs.items()}
    padded["token_ids"] = np.where(padded["padding_mask"], padded["token_ids"], token_id)
    assert np.abs(model(inputs) - model(padded)).max() < 1e-5
    assert np.abs(model(inputs)).max() > 0.1


def test_batch_company_changes_no_logits():
    model = make_model()
    inputs = make_inputs(lengths=[2, 3, 4, 5, 5, 4], seed=1)
    together = model.predict(inputs, verbose=0)
    for i in range(6):
        alone = model({name: array[i : i + 1] for name, array in inputs.items()})
        assert np.abs(alone - together[i]).max() < 1e-5


def test_every_position_on_its_own():
    """Asking for more positions, or in another order, changes no answer."""
    model, inputs = make_model(), make_inputs(lengths=[5, 5, 5])
    every = np.tile(np.arange(T, dtype="int32"), (B, 1))
    all_logits = ops.convert_to_numpy(model({**inputs, "masked_positions": every}))
    backwards = model({**inputs, "masked_positions": every[:, ::-1].copy()})
    np.testing.assert_allclose(all_logits[:, ::-1], backwards, atol=1e-5)
    chosen = np.take_along_axis(all_logits, inputs["masked_positions"][:, :, None], 1)
    np.testing.assert_allclose(model(inputs), chosen, atol=1e-5)
    assert np.abs(all_logits[:, 0] - all_logits[:, 1]).max() > 0.05


def test_every_real_input_changes_the_logits():
    model, inputs = make_model(), make_inputs()
    logits = model(inputs)
    for name, last in (("token_ids", V), ("segment_ids", 2)):
        changed = {**inputs, name: (inputs[name] + 1) % last}
        assert (np.abs(model(changed) - logits).max(axis=(1, 2)) > 1e-3).all()


def test_compile_and_fit_learn_to_copy():
    """The token at a position is what is asked for: a few steps bring the loss near zero."""
    rng = np.random.default_rng(7)
    inputs = make_inputs(lengths=rng.integers(2, T + 1, 64))
    labels = np.take_along_axis(inputs["token_ids"], inputs["masked_positions"], 1)
    model = MaskedLanguageModel(V, **SIZES, dropout=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    history = model.fit(inputs, labels, batch_size=16, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.1


def test_a_preset():
    model = MaskedLanguageModel.from_preset("tiny", V, num_layers=1)
    assert (model.config["num_layers"], model.config["hidden_dim"]) == (1, 128)


@pytest.mark.parametrize("wrong", [{"vocabulary_size": 0}, {"num_heads": 3}, {"dropout": 1.0}])
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}`.*Received: .*{name}={value}"):
        MaskedLanguageModel(**{"vocabulary_size": V, **SIZES, **wrong})
