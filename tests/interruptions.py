"""Trainings that stop before their end, and keep what they go on from."""

import pytest

from regard.recipes.runs.session import Session
from regard.recipes.training import fit as training
from regard.recipes.training import resuming


def keep_state(monkeypatch, state):
    """Keeps the state of every training in a directory, each epoch, as on the chief of several."""
    monkeypatch.setattr(resuming, "SAVE_SECONDS", 0.0)
    create = Session.__init__

    def create_with_state(self, *arguments):
        create(self, *arguments[:-1], state)

    monkeypatch.setattr(Session, "__init__", create_with_state)


def stop_before(monkeypatch, epoch):
    """Stops a training when an epoch, counted from 0, begins; lists those that began before it."""
    epochs = []

    class Stopping(training.Progress):
        def on_epoch_begin(self, number, logs=None):
            if number >= epoch:
                raise KeyboardInterrupt
            epochs.append(number)
            super().on_epoch_begin(number, logs)

    monkeypatch.setattr(training, "Progress", Stopping)
    return epochs


def in_two_sittings(fit, state, epochs):
    """Trains, is interrupted before the last epoch, and goes on; no epoch is trained twice.

    Args:
        fit: Trains; its value is returned.
        state: An empty directory, for the state.
        epochs: Number of epochs of the whole training.
    """
    with pytest.MonkeyPatch.context() as patched:
        keep_state(patched, state)
        with patched.context() as once:
            first = stop_before(once, epochs - 1)
            with pytest.raises(KeyboardInterrupt):
                fit()
        assert first == list(range(epochs - 1))
        second = stop_before(patched, epochs)
        run = fit()
        assert second == [epochs - 1]
    return run
