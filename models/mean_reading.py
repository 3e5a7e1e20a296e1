"""Adds a block to a text classifier whose first token then reads the mean of all tokens.

BERT's classifier reads the first token, which a model of sentences has not learned to use: it takes
the mean of all. A classifier that takes a mean is no BERT for others. A block whose attention looks
at all tokens alike is: it is written, and opened elsewhere, as one block more.
"""

import math

import keras
import numpy as np

from .text_classifier import TextClassifier

STRENGTH = 30.0  # of the mean beside the first token's own vector, to which a block adds it
POOLED = 0.1  # of what the pooler gets: of so little, tanh is a straight line


def can_read_mean(model: TextClassifier) -> bool:
    """Returns whether attention may look at all tokens alike: not where it knows distances."""
    encoder = model.encoder
    is_plain = not encoder.shared_layers and encoder.num_groups is None and encoder.window is None
    return model.reads_first and is_plain and encoder.final_norm is None


def with_mean_block(model: TextClassifier) -> TextClassifier:
    """Makes the same classifier with one block more, after which the first token has the mean.

    Its attention has queries and keys of zeros, so that all tokens count alike, and adds up what
    they are. The feed-forward layer adds nothing at first. The pooler lets pass what it gets.

    Args:
        model: A classifier for which `can_read_mean`.

    Returns:
        A `TextClassifier` with `num_layers + 1`.
    """
    config = model.get_config()
    deeper = TextClassifier.from_config({**config, "num_layers": config["num_layers"] + 1})
    values = {variable.path: variable for variable in model.weights}
    for variable in deeper.weights:
        if variable.path in values:
            variable.assign(values[variable.path])
    width = config["hidden_dim"]
    block = deeper.encoder.blocks[-1]
    nothing = np.zeros((width, 2 * width), "float32")
    identity = np.eye(width, dtype="float32")
    _set(block.attention.query_key_value, np.concatenate([nothing, STRENGTH * identity], axis=1))
    _set(block.attention.attention_output, identity)
    _set(block.feed_forward.output_dense, np.zeros((config["intermediate_dim"], width), "float32"))
    # A unit of a normalized vector is at most the root of the width: so far from a bend at 0.
    is_odd = deeper.pooler.activation is keras.activations.tanh
    _set(deeper.pooler.dense, POOLED * identity, 0.0 if is_odd else POOLED * math.sqrt(width))
    return deeper


def _set(dense, kernel, bias=0.0):
    dense.kernel.assign(kernel)
    dense.bias.assign(np.full(dense.bias.shape, bias, "float32"))
