"""What a classifier of this package computes from a checkpoint of any family of image models."""

import numpy as np
from keras import ops

from regard.models import VisionTransformer
from regard.models.checkpoints import Checkpoint


def opened(directory, **options):
    """A checkpoint and its classifier, a new one of three classes if it has none."""
    checkpoint = Checkpoint(directory)
    number = None if checkpoint.class_names else 3
    return checkpoint, VisionTransformer.from_checkpoint(checkpoint, num_classes=number, **options)


def outputs_of(model, images, has_logits=True):
    """The hidden states of the encoder, normalized where they are, and the logits."""
    states = model.encoder(model.embedding(images))
    outputs = {"hidden_states": ops.convert_to_numpy(states)}
    if has_logits:
        outputs["logits"] = ops.convert_to_numpy(model(images))
    return outputs


def assert_close(outputs, expected):
    assert set(outputs) <= set(expected)
    for name, array in outputs.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-5, err_msg=name)
