"""Heads that share a table stay tied to it in every copy of their model."""

import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import floats
from regard.layers import Encoder, MaskedLMHead, SinusoidalEmbedding, TextEmbedding, TiedOutput
from regard.models import MaskedLanguageModel, Translator

V, D, T = 11, 6, 5
IDS = np.arange(10, dtype="int32").reshape(2, 5)
SIZES = {"hidden_dim": D, "num_layers": 1, "num_heads": 2, "intermediate_dim": 7, "dropout": 0.0}


def ids(name="token_ids"):
    return keras.Input((None,), dtype="int32", name=name)


def plain(head):
    table, inputs = keras.layers.Embedding(V, D, name="tokens"), ids()
    return keras.Model(inputs, head(table)(table(inputs)))


def inside_another_layer(head):
    embedding, inputs = SinusoidalEmbedding(V, D, T, pad_id=1), ids()
    x = Encoder(1, 2, 7)(embedding(inputs))
    return keras.Model(inputs, head(embedding.token_embedding)(x))


def inside_another_model(head):
    embedding, inner, inputs = TextEmbedding(V, D, T), ids("inner"), ids()
    body = keras.Model(inner, Encoder(1, 2, 7)(embedding(inner)), name="body")
    return keras.Model(inputs, head(embedding.token_embedding)(body(inputs)))


def one_of_two(head):
    first, second = (TextEmbedding(V, D, T, name=name) for name in ("first", "second"))
    inputs = ids()
    x = keras.layers.Add()([first(inputs), second(inputs)])
    return keras.Model(inputs, head(second.token_embedding)(x))


def sequential(head):
    embedding = SinusoidalEmbedding(V, D, T)
    embedding.build((None, None))
    layers = [embedding, Encoder(1, 2, 7), head(embedding.token_embedding)]
    return keras.Sequential([ids(), *layers])


MODELS = (plain, inside_another_layer, inside_another_model, one_of_two, sequential)


def saved_and_loaded(model, directory):
    model.save(directory / "model.keras")
    return keras.models.load_model(directory / "model.keras")


def cloned(model, directory):
    return keras.models.clone_model(model)


def configured(model, directory):
    return type(model).from_config(model.get_config())


COPIES = (saved_and_loaded, cloned, configured)


def tables_of(model):
    return [id(weight) for weight in model.weights if tuple(weight.shape) == (V, D)]


def randomize(model):
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("head", [TiedOutput, MaskedLMHead])
@pytest.mark.parametrize("make", MODELS)
def test_a_copy_is_tied_as_its_model_is(make, head, copy, tmp_path):
    model = randomize(make(head))
    twin = copy(copy(model, tmp_path), tmp_path)  # a copy of a copy, too
    assert [w.shape for w in twin.weights] == [w.shape for w in model.weights]
    assert not set(tables_of(twin)) & set(tables_of(model))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(IDS), model(IDS))
    layer = twin.layers[-1]
    assert [w.shape for w in layer.weights] == [w.shape for w in model.layers[-1].weights]
    layer.token_embedding.set_weights([np.zeros((V, D))])  # of the model, whose weights they are:
    np.testing.assert_array_equal(twin(IDS), np.broadcast_to(layer.bias, (2, 5, V)))
    assert [np.any(w) for w in twin.weights if tuple(w.shape) == (V, D)].count(False) == 1


@pytest.mark.parametrize("head", [TiedOutput, MaskedLMHead])
def test_a_loaded_head_lists_its_weights_in_the_same_order(head, tmp_path):
    model = inside_another_layer(head)
    again = saved_and_loaded(model, tmp_path)
    names = [[w.path for w in each.layers[-1].weights] for each in (model, again)]
    assert names[0] == names[1]


@pytest.mark.parametrize("copy", COPIES)
def test_a_step_of_a_copy_moves_the_one_table(copy, tmp_path):
    model = randomize(inside_another_layer(TiedOutput))
    twin = copy(model, tmp_path)
    twin.set_weights(model.get_weights())
    for each in (model, twin):
        each.compile(keras.optimizers.SGD(0.1), "mse")
        each.train_on_batch(IDS % V, floats(2, 5, V, seed=3))
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("model_class", [MaskedLanguageModel, Translator])
def test_our_models_are_cloned_with_their_ties(model_class):
    model = randomize(model_class(V, **SIZES, max_sequence_length=T))
    clone = keras.models.clone_model(model)
    assert len(tables_of(clone)) == len(tables_of(model)) == 1
    clone.set_weights(model.get_weights())
    inputs = {name: np.array([[1, 0, 1], [1, 1, 0]], x.dtype) for name, x in model.input.items()}
    np.testing.assert_allclose(clone(inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize("copy", COPIES)
def test_a_head_of_its_own_stays_on_its_own(copy, tmp_path):
    """A table with the name and sizes of another layer's is not taken for it."""
    embedding, inputs = SinusoidalEmbedding(V, D, T), ids()
    own = TiedOutput(keras.layers.Embedding(V, D, name="token_embedding"))
    model = randomize(keras.Model(inputs, own(embedding(inputs))))
    twin = copy(model, tmp_path)
    assert len(tables_of(twin)) == 2
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(IDS % V), model(IDS % V))


def test_a_head_taken_from_a_model_keeps_a_copy_of_the_table(tmp_path):
    translator = randomize(Translator(V, **SIZES))
    states = keras.Input((None, D))
    model = keras.Model(states, translator.head(states))
    again = saved_and_loaded(model, tmp_path)
    x = floats(2, 3, D)
    np.testing.assert_array_equal(again(x), model(x))


def test_two_tables_with_one_path_are_refused():
    inputs = ids()
    bodies, tables = [], []
    for name in ("one", "two"):
        embedding, inner = TextEmbedding(V, D, T, name="embedding"), ids("inner")
        bodies.append(keras.Model(inner, embedding(inner), name=name)(inputs))
        tables.append(embedding.token_embedding)
    model = keras.Model(inputs, TiedOutput(tables[1])(keras.layers.Add()(bodies)))
    with pytest.raises(ValueError, match="2 layers with the path 'embedding/token_embedding'"):
        keras.models.clone_model(model)
    assert ops.shape(model(IDS)) == (2, 5, V)
