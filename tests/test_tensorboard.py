"""TensorBoard's logs, where they are asked for."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from commands import mistake
from regard.recipes import settings
from regard.recipes.errors import UserError
from regard.recipes.settings import Settings
from regard.recipes.training.fit import Steps, fit
from regard.recipes.training.tensorboard import tensorboard_logs


def test_where_it_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"`pip install tensorboard`. Received: tensorboard=logs"):
        Settings(tensorboard=Path("logs"))
    said = mistake("fit", "text", tmp_path / "no.csv", "--tensorboard", "logs")
    assert "which is not installed" in said
    assert tensorboard_logs(Settings()) == []


def test_figures_of_each_epoch_are_written(tmp_path):
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((np.eye(2), np.ones((2, 1))))
    logs = tensorboard_logs(Settings(tensorboard=tmp_path))
    history, _ = fit(
        model, lambda *_: data.repeat(), lambda _: data, Steps(2, 3), None, callbacks=logs
    )
    for name, column in (("train", "loss"), ("validation", "val_loss")):
        (file,) = (tmp_path / name).iterdir()
        events = tf.compat.v1.train.summary_iterator(str(file))
        written = [
            float(tf.make_ndarray(value.tensor))
            for event in events
            for value in event.summary.value
            if value.tag == "epoch_loss"
        ]
        assert written == pytest.approx([row[column] for row in history])
