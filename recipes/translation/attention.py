"""Tells what a translator attends to: in its encoder, in its decoder, and across."""

import logging
from dataclasses import replace

import numpy as np
import tensorflow as tf

from ..attention.arrays import Heads, Outcome, Token, rollout, self_attention
from ..attention.attention import Attention
from ..attention.gradients import gradient_times_input
from ..attention.tokens import of_sentence_pieces
from ..tokenizers.sentencepiece import END, PAD
from .batches import pack

START = Token("[start]", is_special=True)

logger = logging.getLogger("regard")


def attend_to_translations(run, prediction) -> Attention:
    """Returns what a `TranslationRun` attends to while it writes the best of its translations.

    Those of the others are its `alternatives`. Translations are read anew, as whoever wrote them:
    what a search wrote may have been cut into other pieces.
    """
    written = [(each.translation, each.score) for each in prediction.n_best]
    note = ""
    if prediction.truncated:
        note = f"The text is longer than {run.max_sequence_length} tokens: the rest is not read."
        logger.warning(note)
    encoder = None
    found = []
    for translation, score in written:
        each = _attend(run, prediction, translation, score, note, encoder)
        encoder = each.heads["encoder"]
        found.append(each)
    return replace(found[0], alternatives=found[1:])


def _attend(run, prediction, translation, score, note, encoder) -> Attention:
    tokenizer, model = run.tokenizer, run.model
    pairs = tokenizer.encode_pairs([prediction.text], [translation], run.max_sequence_length)
    inputs, targets, _ = pack(pairs, np.array([0]), tokenizer.pad_id)
    sources, words = (of_sentence_pieces(tokenizer.pieces(ids[0]), {END, PAD}) for ids in pairs)
    mask = inputs["encoder_padding_mask"]
    embedded = model.embedding(inputs["encoder_token_ids"])  # (1, S, D)
    if encoder is None:  # it is the same for all translations
        encoder = self_attention(
            sources, np.array(model.encoder.attention_weights(embedded, mask)[0])
        )
    x, memory = model.embedding(inputs["decoder_token_ids"]), model.encoder(embedded, mask)
    own = np.array(model.decoder.self_attention_weights(x, memory, mask)[0])  # (L, N, T, T)
    cross = np.array(model.decoder.attention_weights(x, memory, mask)[0])  # (L, N, T, S)
    return Attention(
        subject=run.described,
        prediction=prediction,
        title=translation,
        score=score,
        heads={
            "encoder": encoder,
            "decoder": Heads(words, [START, *words[:-1]], own, rollout(own), is_causal=True),
            "cross": Heads(words, encoder.keys, cross),
        },
        outcomes=_outcomes(model, inputs, targets[0], words),
        contributions=gradient_times_input(
            _logits_of(model, inputs, targets[0]), embedded, len(words)
        ),
        note=note,
    )


def _outcomes(model, inputs, targets, words: list[Token]) -> list[Outcome]:
    """Returns the T tokens of a translation, each with its probability after those before it."""
    probabilities = tf.nn.softmax(model(inputs, training=False)[0]).numpy()  # (T, V)
    return [
        Outcome(word.text, float(probabilities[position, targets[position]]), position)
        for position, word in enumerate(words)
    ]


def _logits_of(model, inputs, targets):
    """Returns a function of copies of the embedded source to the logits of tokens, by number."""
    targets, written = tf.constant(targets), model.embedding(inputs["decoder_token_ids"])

    def outputs_of(copies, numbers):
        mask = tf.repeat(inputs["encoder_padding_mask"], len(copies), axis=0)  # (A', S)
        x = tf.repeat(written, len(copies), axis=0)  # (A', T, D)
        memory = model.encoder(copies, padding_mask=mask)  # (A', S, D)
        x = model.decoder(x, memory, memory_padding_mask=mask)  # (A', T, D)
        x = tf.gather(x, numbers, batch_dims=1)[:, tf.newaxis]  # (A', 1, D), of its own position
        return tf.gather(model.head(x)[:, 0], tf.gather(targets, numbers), batch_dims=1)

    return outputs_of
