"""Trainings that stop before their end, and go on from what they have kept."""

import os
import signal
from contextlib import contextmanager

import pytest

from regard.recipes.training import fit as training


@contextmanager
def at_each_step(act):
    """Calls `act` after every step that a training makes, with the callback that keeps its state.

    Yields the list of the steps, counted from 0 in each epoch.
    """
    steps = []

    class Watching(training.KeepState):
        def on_train_batch_end(self, batch, logs=None):
            if logs:
                steps.append(batch)
                act(self, steps)
            super().on_train_batch_end(batch, logs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "KeepState", Watching)
        yield steps


def stop_in_the_second_epoch(keep, steps):
    """Ends a training as Ctrl-C does, after three steps of its second epoch."""
    if len(steps) == keep.params["steps"] + 3:
        os.kill(os.getpid(), signal.SIGINT)


def in_two_sittings(fit):
    """Trains, is interrupted within the second epoch, and goes on with the step after.

    `fit` trains; its value is returned.
    """
    with (
        at_each_step(stop_in_the_second_epoch) as first,
        pytest.raises(KeyboardInterrupt) as stopped,
    ):
        fit()
    assert "run the same command again" in stopped.value.__notes__[0]
    with at_each_step(lambda *_: None) as second:
        run = fit()
    # The last step of before is made once more.
    assert (first[-1], second[:2]) == (2, [2, 3])
    return run
