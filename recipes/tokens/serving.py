"""Exports a classifier of tokens: raw text in; words, labels and where they are out."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from ..serving.export import AWKWARD_TEXTS, Export, in_precision, write_export
from ..serving.warmup_requests import predict_request, warmup_batches
from ..tokenizers.offsets import substrings
from ..tokenizers.portions import LONGEST_READ
from ..tokenizers.strings import Text, as_bytes
from .encoding import TokenEncoder
from .tagging import TEXTS, tagging_function

# In probability: how far scores may be from those of the live model, and how much padding and the
# company in a batch may change them; and the share of texts in which a label may be as good.
TOLERANCES = {
    "float32": {"model": 1e-5, "company": 1e-5, "ties": 0.1},
    "bfloat16": {"model": 0.05, "company": 0.01, "ties": 1.0},
}
LONGEST_TRIED = 10_000  # bytes: many windows, and not so many words that a check takes minutes
PROMISE = [
    "predict",
    {"texts": ["string", [None]]},
    {
        "tokens": ["string", [None, None]],
        "labels": ["string", [None, None]],
        "scores": ["float32", [None, None]],
        "starts": ["int32", [None, None]],
        "ends": ["int32", [None, None]],
    },
]


def export_token_classifier(
    model,
    encoder: TokenEncoder,
    class_names: Sequence[str],
    destination: Path,
    examples: Sequence[Text],
    precision: str = "float32",
) -> Path:
    """Writes the next version of a classifier that TensorFlow Serving's stock server can load.

    The SavedModel has one signature, `serving_default`, for the Predict API: `texts` (B,), UTF-8
    strings, give for each word of a text `tokens`, the word as it stands there, `labels`, such as
    "B-PER", `scores`, the probability of the label, and `starts` and `ends`, the characters that it
    begins and ends at: (B, W) each. A text with fewer words than the longest of a batch has empty
    tokens and labels at its end, and zeros. No text is an error.

    The model is in float32, and its `class_names` are in the order of the logits. The examples are
    a few texts, at least one: the export is tried with them, and they become its warm-up requests.
    The destination, what is returned and the errors are those of `write_export`.
    """
    if not examples:
        raise ValueError("An export needs at least one example to warm up with. Received: none")
    exported = in_precision(model, precision)
    examples = as_bytes(examples).numpy().tolist()
    texts = [*(text[:LONGEST_TRIED] for text in AWKWARD_TEXTS), *examples]
    export = Export(
        model=exported,
        signatures={
            "serving_default": _served(exported, encoder, class_names).get_concrete_function()
        },
        promises={"serving_default": PROMISE},
        columns={"texts": texts},
        answers=_ask_model(model, encoder, class_names, texts),
        tolerances=TOLERANCES[precision],
        requests=[predict_request(batch) for batch in warmup_batches({"texts": examples})],
        assets={"labels.txt": class_names, "vocab.txt": encoder.tokenizer.vocabulary},
    )
    return write_export(destination, export, precision)


def _served(model, encoder: TokenEncoder, class_names: Sequence[str]):
    """Returns what an export has of a function that `tagging_function` made."""
    tag, names = tagging_function(model, encoder), tf.constant(class_names)  # (C,)

    @tf.function(autograph=False, input_signature=TEXTS)
    def served(texts):
        answer = tag(texts)
        classes, starts, ends = (answer[name] for name in ("classes", "starts", "ends"))
        read = tf.strings.substr(texts, tf.constant(0), tf.constant(LONGEST_READ))
        read = tf.strings.unicode_transcode(read, "UTF-8", "UTF-8", errors="replace")
        tokens = substrings(read, starts, ends)
        labels = classes.with_flat_values(tf.gather(names, classes.flat_values))
        return {
            "tokens": tokens.to_tensor(""),
            "labels": labels.to_tensor(""),
            "scores": answer["scores"].to_tensor(0.0),
            "starts": starts.to_tensor(0),
            "ends": ends.to_tensor(0),
        }

    return served


def _ask_model(model, encoder: TokenEncoder, class_names: Sequence[str], texts: list) -> dict:
    """Asks the live model a text at a time: no padding, and no company in the batch."""
    with tf.device("CPU"):  # where the export is tried: an accelerator may round otherwise
        served = _served(model, encoder, class_names)
        answers = [served(tf.constant([text])) for text in texts]
    return {name: [_values(answer[name][0]) for answer in answers] for name in PROMISE[-1]}


def _values(values: tf.Tensor) -> list:
    """Returns what a text's words have, as JSON holds it."""
    is_text = values.dtype == tf.string
    return [each.decode() for each in values.numpy()] if is_text else values.numpy().tolist()
