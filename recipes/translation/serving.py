"""Translates from strings to strings in one graph, which `predict` runs and an export holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models.decoding import beam_search
from ...models.sequences import NEVER
from ..serving.export import AWKWARD_TEXTS, Export, in_precision, write_export
from ..serving.micro_batches import answer_in_micro_batches
from ..serving.warmup_requests import predict_request, warmup_batches
from ..tokenizers.strings import Text, as_bytes

LANES = 2  # searches side by side: the products of one are too small to share among threads
MAX_LENGTH_FACTOR, MAX_LENGTH_EXTRA = 2, 20  # tokens of a translation for those of its source

TEXTS = [tf.TensorSpec([None], tf.string, "texts")]

# How far scores, logarithms of probabilities a token, may be from those of the live model, and in
# what share of translations another may be as good.
TOLERANCES = {"float32": {"model": 1e-3, "ties": 0.1}, "bfloat16": {"model": 0.5, "ties": 1.0}}
PROMISE = [
    "predict",
    {"texts": ["string", [None]]},
    {"translations": ["string", [None]], "scores": ["float32", [None]]},
]


def export_translator(
    model,
    tokenizer,
    destination: Path,
    examples: Sequence[Text],
    precision: str = "float32",
    **search: Any,
) -> Path:
    """Writes the next version of a translator that TensorFlow Serving's stock server can load.

    The SavedModel has one signature, `serving_default`, for the Predict API: `texts` (B,), UTF-8
    strings, give `translations` (B,), strings, and `scores` (B,), float32. What is longer than
    `max_sequence_length` tokens is cut; no text is an error.

    The model is in float32; what is returned and raised is as for `write_export`.

    Args:
        examples: A few texts, at least one, of the kind that will be asked. The export is tried
            with them, and they become its warm-up requests.
        **search: Further arguments of `translation_function`.
    """
    if not examples:
        raise ValueError("An export needs at least one example to warm up with. Received: none")
    exported = in_precision(model, precision)
    translate = translation_function(exported, tokenizer, **search)
    examples = as_bytes(examples).numpy().tolist()
    texts = [*AWKWARD_TEXTS, *examples]
    # Compared with the same precision: in another, a search may well end elsewhere.
    translations, scores = translate_all(translate, texts)
    export = Export(
        model=exported,
        signatures={"serving_default": _served(translate).get_concrete_function()},
        promises={"serving_default": PROMISE},
        columns={"texts": texts},
        answers={"translations": translations, "scores": scores.tolist()},
        tolerances=TOLERANCES[precision],
        requests=[predict_request(batch) for batch in warmup_batches({"texts": examples})],
        assets=_vocabularies(tokenizer),
        resources=tokenizer.resources,
    )
    return write_export(destination, export, precision)


def _vocabularies(tokenizer) -> dict[str, list[str]]:
    """Returns the pieces in the order of their ids, by the names of files for people to read."""
    sides = {"vocab.txt": tokenizer.source}
    if tokenizer.has_two_vocabularies:
        sides["target_vocab.txt"] = tokenizer.target
    return {name: sorted(side.vocabulary, key=side.vocabulary.get) for name, side in sides.items()}


def translation_function(model, tokenizer, max_sequence_length: int, num_beams, length_penalty):
    """Makes a function from texts (B,) to `translations` (B,), strings, and `scores` (B,), float32.

    It gives the best of what `n_best_function` does, which has the rest.
    """
    translate = _translate_n_best(
        model, tokenizer, max_sequence_length, num_beams, length_penalty, n_best=1
    )

    @tf.function(autograph=False, input_signature=TEXTS)
    def translate_best(texts):
        answer = translate(texts)
        best = {name: answer[name][:, 0] for name in ("translations", "scores")}
        return {**best, "truncated": answer["truncated"]}

    return translate_best


def n_best_function(
    model, tokenizer, max_sequence_length: int, num_beams, length_penalty, n_best: int
):
    """Makes a function from texts (B,) to the N best `translations` (B, N) and `scores` (B, N).

    Texts of like length are translated together, a few at a time, so that short ones do not wait
    for long ones and memory does not grow with the batch. A text without anything in it has one
    translation, an empty one with a score of 0. The score of what does not exist is `NEVER`.

    At most `max_sequence_length` tokens of a source are read, and written as a translation, which
    has at most twice the tokens of its source, and 20; `truncated` (B,) says whether a source has
    more. Scores are divided by the length to the power of the `length_penalty`.

    N must be at most the number of beams.
    """
    translate = _translate_n_best(
        model, tokenizer, max_sequence_length, num_beams, length_penalty, n_best
    )
    return tf.function(translate, autograph=False, input_signature=TEXTS)


def _translate_n_best(model, tokenizer, max_sequence_length, num_beams, length_penalty, n_best):
    of_nothing = tf.constant([0.0] + [NEVER] * (n_best - 1))  # scores

    def search(token_ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = beam_search(
            model,
            _padded(token_ids, tokenizer.pad_id),
            _most_tokens(token_ids, max_sequence_length),
            num_beams,
            length_penalty,
            first_id=next(iter(tokenizer.target_ids), None),
        )
        length_of_nothing = len(tokenizer.source_ids) + 1  # its language, and an end
        is_empty = token_ids.row_lengths()[:, tf.newaxis] == length_of_nothing
        scores = tf.where(is_empty, of_nothing, found.scores[:, :n_best])  # (B, N)
        return tf.where(is_empty, "", tokenizer.decode(found.token_ids[:, :n_best])), scores

    def translate(texts):
        tokens = tokenizer.tokenize(texts, max_sequence_length)
        token_ids = tokenizer.enclose(tokens, max_sequence_length)
        translations, scores = answer_in_micro_batches(
            lambda rows: search(tf.gather(token_ids, rows)),
            token_ids.row_lengths(),
            [tf.TensorSpec([None, n_best], dtype) for dtype in (tf.string, tf.float32)],
            LANES,
        )
        truncated = tokens.row_lengths() >= max_sequence_length  # there is an end as well
        return {"translations": translations, "scores": scores, "truncated": truncated}

    return translate


def _served(translate):
    """Returns what an export has of a function that `translation_function` made."""

    @tf.function(autograph=False, input_signature=TEXTS)
    def served(texts):
        answer = translate(texts)
        return {name: answer[name] for name in PROMISE[-1]}

    return served


def _most_tokens(token_ids: tf.RaggedTensor, max_sequence_length: int) -> tf.Tensor:
    """Returns how many tokens the translation of each source may have: (B,)."""
    lengths = tf.cast(token_ids.row_lengths(), tf.int32)
    return tf.minimum(MAX_LENGTH_FACTOR * lengths + MAX_LENGTH_EXTRA, max_sequence_length)


def _padded(token_ids: tf.RaggedTensor, pad_id: int) -> dict[str, tf.Tensor]:
    """Returns sources as a translator reads them: ids (B, S), and which of them are real."""
    padded = token_ids.to_tensor(pad_id)
    is_real = tf.sequence_mask(token_ids.row_lengths(), tf.shape(padded)[1])
    return {"encoder_token_ids": padded, "encoder_padding_mask": is_real}


def translate_all(translate, texts: Sequence[Text]) -> tuple[list[str], np.ndarray]:
    """Returns translations of texts and their scores, by what `translation_function` made."""
    answer = translate(as_bytes(texts))
    return _strings(answer["translations"]), answer["scores"].numpy()


def translate_n_best(
    translate, texts: Sequence[Text]
) -> tuple[list[list[tuple[str, float]]], list[bool]]:
    """Returns the best translations of each text with their scores, and whether it was cut.

    `translate` is what `n_best_function` made.
    """
    answer = translate(as_bytes(texts))
    rows = zip(answer["translations"], answer["scores"].numpy().tolist(), strict=True)
    pairs = [zip(_strings(translations), scores, strict=True) for translations, scores in rows]
    existing = [[pair for pair in some if pair[1] > NEVER / 2] for some in pairs]
    return existing, answer["truncated"].numpy().tolist()


def _strings(texts: tf.Tensor) -> list[str]:
    return [text.decode("utf-8", "replace") for text in texts.numpy()]
