"""Tells what a text classifier attends to."""

import logging
from dataclasses import replace

import numpy as np
import tensorflow as tf

from ..attention.arrays import Outcome, self_attention
from ..attention.attention import Attention
from ..attention.gradients import after_embedding, gradient_times_input
from ..attention.tokens import of_encoder
from .encoding import TREATMENTS

MOST_TOKENS = 512  # to look at: the weights of 8,192 would be gigabytes
MOST_CLASSES = 10  # whose contributions are computed, the most probable ones

logger = logging.getLogger("regard")


def attend_to_text(run, text, prediction) -> Attention:
    """Returns what a `TextRun` attends to in a text, or in a pair; `prediction` is what it says."""
    length = min(run.max_sequence_length, MOST_TOKENS)
    encoded = replace(run.encoder, max_sequence_length=length).encode_all([text])
    note = _tell_long(run, encoded, length)
    inputs = run.tokenizer.pack(encoded.token_ids[:1])  # of windows the first
    embedded = run.model.embedding(inputs["token_ids"], inputs["segment_ids"])  # (1, T, D)
    weights = run.model.encoder.attention_weights(embedded, inputs["padding_mask"])
    ranked = prediction.ranked(MOST_CLASSES)
    classes = tf.constant([run.class_names.index(name) for name in ranked])
    logits_of = after_embedding(run.model, inputs)  # (A', T, D) to (A', C)

    def outputs_of(copies, numbers):
        return tf.gather(logits_of(copies), tf.gather(classes, numbers), batch_dims=1)

    return Attention(
        subject=run.described,
        prediction=prediction,
        title=prediction.title,
        score=max(ranked.values()),
        heads={"encoder": self_attention(tokens_of(run, inputs), np.array(weights[0]))},
        outcomes=[Outcome(*each) for each in ranked.items()],
        contributions=gradient_times_input(outputs_of, embedded, len(ranked)),
        reader=0 if run.model.reads_first else None,
        note=note,
        is_value=prediction.value is not None,
    )


def tokens_of(run, inputs):
    """Returns the tokens of a model's inputs, one text or pair of texts."""
    return of_encoder(run.tokenizer, inputs["token_ids"][0].numpy())


def _tell_long(run, encoded, length: int) -> str:
    """Says, and returns, what is not seen of a text that is too long; empty if it is whole."""
    if not encoded.is_long[0]:
        return ""
    count, treatment = encoded.token_ids.nrows().numpy(), run.encoder.long_texts
    seen = TREATMENTS[treatment]
    if treatment == "windows":
        seen = f"its attention is shown in the first of {count} windows, the answer is that of all"
    elif length < run.max_sequence_length:
        seen = "its attention is shown in as many, read by themselves; the answer is that of more"
    note = f"The text is longer than {length} tokens: {seen}."
    logger.warning(note)
    return note
