"""Tells what a classifier of tokens attends to."""

import logging

import numpy as np
import tensorflow as tf

from ..attention.arrays import Outcome, self_attention
from ..attention.attention import Attention
from ..attention.gradients import after_embedding, gradient_times_input
from ..attention.tokens import of_encoder
from ..tokenizers.strings import as_bytes

MOST_TOKENS = 512  # to look at: the weights of 8,192 would be gigabytes

logger = logging.getLogger("regard")


def attend_to_entities(run, prediction) -> Attention:
    """Returns what a `TokenRun` attends to in a text; `prediction` is what it finds there.

    Of a text without entities, what is said of its first word is looked into.
    """
    tokenizer, length = run.tokenizer, min(run.max_sequence_length, MOST_TOKENS)
    located = tokenizer.locate(as_bytes([prediction.text]))
    inputs = tokenizer.pack(tokenizer.enclose(located.ids, length))
    embedded = run.model.embedding(inputs["token_ids"], inputs["segment_ids"])  # (1, T, D)
    weights = run.model.encoder.attention_weights(embedded, inputs["padding_mask"])
    outcomes = _outcomes(run, prediction, located.starts.flat_values.numpy()[: length - 2])
    names = {name: number for number, name in enumerate(run.class_names)}
    # What is said of an entity's first piece: that it begins there, or is of the entity at all.
    classes = [names.get(f"B-{each.label}", names.get(each.label, 0)) for each in outcomes]
    places = tf.constant([[at.position, each] for at, each in zip(outcomes, classes, strict=True)])
    logits_of = after_embedding(run.model, inputs)  # (A', T, D) to (A', T, C)

    def outputs_of(copies, numbers):
        return tf.gather_nd(logits_of(copies), tf.gather(places, numbers), batch_dims=1)

    first = outcomes[0]
    tokens = of_encoder(tokenizer, inputs["token_ids"][0].numpy())
    return Attention(
        subject=run.described,
        prediction=prediction,
        title=", ".join(f"{each.text} ({each.label})" for each in prediction.entities)
        or "no entity",
        score=first.score,
        heads={"encoder": self_attention(tokens, np.array(weights[0]))},
        outcomes=outcomes,
        contributions=gradient_times_input(outputs_of, embedded, len(outcomes)),
        reader=first.position,
        note=_tell_long(int(located.ids.row_lengths()[0]) + 2, length),
    )


def _outcomes(run, prediction, starts: np.ndarray) -> list[Outcome]:
    """Returns the entities that are in the tokens looked at, each at its first piece."""
    found = []
    for entity in prediction.entities:
        (places,) = np.nonzero(starts == entity.start)
        if len(places):
            found.append(Outcome(entity.label, entity.score, 1 + int(places[0])))
    return found or [Outcome("O", 1.0, min(1, len(starts)))]


def _tell_long(length: int, longest: int) -> str:
    """Says, and returns, what is not seen of a text that is too long; empty if it is whole."""
    if length <= longest:
        return ""
    note = f"The text is longer than {longest} tokens: attention is shown in as many, the first."
    logger.warning(note)
    return note
