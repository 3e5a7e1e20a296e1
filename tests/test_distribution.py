"""Two devices beside one: the same batches give the same model."""

import csv
import logging
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import small_runs
from regard import TextSettings, UserError
from regard.recipes.devices import strategy as distribution
from regard.recipes.devices.gradients import sum_gradients
from regard.recipes.devices.shards import Shard
from regard.recipes.devices.strategy import (
    check_batch,
    distributed,
    num_replicas,
    strategy,
    with_hardware_defaults,
)
from regard.recipes.training import fit as training
from regard.recipes.training.token_budget import read_ahead
from tiers import only_first

TASKS = ("text", "taught", "adversarial", "pretraining", "translation", "images", "tokens")


@pytest.mark.parametrize("task", only_first(TASKS))
def test_two_devices_are_as_one(task, plain_run, tmp_path):
    runs = {"mirrored": tmp_path / "mirrored"}
    if task in ("taught", "adversarial"):
        runs["single"] = tmp_path / "single"
        small_runs.fit(task, runs["single"], dropout=0.0, strategy="single")
    else:
        runs["single"] = plain_run(task)
    small_runs.fit(task, runs["mirrored"], dropout=0.0, strategy="mirrored")
    histories = {}
    for kind, output in runs.items():
        rows = (output / "history.csv").read_text().splitlines()[1:]
        histories[kind] = [list(map(float, row.split(",")[:-1])) for row in rows]  # but for seconds
    np.testing.assert_allclose(histories["mirrored"], histories["single"], atol=1e-5)
    assert small_runs.largest_difference(*runs.values()) < 1e-5


# Batches of few shapes, for each of which XLA takes seconds.
FEW_SHAPES = {
    "text": {"batch_tokens": 880, "max_sequence_length": 8, "learning_rate": 0.01, "epochs": 8},
    "translation": {
        "batch_tokens": 6000,
        "max_sequence_length": 24,
        "learning_rate": 0.05,
        "epochs": 6,
    },
    "images": {"batch_size": 10, "stochastic_depth": 0.1, "epochs": 4},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "precision"),
    [("images", "float16"), ("text", "bfloat16"), ("translation", "float32")],
)
def test_xla_on_two_devices(task, precision, tmp_path, monkeypatch):
    """With dropout, clipping, label smoothing and accumulation; nothing is traced twice."""
    traced, after_epochs, compiled = [], [], []
    compute_metrics = keras.Model.compute_metrics

    def count(self, *arguments, **named):  # runs while a step is traced, and no more
        traced.append(self.jit_compile)
        return compute_metrics(self, *arguments, **named)

    class Counting(training.Progress):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            after_epochs.append(len(traced))

    function = tf.function

    def note(*arguments, **named):
        compiled.append(named.get("jit_compile"))
        return function(*arguments, **named)

    monkeypatch.setattr(keras.Model, "compute_metrics", count)
    monkeypatch.setattr(training, "Progress", Counting)
    monkeypatch.setattr("regard.recipes.devices.patch_keras.tf.function", note)
    run = small_runs.fit(
        task,
        tmp_path / "run",
        strategy="mirrored",
        xla=True,
        precision=precision,
        accumulate=2,
        dropout=0.1,
        label_smoothing=0.1,
        patience=24,
        **FEW_SHAPES[task],
    )
    with open(tmp_path / "run/history.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert np.all(np.isfinite(losses)) and losses[-1] < 0.8 * losses[0]
    if task == "images":
        assert run.metrics["accuracy"] > 0.5
    assert True in compiled
    assert after_epochs[0] == after_epochs[-1]


def test_a_users_own_model(tmp_path):
    """`with strategy()`, then plain `compile` and `fit`, with batches that do not share evenly."""
    x = np.random.default_rng(0).normal(size=(23, 5)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int32")
    weights = np.linspace(0.1, 2, 23).astype("float32")

    def trained(kind):
        keras.utils.set_random_seed(3)
        with strategy(kind):
            inputs = keras.Input((5,))
            model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(7)(inputs)))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            optimizer = keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.5)
            model.compile(optimizer, loss, weighted_metrics=["accuracy"])
        data = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(5)  # the last has 3
        history = model.fit(data, epochs=5, verbose=0).history
        return history, model.get_weights(), model.predict(x, verbose=0)

    (one, weights_of_one, said), (two, weights_of_two, said_by_two) = (
        trained(kind) for kind in ("single", "mirrored")
    )
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name], one[name], atol=1e-5)
    for a, b in zip(weights_of_one, weights_of_two, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    np.testing.assert_allclose(said_by_two, said, atol=1e-5)


def mean_of_squares(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred))


@pytest.mark.parametrize("loss", [mean_of_squares, keras.losses.MeanSquaredError(reduction="sum")])
def test_a_loss_that_is_one_number(loss):
    """The mean over each device's rows, of which the mean is taken; whoever adds up is added up."""
    x = np.random.default_rng(0).normal(size=(24, 5)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    figures = []
    for kind in ("single", "mirrored"):
        keras.utils.set_random_seed(3)
        with strategy(kind):
            model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(0.01), loss)
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(6)
        losses = model.fit(data, epochs=2, verbose=0).history["loss"]
        figures.append(np.concatenate([losses, *map(np.ravel, model.get_weights())]))
    np.testing.assert_allclose(*figures, rtol=1e-5)


