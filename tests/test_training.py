import io
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.errors import UserError
from regard.recipes.settings import Settings
from regard.recipes.training.fit import (
    BestEpoch,
    Steps,
    _warn_of_rise,
    best_epoch_of,
    check_converged,
    fit,
    whole_steps,
)
from regard.recipes.training.losses import (
    TokenAccuracy,
    TokenCrossentropy,
    class_weights,
    compile_classifier,
    smooth,
)
from regard.recipes.training.optimizers import bert_optimizer
from regard.recipes.training.progress import Progress


def test_class_weights_by_hand():
    weights = class_weights(np.array([0, 0, 0, 0, 1]), num_classes=3)
    assert weights.tolist() == pytest.approx([5 / 6, 5 / 3, 0.0])
    labels = np.random.default_rng(0).integers(0, 5, 101)
    assert class_weights(labels, 5)[labels].mean() == pytest.approx(1.0)


def test_label_smoothing_by_hand():
    targets = np.array([[1.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(smooth(targets, 0.2), [[0.85, 0.05, 0.05, 0.05]])


def test_divergence_names_the_epoch():
    history = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": float("nan")}]
    check_converged(history[:1])
    with pytest.raises(UserError, match="in epoch 2 the loss was nan"):
        check_converged(history)


def test_best_epoch_prefers_the_smaller_loss_among_equals():
    best = BestEpoch(patience=3)
    early = best.get_monitor_value({"val_macro_f1": 1.0, "val_loss": 0.6})
    late = best.get_monitor_value({"val_macro_f1": 1.0, "val_loss": 0.2})
    worse = best.get_monitor_value({"val_macro_f1": 0.99, "val_loss": 0.0})
    assert late > early > worse


@pytest.mark.parametrize(
    ("given", "num_examples", "patience"),
    [
        ({"epochs": 3}, 100, 10),
        ({"epochs": 90}, 100, 30),
        ({"epochs": 90}, 99, None),  # too few to tell the best: the last is kept
        ({"epochs": 90, "patience": 7}, 1, 7),
    ],
)
def test_few_examples_do_not_tell_the_best_epoch(given, num_examples, patience, caplog):
    caplog.set_level("INFO", "regard")
    best = best_epoch_of(Settings(**given), num_examples)
    assert (best and best.patience) == patience
    assert ("cannot tell the best epoch" in caplog.text) == (best is None)


def test_the_best_epoch_is_kept_as_it_was_validated():
    """With a mean of weights it is the mean of that epoch, not the last one, nor the weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    x, y = np.eye(2, dtype="float32"), np.eye(2, dtype="float32")
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.7)
    compile_classifier(model, optimizer)
    validated = []
    note = keras.callbacks.LambdaCallback(
        on_test_end=lambda logs=None: validated.append(model.get_weights()[0])
    )
    best = BestEpoch(patience=9)
    best.get_monitor_value = lambda logs: -abs(len(validated) - 3)  # the third is the best
    mean = keras.callbacks.SwapEMAWeights()
    model.fit(x, y, epochs=5, validation_data=(x, y), verbose=0, callbacks=[note, best, mean])
    assert best.best_epoch == 2
    np.testing.assert_array_equal(model.get_weights()[0], validated[2])
    assert not np.allclose(validated[2], validated[4])


@pytest.mark.parametrize(
    ("batches", "epochs", "accumulate", "expected"),
    [
        (5, 4, 1, (5, 4)),
        (5, 4, 5, (5, 4)),
        (5, 4, 2, (6, 4)),  # one batch of the next pass
        (3, 4, 5, (5, 3)),  # fifteen batches in place of twelve
        (1, 4, 4, (4, 1)),
    ],
)
def test_a_training_is_a_whole_number_of_steps(batches, epochs, accumulate, expected):
    assert whole_steps(batches, epochs, accumulate) == expected


def test_more_batches_than_there_are_cannot_be_added_up():
    with pytest.raises(UserError, match=r"has 20, in 4 epochs\. Pass a smaller --accumulate"):
        whole_steps(5, 4, 21)


@pytest.mark.parametrize(
    ("first", "losses", "kept", "says"),
    [
        (0.7, [0.5, 0.4], 2, False),
        (0.7, [9.0, 1.2], 2, True),
        (0.7, [0.6, 9.0], 1, False),  # the weights are those of the first epoch
        (0.01, [0.2, 0.1], 2, False),  # it knew its task
        (None, [9.0, 9.0], 2, False),  # after an interruption
    ],
)
def test_a_loss_far_above_its_start_is_said(first, losses, kept, says, caplog):
    progress = Progress()
    progress.first_loss, progress.history = first, [{"loss": loss} for loss in losses]
    _warn_of_rise(progress, kept, (None, 2))
    assert ("Pass a lower --learning-rate" in caplog.text) == says


def test_the_first_loss_is_that_of_the_first_batch(caplog):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    compile_classifier(model, keras.optimizers.SGD(300.0))
    x, y = np.eye(2, dtype="float32")[[0, 1] * 4], np.eye(2, dtype="float32")[[1, 0, 0, 1] * 2]
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    expected = model.evaluate(data.take(1), verbose=0)[0]
    fit(model, lambda step, shard: data.repeat(), lambda shard: data, Steps(4, 2), None)
    assert f"from {max(expected, np.log(2)):.3f} to " in caplog.text


class Clock:
    """Stands in for the time; what tells it is set by hand."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("time.perf_counter", lambda: self.now)
        monkeypatch.setattr("tqdm.std.time", lambda: self.now)


def train_by(clock, progress, epochs, steps, seconds=1.0):
    """Goes through epochs; the first batch, to learn from and to validate on, takes a minute."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    progress.set_model(model)
    progress.set_params({"epochs": epochs, "steps": steps})
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(steps):
            clock.now += seconds if epoch or batch else 60.0
            progress.on_train_batch_end(batch, {"loss": 1.0})
        progress.on_test_begin()
        clock.now += seconds if epoch else 60.0
        progress.on_test_batch_end(0)
        progress.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 0.5})


@pytest.mark.parametrize(
    ("epochs", "steps", "said"),
    [
        (30, 11, "At most 6 minutes to go."),  # 29 epochs of 11 steps: 319 s, without tracing
        (150, 1, "At most 6 minutes to go."),  # one step tells nothing; the second epoch does
        (6, 11, None),  # less than a minute
    ],
)
def test_how_long_it_takes_is_said_once(epochs, steps, said, monkeypatch, caplog):
    caplog.set_level("INFO", "regard")
    train_by(Clock(monkeypatch), Progress(), epochs, steps)
    assert [each for each in caplog.messages if "minutes" in each] == ([said] if said else [])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_keeps_a_line_an_epoch_above_the_bar(monkeypatch):
    """The time that is left is told by the steps after the first, which traces the model."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    handler = logging.StreamHandler(terminal)
    logger = logging.getLogger("regard")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()
    train_by(Clock(monkeypatch), progress := Progress(), 10, 20, seconds=0.5)
    lines = [line.rpartition("\r")[2] for line in terminal.getvalue().split("\n")]
    assert [line for line in lines if line.startswith("epoch ")][:2] == [
        "epoch 1/10: loss 1.0000, val loss 0.500 (129.5 s)",
        "epoch 2/10: loss 1.0000, val loss 0.500 (10.5 s)",
    ]
    left = re.findall(r"<(\S+),", terminal.getvalue())
    assert left[-1] == "01:22"  # of 160 steps, at half a second each and a validation in 20
    progress.on_train_end()
    assert terminal.getvalue().endswith("\r")


def test_progress_notes_every_epoch(caplog):
    caplog.set_level("INFO", logger="regard")
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2)])
    compile_classifier(model, bert_optimizer(1e-3, 6))
    x, y = np.random.default_rng(0).normal(size=(12, 2)), np.eye(2)[[0, 1] * 6]
    progress = Progress()
    model.fit(x, y, batch_size=4, epochs=2, validation_data=(x, y), verbose=0, callbacks=[progress])
    assert [row["epoch"] for row in progress.history] == [1, 2]
    assert progress.history[-1]["learning_rate"] == 0.0
    assert {"loss", "val_loss", "val_accuracy", "val_macro_f1"} <= set(progress.history[0])
    assert [record.message[:10] for record in caplog.records] == ["epoch 1/2:", "epoch 2/2:"]


def test_figures_of_tokens_are_means_over_all_of_them():
    logits = np.log([[[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], [[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]]])
    targets, weights = np.array([[0, 2], [1, 2]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    for metric, expected in (
        (TokenCrossentropy(), -np.mean(np.log([0.7, 0.3, 0.25]))),
        (TokenAccuracy(), 1 / 3),
    ):
        for row in (slice(0, 1), slice(1, 2)):
            metric.update_state(targets[row], logits[row].astype("float32"), weights[row])
        assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
