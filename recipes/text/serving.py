"""Exports a text classifier: raw text in, labels with scores out.

A model of pairs of texts takes two columns of them, `texts` and `pairs`, and any other only the
first. Everything here works on such columns, by name, so that there is one story for both.
"""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from ..runs.problem import Problem
from ..serving.classifier import (
    STRINGS,
    answer,
    has_classes,
    promise,
    ranked,
    ranked_promise,
    signature,
    strings,
    write_classifier,
)
from ..serving.export import AWKWARD_TEXTS, in_precision
from ..serving.micro_batches import answer_in_micro_batches
from ..serving.warmup_requests import (
    FEATURES,
    Columns,
    classify_request,
    predict_request,
    warmup_batches,
)
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.strings import Text, as_bytes
from .encoding import TextEncoder


def export_text_classifier(
    model,
    encoder: TextEncoder,
    problem: Problem,
    destination: Path,
    examples: Sequence[Text] | Sequence[tuple[Text, Text]],
    precision: str = "float32",
) -> Path:
    """Writes the next version of a classifier that TensorFlow Serving's stock server can load.

    The SavedModel has two signatures; the classes are always in the order of the logits:

    - `serving_default`, for the Predict API: `texts` (B,), UTF-8 strings, give `label` (B,), its
      probability `score` (B,), and all `classes` (B, C) with their `scores` (B, C).
    - `classify`, for the Classify API: `inputs` (B,), serialized `tf.Example`s with the text as
      the bytes feature "text", give `classes` (B, C) and `scores` (B, C).

    Where a text may have several labels, `chosen` (B, C) says in place of label and score which
    classes are from their thresholds on. Where a number is told, it is `value` (B,), there are no
    classes, and no `classify`.

    For pairs of texts, the second ones are `pairs` (B,) in the one and the bytes feature "pair" in
    the other. Bytes that are not UTF-8 are taken as BERT takes them, and of texts that are too long
    is read what the encoder says; no text is an error.

    The model is a `TextClassifier` in float32, and the problem says what its logits are. The
    examples are a few texts, or tuples of two texts, at least one, of the kind that will be asked:
    the export is tried with them, and they become its warm-up requests. The destination, what is
    returned and the errors are those of `write_export`.
    """
    if not examples:
        raise ValueError("An export needs at least one example to warm up with. Received: none")
    examples = _as_columns(examples)
    exported = in_precision(model, precision)
    columns = _with_awkward_texts(examples)
    signatures = _signatures(exported, encoder, problem, list(columns))
    return write_classifier(
        destination,
        problem,
        _ask_model(model, encoder, problem, columns),
        precision,
        model=exported,
        signatures=signatures,
        promises=_promises(list(columns), problem),
        columns=columns,
        requests=_requests(examples, problem),
        assets={"vocab.txt": encoder.tokenizer.vocabulary},
    )


def _promises(columns: Sequence[str], problem: Problem) -> dict[str, list]:
    """Returns what each signature takes and gives."""
    promises = {"serving_default": promise(dict.fromkeys(columns, STRINGS), problem)}
    if has_classes(problem):
        promises["classify"] = ["classify", {"inputs": STRINGS}, ranked_promise(problem)]
    return promises


def _requests(examples: Columns, problem: Problem) -> list:
    """Returns warm-up requests of the examples, for each signature."""
    makers = [predict_request, classify_request] if has_classes(problem) else [predict_request]
    return [make(batch) for batch in warmup_batches(examples) for make in makers]


def _as_columns(examples: Sequence[Text] | Sequence[tuple[Text, Text]]) -> Columns:
    columns = zip(*examples, strict=True) if isinstance(examples[0], tuple) else [examples]
    named = zip(FEATURES, columns, strict=False)
    return {name: as_bytes(column).numpy().tolist() for name, column in named}


def _with_awkward_texts(examples: Columns) -> Columns:
    """Puts the awkward texts before the examples; for pairs, each is followed by the next."""
    awkward = (AWKWARD_TEXTS, [*AWKWARD_TEXTS[1:], AWKWARD_TEXTS[0]])
    return {name: [*awkward[i], *texts] for i, (name, texts) in enumerate(examples.items())}


def _signatures(model, encoder: TextEncoder, problem: Problem, columns: Sequence[str]) -> dict:
    """Returns the functions that a server calls, by name."""
    names = tf.constant(problem.class_names)  # (C,)
    features = {FEATURES[name]: tf.io.FixedLenFeature([], tf.string) for name in columns}

    def scores_of(texts: dict[str, tf.Tensor]) -> tf.Tensor:
        return problem.scores(_logits(model, encoder, texts))  # (B, C)

    def predict(**texts: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(_checked_to_be_even(texts)):
            texts = {name: tf.identity(column) for name, column in texts.items()}
        return answer(scores_of(texts), problem)

    def classify(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(inputs, features)
        return ranked(scores_of({name: parsed[FEATURES[name]] for name in columns}), names)

    default = signature(predict, **{name: strings(name) for name in columns})
    if not has_classes(problem):
        return {"serving_default": default}
    return {
        "serving_default": default,
        "classify": signature(classify, inputs=strings("inputs")),
    }


def _checked_to_be_even(texts: dict[str, tf.Tensor]) -> list[tf.Operation]:
    """Returns the operations that stop where there are not as many second texts as first ones."""
    names = [name for name in FEATURES if name in texts]
    if len(names) == 1:
        return []
    sizes = [tf.size(texts[name]) for name in names]
    counts = [each for pair in zip(sizes, names, strict=True) for each in pair]
    said = [f"{' and '.join(names)} must be as many. Received:", *counts]
    return [tf.debugging.Assert(tf.equal(*sizes), said)]


def _logits(model, encoder: TextEncoder, texts: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns logits (B, C), float32, of columns of texts (B,).

    Rows of like length go through the model together, a few at a time, so that the model takes no
    more memory for a thousand than for a few, and short texts wait for no long one.
    """
    encoded = encoder.encode(*(texts[name] for name in FEATURES if name in texts))
    lengths = sequence_lengths(encoded.token_ids)  # (R,)

    def classify(rows):
        token_ids, length = tf.gather(encoded.token_ids, rows), tf.gather(lengths, rows[-1])
        return [model(encoder.tokenizer.pack(token_ids, length), training=False)]

    shape = [None, *model.output_shape[1:]]
    (logits,) = answer_in_micro_batches(classify, lengths, [tf.TensorSpec(shape)])  # (R, C)
    if encoder.long_texts == "windows":
        # In float64, as sums of thousands are inexact in float32.
        means = tf.math.segment_mean(tf.cast(logits, tf.float64), encoded.owners)  # (B, C)
        logits = tf.cast(means, tf.float32)
    return logits


def _ask_model(model, encoder: TextEncoder, problem: Problem, columns: Columns) -> list:
    """Asks the live model a row at a time: no padding, and no company in the batch."""
    scores = []
    with tf.device("CPU"):  # where the export is tried: an accelerator may round otherwise
        for row in zip(*columns.values(), strict=True):
            texts = {name: tf.constant([text]) for name, text in zip(columns, row, strict=True)}
            scores.append(problem.scores(_logits(model, encoder, texts)))
    return tf.concat(scores, axis=0).numpy().tolist()  # (number of rows, C)