def test_devices_drop_different_units():
    with strategy("mirrored") as two:
        dropout = keras.layers.Dropout(0.5, seed=0)

        @tf.function
        def drop():
            return two.run(lambda: dropout(tf.ones((1, 1000)), training=True))

        first, second = (value.numpy() for value in two.experimental_local_results(drop()))
    assert 0.4 < np.mean((first == 0) != (second == 0)) < 0.6


@pytest.mark.parametrize("num_rows", [5, 100])  # of a table: more than occur, and fewer
def test_a_table_of_which_some_rows_occur(num_rows, monkeypatch):
    monkeypatch.setattr("regard.recipes.devices.gradients.PACK_BYTES", 4)
    occurring = np.array([[3, 0, 3, 4], [4, 4, 4, 2]])
    values = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
    with strategy("mirrored") as two:
        table = keras.Variable(np.zeros((num_rows, 6), "float32"))

        @tf.function
        def add_up(first_count):
            def on_each():
                number = tf.distribute.get_replica_context().replica_id_in_sync_group
                count = tf.where(tf.equal(number, 0), first_count, 4)
                indices = tf.gather(occurring, number)[:count]
                rows = tf.gather(values, number)[:count]
                gradient = tf.IndexedSlices(rows, indices, tf.constant([num_rows, 6]))
                return sum_gradients([gradient, None], [table, table])[0]

            return two.experimental_local_results(two.run(on_each))

        first, second = (copy.numpy() for copy in add_up(3))  # devices have unequal numbers of rows
    expected = np.zeros((num_rows, 6), "float32")
    np.add.at(expected, occurring[0, :3], values[0, :3])
    np.add.at(expected, occurring[1], values[1])
    np.testing.assert_allclose(first, expected, atol=1e-6)
    np.testing.assert_array_equal(first, second)


def test_an_overflow_of_float16_changes_nothing_on_any_device():
    with strategy("mirrored") as two:
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        layer.build((None, 1))
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0))
        optimizer.build(layer.trainable_variables)

        @tf.function
        def step(gradient_of_second):
            def on_each():
                number = tf.distribute.get_replica_context().replica_id_in_sync_group
                gradient = tf.where(tf.equal(number, 1), gradient_of_second, 2.0**15)
                optimizer.apply([[[gradient]]], layer.trainable_variables)

            two.run(on_each)

        step(np.float32("inf"))
        assert layer.kernel.numpy() == 1 and optimizer.dynamic_scale.numpy() == 2.0**14
        step(np.float32(2.0**14))
        assert layer.kernel.numpy() == 1 - 3  # the sum, with the scale of now
        for copy in two.experimental_local_results(layer.kernel.value):
            assert copy.numpy() == -2


def test_gpus_that_are_not_there(monkeypatch):
    monkeypatch.setattr("regard.recipes.devices.strategy._device_names", lambda: ["CPU:0"])
    message = "sees 1 of this machine: leave out --strategy"
    with pytest.raises(UserError, match=message), strategy("mirrored"):
        pass


def test_a_strategy_that_is_none():
    with (
        pytest.raises(UserError, match=r"must be one of auto, .*Received: horovod"),
        strategy("horovod"),
    ):
        pass


def test_machines_without_a_name():
    with pytest.raises(UserError, match=r"needs TF_CONFIG.*--workers N"), strategy("multiworker"):
        pass


def test_a_batch_for_more_devices_than_rows():
    with strategy("mirrored"):
        assert num_replicas() == 2
        check_batch(2, "--batch-size")
        with pytest.raises(UserError, match=r"each of the 2 devices .*Received: 1 .*--batch-size"):
            check_batch(1, "--batch-size")


def test_the_hardware_decides(caplog):
    with caplog.at_level(logging.INFO, logger="regard"), strategy("mirrored"):
        settings = with_hardware_defaults(TextSettings())
    assert (settings.precision, settings.xla) == ("float32", False)
    assert "Training on 2 CPUs, in float32, no XLA." in caplog.messages


def test_what_is_asked_for_stays():
    settings = with_hardware_defaults(TextSettings(precision="float16", xla=True))
    assert (settings.precision, settings.xla) == ("float16", True)


class OneOfTwo:
    """What `distributed` asks of a strategy: that of one of two workers, with two devices each."""

    extended = mock.Mock(worker_devices=("GPU:0", "GPU:1"))

    def distribute_datasets_from_function(self, make):
        return make(None)


def test_every_row_is_some_devices(monkeypatch):
    """Also where one device's rows are a batch more than the other's."""
    for count in range(8, 17):
        found = []
        for index in range(2):
            monkeypatch.setattr(distribution, "worker", lambda index=index: Shard(index, 2))
            monkeypatch.setattr(tf.distribute, "get_strategy", OneOfTwo)

            def make(shard, count=count):
                rows = np.arange(count)[shard.rows(count)]
                batches = tf.data.Dataset.from_tensor_slices(rows).batch(2)
                return read_ahead(batches, -(-len(rows) // 2))

            found += [row for batch in distributed(make).as_numpy_iterator() for row in batch]
        assert sorted(found) == list(range(count))
