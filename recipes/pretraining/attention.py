"""Tells what a masked language model attends to."""

import logging

import numpy as np
import tensorflow as tf

from ..attention.arrays import Outcome, self_attention
from ..attention.attention import Attention
from ..attention.gradients import after_embedding, gradient_times_input
from ..attention.tokens import of_encoder
from ..tokenizers.strings import as_bytes
from .batches import masked_positions

logger = logging.getLogger("regard")


def attend_to_masks(run, text, prediction) -> Attention:
    """Returns what a `MaskedLMRun` attends to in a text; `prediction` is what it fills in."""
    tokenizer = run.tokenizer
    whole = tokenizer.tokenize(as_bytes([text]))
    token_ids = tokenizer.enclose(whole, run.max_sequence_length)
    positions, _ = masked_positions(token_ids == tokenizer.mask_id)  # (1, M)
    inputs = {**tokenizer.pack(token_ids), "masked_positions": positions}
    embedded = run.model.embedding(inputs["token_ids"], inputs["segment_ids"])  # (1, T, D)
    weights = run.model.encoder.attention_weights(embedded, inputs["padding_mask"])
    guesses = [(mask, guess) for mask, row in enumerate(prediction.masks) for guess in row]
    ids = {piece: index for index, piece in enumerate(tokenizer.vocabulary)}
    places = tf.constant([[mask, ids[guess.token]] for mask, guess in guesses])  # (A, 2)
    logits_of = after_embedding(run.model, inputs)  # (A', T, D) to (A', M, V)

    def outputs_of(copies, numbers):
        return tf.gather_nd(logits_of(copies), tf.gather(places, numbers), batch_dims=1)

    return Attention(
        subject=run.described,
        prediction=prediction,
        title=", ".join(row[0].token for row in prediction.masks),
        score=prediction.masks[0][0].score,
        heads={"encoder": self_attention(_tokens_of(tokenizer, inputs), np.array(weights[0]))},
        outcomes=[
            Outcome(guess.token, guess.score, int(positions[0, mask])) for mask, guess in guesses
        ],
        contributions=gradient_times_input(outputs_of, embedded, len(guesses)),
        reader=int(positions[0, 0]),
        note=_tell_long(run, int(whole.row_lengths()[0]) + 2),
    )


def _tokens_of(tokenizer, inputs):
    return of_encoder(tokenizer, inputs["token_ids"][0].numpy())


def _tell_long(run, length: int) -> str:
    """Says, and returns, what is not read of a text that is too long; empty if it is whole."""
    if length <= run.max_sequence_length:
        return ""
    note = f"The text is longer than {run.max_sequence_length} tokens: the rest is not read."
    logger.warning(note)
    return note
