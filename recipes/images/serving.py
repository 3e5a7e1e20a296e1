"""Exports a classifier of images: encoded images in, labels with scores out."""

import base64
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..runs.problem import Problem
from ..serving.classifier import STRINGS, answer, promise, signature, strings, write_classifier
from ..serving.export import in_precision
from ..serving.warmup_requests import predict_request
from .decoding import FORMATS, decode_batch
from .preprocessing import ImagePreprocessing

SAMPLE_SIZES = ((1, 1), (7, 31), (32, 32), (64, 48), (300, 200), (480, 640))  # pixels
WARMUP_BATCHES = (1, 8)

logger = logging.getLogger("regard")


def export_image_classifier(
    model,
    preprocessing: ImagePreprocessing,
    problem: Problem,
    destination: Path,
    precision: str = "float32",
) -> Path:
    """Writes the next version of a classifier that TensorFlow Serving's stock server can load.

    The SavedModel has two signatures, which give `label` (B,), its probability `score` (B,), and
    all `classes` (B, C) with their `scores` (B, C):

    - `serving_default`: `image_bytes` (B,), the bytes of JPEG, PNG, GIF and BMP files of any size,
      as they come. Where one cannot be decoded, the error says which element it is.
    - `images`: `images` (B, H, W, 3), float32 from 0 to 255, of any one size.

    Where an image may have several labels, `chosen` (B, C) says in place of label and score which
    classes are from their thresholds on; where a number is told, there is its `value` (B,) alone.

    The model is in float32, and the problem says what its logits are; what is returned and raised
    is as for `write_export`.
    """
    exported = in_precision(model, precision)
    samples = sample_images()
    pixels = {"images": ["float32", [None, None, None, 3]]}
    return write_classifier(
        destination,
        problem,
        _ask_model(model, preprocessing, problem, samples),
        precision,
        model=exported,
        signatures=_signatures(exported, preprocessing, problem),
        promises={
            "serving_default": promise({"image_bytes": STRINGS}, problem),
            "images": promise(pixels, problem),
        },
        columns={"image_bytes": samples},
        requests=[
            predict_request({"image_bytes": (samples * size)[:size]}) for size in WARMUP_BATCHES
        ],
    )


def sample_images() -> list[bytes]:
    """Encodes images of several sizes and formats, to try and warm up an export with."""
    random = np.random.default_rng(0)
    samples = []
    for height, width in SAMPLE_SIZES:
        coarse = random.integers(0, 256, (1 + height // 16, 1 + width // 16, 3)).astype("uint8")
        pixels = tf.cast(tf.image.resize(coarse, (height, width)), tf.uint8)
        samples.append(tf.io.encode_png(pixels).numpy())
        samples.append(tf.io.encode_jpeg(pixels).numpy())
    return [*samples, tf.io.encode_jpeg(pixels[..., :1]).numpy(), base64.b64decode(GIF)]


def warn_of_other_formats(metadata: dict[str, Any]) -> None:
    """Says that a server cannot decode images of formats that were trained on, if there were."""
    counts = Counter()
    for part in metadata["data"].values():
        counts.update(part.get("other_formats", {}))
    if counts:
        logger.warning(
            "The export decodes %s alone. Of the images here some were of other formats (%s): "
            "clients must send such as one of those.",
            *(FORMATS, ", ".join(f"{name}: {count}" for name, count in counts.most_common())),
        )


# Two frames of two colours, 3 x 2 pixels.
GIF = "R0lGODlhAwACAPAAAAAAAP///yH5BAAKAAAALAAAAAADAAIAAAIDhI8VADs="


def _signatures(model, preprocessing: ImagePreprocessing, problem: Problem) -> dict:
    """Returns the functions that a server calls, by name."""

    def answer_to(inputs):
        logits = tf.cast(model(inputs, training=False), tf.float32)  # (B, C)
        return answer(problem.scores(logits), problem)

    def predict(image_bytes):
        shape = (preprocessing.height, preprocessing.width, 3)
        return answer_to(decode_batch(image_bytes, preprocessing, shape))

    def predict_pixels(images):
        pixels = tf.saturate_cast(tf.round(images), tf.uint8)
        inputs = tf.map_fn(preprocessing, pixels, fn_output_signature=tf.float32)
        return answer_to(inputs)

    pixels = tf.TensorSpec([None, None, None, 3], tf.float32, "images")
    return {
        "serving_default": signature(predict, image_bytes=strings("image_bytes")),
        "images": signature(predict_pixels, images=pixels),
    }


def _ask_model(
    model, preprocessing: ImagePreprocessing, problem: Problem, samples: Sequence[bytes]
) -> list:
    """Asks the live model, an image at a time."""
    shape = (preprocessing.height, preprocessing.width, 3)
    with tf.device("CPU"):  # where the export is tried: an accelerator may round otherwise
        logits = [
            model(decode_batch(tf.constant([image]), preprocessing, shape)) for image in samples
        ]
        return problem.scores(tf.concat(logits, axis=0)).numpy().tolist()
