"""Writes TensorBoard's logs of a training, where they are asked for."""

import keras

from ..devices.strategy import is_chief
from ..settings import Settings


def tensorboard_logs(settings: Settings) -> list[keras.callbacks.Callback]:
    """Makes what writes the figures of each epoch; of several workers, the chief writes them."""
    if settings.tensorboard is None or not is_chief():
        return []
    return [keras.callbacks.TensorBoard(settings.tensorboard, write_graph=False)]
