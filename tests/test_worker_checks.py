"""What workers check of each other; `test_workers` has two of them."""

import keras
import numpy as np
import pytest

from regard import UserError
from regard.recipes.devices import worker_checks
from regard.recipes.devices.shards import Shard
from regard.recipes.devices.worker_checks import SameWeights, begin_alike


def test_one_worker_is_always_like_itself():
    begin_alike({"data": object()})


def test_weights_that_come_apart(monkeypatch):
    monkeypatch.setattr(worker_checks, "worker", lambda: Shard(0, 2))
    callback = SameWeights()
    callback.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    monkeypatch.setattr(worker_checks, "gather", lambda mine: np.stack([mine, mine]))
    callback.on_train_begin()
    callback.on_epoch_end(0)
    monkeypatch.setattr(worker_checks, "gather", lambda mine: np.stack([mine, mine + 1]))
    with pytest.raises(UserError, match="Give all of them the same checkpoint"):
        callback.on_train_begin()
    with pytest.raises(UserError, match="In epoch 3 the workers' weights came apart"):
        callback.on_epoch_end(2)
