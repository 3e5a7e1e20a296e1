import keras
import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.training.optimizers import LayerwiseAdamW, LinearWarmupDecay, bert_optimizer


def test_schedule_by_hand():
    schedule = LinearWarmupDecay(peak=2.0, warmup_steps=4, total_steps=12)
    rates = [float(schedule(step)) for step in (0, 1, 3, 4, 8, 11, 12, 20)]
    assert rates == pytest.approx([0.5, 1.0, 2.0, 2.0, 1.0, 0.25, 0.0, 0.0])
    assert LinearWarmupDecay.from_config(schedule.get_config()).get_config() == {
        "peak": 2.0,
        "warmup_steps": 4,
        "total_steps": 12,
    }


def test_schedule_errors():
    with pytest.raises(ValueError, match="warmup_steps=5, total_steps=5"):
        LinearWarmupDecay(1.0, 5, 5)


@pytest.mark.parametrize("total_steps", [1, 2, 1000])
def test_optimizer_takes_any_number_of_steps(total_steps):
    assert float(bert_optimizer(1e-3, total_steps).learning_rate) > 0


def test_weight_decay_spares_biases_and_norms():
    model = keras.Sequential(
        [keras.layers.Input((3,)), keras.layers.Dense(4), keras.layers.LayerNormalization()]
    )
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    optimizer = bert_optimizer(0.1, 100)
    gradients = [np.zeros(weight.shape, "float32") for weight in model.trainable_weights]
    optimizer.build(model.trainable_weights)
    optimizer.apply(gradients, model.trainable_weights)
    moved = {
        weight.path.split("/")[-1]: bool(np.any(np.array(weight) != 1)) for weight in model.weights
    }
    assert moved == {"kernel": True, "bias": False, "gamma": False, "beta": False}


def test_gradients_are_clipped_by_their_global_norm():
    assert bert_optimizer(1e-3, 10).global_clipnorm == 1.0


def test_optimizer_is_the_adamw_of_keras():
    """With clipping, weight decay and a schedule, and where only some rows have a gradient."""
    settings = {"weight_decay": 0.1, "global_clipnorm": 0.5}
    rows = tf.constant([4, 1, 4])  # one of them twice
    results = []
    for make in (LayerwiseAdamW, keras.optimizers.AdamW):
        variables = [keras.Variable(np.ones(shape), name="kernel") for shape in ((5, 2), (3,))]
        optimizer = make(LinearWarmupDecay(0.1, 2, 9), **settings)
        for seed in range(4):
            draw = np.random.default_rng(seed).normal
            table = tf.IndexedSlices(draw(size=(3, 2)).astype("float32"), rows, (5, 2))
            if make is keras.optimizers.AdamW:  # which would take a wrong norm of the rows
                table = tf.convert_to_tensor(table)
            optimizer.apply([table, draw(size=3).astype("float32")], variables)
        results.append(np.concatenate([np.ravel(variable) for variable in variables]))
    np.testing.assert_allclose(*results, rtol=1e-5)
    assert np.abs(results[0] - 1).min() > 1e-3


def test_lower_layers_learn_and_decay_at_lower_rates():
    paths = {"embedding/table": 0.25, "encoder/block_0/x/kernel": 0.5, "head/kernel": 1.0}
    for gradient, weight_decay in ((1.0, 0.0), (0.0, 0.1)):
        variables = [keras.Variable(np.ones(2)) for _ in paths]
        for variable, path in zip(variables, paths, strict=True):
            variable._path = path
        optimizer = LayerwiseAdamW(0.01, layer_decay=0.5, weight_decay=weight_decay)
        optimizer.apply([tf.fill(2, gradient)] * 3, variables)
        moved = np.array([1 - float(variable[0]) for variable in variables])
        np.testing.assert_allclose(moved / moved[-1], list(paths.values()), rtol=1e-3)


def test_the_mean_is_of_every_so_many_steps():
    weight = keras.Variable(0.0)
    optimizer = LayerwiseAdamW(1.0, average_every=3, use_ema=True, ema_momentum=0.5)
    averaged = []
    for step in range(8):
        optimizer.apply([tf.constant(1.0)], [weight])
        if step % 3 == 0:
            averaged.append(float(weight))
        shares = 0.5 ** np.arange(len(averaged))[::-1]  # the older, the smaller
        mean = np.average(averaged, weights=shares)
        assert float(optimizer._model_variables_moving_average[0]) == pytest.approx(mean)


def test_before_the_first_step_the_mean_is_the_weights():
    weight = keras.Variable(3.0)
    averaged = {"use_ema": True, "weight_decay": 0.0}
    optimizer = LayerwiseAdamW(1.0, gradient_accumulation_steps=2, **averaged)
    for mean in (3.0, 2.0):  # accumulated, then stepped
        optimizer.apply([tf.constant(1.0)], [weight])
        assert float(optimizer._model_variables_moving_average[0]) == pytest.approx(mean, abs=1e-4)


def test_optimizer_gives_back_its_arguments():
    config = LayerwiseAdamW(0.1, layer_decay=0.5, average_every=3, weight_decay=0.2).get_config()
    again = LayerwiseAdamW.from_config(config)
    assert again.get_config() == config
    assert (again.layer_decay, again.average_every, again.weight_decay) == (0.5, 3, 0.2)


def test_optimizer_has_no_amsgrad():
    with pytest.raises(ValueError, match="Received: amsgrad=True"):
        LayerwiseAdamW(amsgrad=True)
