"""Tells what each input contributes to an answer: gradient × input."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

AT_ONCE = 16  # answers whose gradients are computed together


def gradient_times_input(
    outputs_of: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], embedded: tf.Tensor, count: int
) -> np.ndarray:
    """Computes ∂(output) / ∂(input) · input for each answer and each position.

    To first order that is what would be lost of the output if the position's vector were zero:
    positive speaks for the answer, negative against it.

    Args:
        outputs_of: Turns vectors (A', S, D), one copy for each of the answers with the numbers
            (A',), into their outputs (A',): logits, not probabilities, which saturate.
        embedded: The vectors that an encoder reads (1, S, D).
        count: Number of answers A.

    Returns:
        float32, (A, S).

    References:
        Shrikumar et al., "Not Just a Black Box", section 2, https://arxiv.org/abs/1605.01713
    """
    embedded, rows = tf.cast(embedded, tf.float32), []
    for start in range(0, count, AT_ONCE):
        numbers = tf.range(start, min(count, start + AT_ONCE))
        copies = tf.repeat(embedded, len(numbers), axis=0)  # (A', S, D)
        with tf.GradientTape() as tape:
            tape.watch(copies)
            outputs = tf.cast(outputs_of(copies, numbers), tf.float32)
        gradients = tape.gradient(outputs, copies)
        rows.append(tf.reduce_sum(gradients * copies, axis=-1).numpy())  # (A', S)
    return np.concatenate(rows) if rows else np.zeros((0, embedded.shape[1]), "float32")


def after_embedding(
    model: keras.Model, inputs: Mapping[str, tf.Tensor]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the part of a model that goes on from what its embedding gives.

    Args:
        model: A model with an `embedding` and one input, or several by their names.
        inputs: Those of one example (1, ...), by their names.

    Returns:
        A function of copies of the embedded example (A', S, D) to the model's outputs (A', ...).
    """
    own = model.input if isinstance(model.input, dict) else {}
    names = [name for name in ("padding_mask", "masked_positions") if name in own]
    rest = keras.Model([model.embedding.output, *(own[name] for name in names)], model.output)

    def outputs_of(copies: tf.Tensor) -> tf.Tensor:
        others = (tf.repeat(inputs[name], len(copies), axis=0) for name in names)
        return rest([copies, *others], training=False)

    return outputs_of
