"""Tells what a translator attends to: in its encoder, in its decoder, and across."""

import logging
from dataclasses import replace

import numpy as np
import tensorflow as tf

from ...models import Translator
from ..attention.arrays import Heads, Outcome, Token, rollout, self_attention
from ..attention.attention import Attention
from ..attention.gradients import gradient_times_input
from ..attention.tokens import of_sentence_pieces
from ..tokenizers.sentence_pieces import END, PAD

START = Token("[start]", is_special=True)

logger = logging.getLogger("regard")


def attend_to_translations(run, prediction) -> Attention:
    """Returns what a `TranslationRun` attends to while it writes the best of its translations.

    Those of the others are its `alternatives`. Translations are read anew, as whoever wrote them:
    what a search wrote may have been cut into other pieces.
    """
    note = ""
    if prediction.truncated:
        note = f"The text is longer than {run.max_sequence_length} tokens: the rest is not read."
        logger.warning(note)
    best, *others = (_attend(run, prediction, each, note) for each in prediction.n_best)
    if "encoder" in best.heads:  # it is the same for all translations
        same = {"encoder": best.heads["encoder"]}
        others = [replace(each, heads={**each.heads, **same}) for each in others]
    return replace(best, alternatives=others)


def _attend(run, prediction, alternative, note: str) -> Attention:
    tokenizer, model = run.tokenizer, run.model
    texts = [prediction.text], [alternative.translation]
    pairs = tokenizer.encode_pairs(*texts, run.max_sequence_length)
    inputs, targets, _ = run.pack(pairs, np.array([0]))
    sources, words = (
        of_sentence_pieces(side.names(ids[0]), {END, PAD})
        for side, ids in zip((tokenizer.source, tokenizer.target), pairs, strict=True)
    )
    return Attention(
        subject=run.described,
        prediction=prediction,
        title=alternative.translation,
        score=alternative.score,
        heads=_heads(model, inputs, sources, words),
        outcomes=_outcomes(model, inputs, targets[0], words),
        contributions=gradient_times_input(
            _logits_of(model, inputs, targets[0]),
            model.embedding(inputs["encoder_token_ids"]),  # (1, S, D)
            len(words),
        ),
        note=note,
    )


def _heads(model, inputs, sources: list[Token], words: list[Token]) -> dict[str, Heads]:
    """Returns the weights of encoder, decoder and cross-attention: a recurrent one has the last."""
    cross = {"cross": Heads(words, sources, np.array(model.alignments(inputs)[0]))}
    if not isinstance(model, Translator):
        return cross
    mask = inputs["encoder_padding_mask"]
    embedded = model.embedding(inputs["encoder_token_ids"])  # (1, S, D)
    x = model.embed_targets(inputs["decoder_token_ids"])  # (1, T, D)
    read = np.array(model.encoder.attention_weights(embedded, mask)[0])  # (L, N, S, S)
    memory = model.encoder(embedded, padding_mask=mask)  # (1, S, D)
    own = np.array(model.decoder.self_attention_weights(x, memory, mask)[0])  # (L, N, T, T)
    before = [START, *words[:-1]]
    decoder = Heads(words, before, own, rollout(own), is_causal=True)
    return {"encoder": self_attention(sources, read), "decoder": decoder, **cross}


def _outcomes(model, inputs, targets, words: list[Token]) -> list[Outcome]:
    """Returns the T tokens of a translation, each with its probability after those before it."""
    probabilities = tf.nn.softmax(model(inputs, training=False)[0]).numpy()  # (T, V)
    return [
        Outcome(word.text, float(probabilities[position, targets[position]]), position)
        for position, word in enumerate(words)
    ]


def _logits_of(model, inputs, targets):
    """Returns a function of copies of the embedded source to the logits of tokens, by number."""
    targets, written = tf.constant(targets), model.embed_targets(inputs["decoder_token_ids"])
    mask_name = "padding_mask" if isinstance(model, Translator) else "mask"  # Keras' own layers

    def outputs_of(copies, numbers):
        mask = tf.repeat(inputs["encoder_padding_mask"], len(copies), axis=0)  # (A', S)
        x = tf.repeat(written, len(copies), axis=0)  # (A', T, D)
        memory = model.encoder(copies, **{mask_name: mask})  # (A', S, D)
        x = model.decoder(x, memory, memory_padding_mask=mask)  # (A', T, D)
        x = tf.gather(x, numbers, batch_dims=1)[:, tf.newaxis]  # (A', 1, D), of its own position
        return tf.gather(model.head(x)[:, 0], tf.gather(targets, numbers), batch_dims=1)

    return outputs_of
