"""Tells what an image classifier attends to."""

import numpy as np
import tensorflow as tf

from ..attention.arrays import Outcome, Token, self_attention
from ..attention.attention import Attention
from ..attention.gradients import after_embedding, gradient_times_input

MOST_CLASSES = 10  # whose contributions are computed, the most probable ones


def attend_to_image(run, pixels: np.ndarray, prediction) -> Attention:
    """Returns what an `ImageRun` attends to in an image; `prediction` is what it says.

    Args:
        run: The run.
        pixels: The image at the size of the model, uint8 (H, W, 3).
        prediction: The `ImagePrediction`.
    """
    model = run.model
    embedded = model.embedding(run.preprocessor.normalize(pixels[np.newaxis]))  # (1, T, D)
    weights = np.array(model.encoder.attention_weights(embedded)[0])  # (L, N, T, T)
    ranked = prediction.ranked(MOST_CLASSES)
    classes = tf.constant([run.class_names.index(name) for name in ranked])
    logits_of = after_embedding(model, {})  # (A', T, D) to (A', C)

    def outputs_of(copies, numbers):
        return tf.gather(logits_of(copies), tf.gather(classes, numbers), batch_dims=1)

    grid = tuple(side // model.config["patch_size"] for side in pixels.shape[:2])
    return Attention(
        subject=run.described,
        prediction=prediction,
        title=prediction.title,
        score=max(ranked.values()),
        heads={"encoder": self_attention(_tokens(model.embedding, *grid), weights)},
        outcomes=[Outcome(*each) for each in ranked.items()],
        contributions=gradient_times_input(outputs_of, embedded, len(ranked)),
        reader=0 if model.config["pooling"] == "class" else None,
        picture=pixels,
        grid=grid,
        is_value=prediction.value is not None,
    )


def _tokens(embedding, rows: int, columns: int) -> list[Token]:
    """Names the patches by row and column, counted from 1, and the tokens before them."""
    patches = [
        Token(f"{row + 1}, {column + 1}") for row in range(rows) for column in range(columns)
    ]
    first = ["[CLS]"] * embedding.has_class_token + ["[DIST]"] * embedding.has_distillation_token
    first += [f"[REG {number + 1}]" for number in range(embedding.num_registers)]
    return [Token(name, is_special=True) for name in first] + patches
