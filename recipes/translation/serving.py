"""Exports a translator: raw text in, translations with scores out, beam search included."""

from collections.abc import Sequence
from pathlib import Path

from ..serving.export import AWKWARD_TEXTS, Export, in_precision, write_export
from ..serving.warmup_requests import predict_request, warmup_batches
from ..tokenizers.strings import Text, as_bytes
from .translate import translation_function

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
    max_sequence_length: int,
    destination: Path,
    examples: Sequence[Text],
    num_beams: int = 4,
    length_penalty: float = 1.0,
    precision: str = "float32",
) -> Path:
    """Writes the next version of a translator that TensorFlow Serving's stock server can load.

    The SavedModel has one signature, `serving_default`, for the Predict API: `texts` (B,), UTF-8
    strings, give `translations` (B,), strings, and `scores` (B,), float32. What is longer than
    `max_sequence_length` tokens is cut; no text is an error.

    Args:
        model: A `Translator`, in float32.
        tokenizer: Its `SentencePieceTokenizer`.
        max_sequence_length: Largest number of tokens of a text, its end included.
        destination: As for `write_export`, and so are the errors.
        examples: A few texts, at least one, of the kind that will be asked. The export is tried
            with them, and they become its warm-up requests.
        num_beams: Number of beams. Defaults to 4.
        length_penalty: Power of the length that scores are divided by. Defaults to 1.
        precision: "float32" or "bfloat16". Defaults to "float32".

    Returns:
        The directory written, `destination/<version>`.
    """
    if not examples:
        raise ValueError("An export needs at least one example to warm up with. Received: none")
    exported = in_precision(model, precision)
    options = (tokenizer, max_sequence_length, num_beams, length_penalty)
    translate = translation_function(exported, *options)
    examples = as_bytes(examples).numpy().tolist()
    texts = [*AWKWARD_TEXTS, *examples]
    # Compared with the same precision: in another, a search may well end elsewhere.
    answer = translate(as_bytes(texts))
    export = Export(
        model=exported,
        signatures={"serving_default": translate.get_concrete_function()},
        promises={"serving_default": PROMISE},
        columns={"texts": texts},
        answers={
            "translations": [text.decode("utf-8") for text in answer["translations"].numpy()],
            "scores": answer["scores"].numpy().tolist(),
        },
        tolerances=TOLERANCES[precision],
        requests=[predict_request(batch) for batch in warmup_batches({"texts": examples})],
        assets={"vocab.txt": sorted(tokenizer.vocabulary, key=tokenizer.vocabulary.get)},
        resources=tokenizer.resources,
    )
    return write_export(destination, export, precision)
