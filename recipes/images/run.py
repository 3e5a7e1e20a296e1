"""An image classifier's run: from files to labels, in Python, at a terminal and on a server."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models import VisionTransformer
from ...models.checkpoints import Checkpoint
from ..errors import UserError
from ..runs.directories import model_directory
from ..runs.evaluation import classification_metrics, encode_labels
from ..runs.run import Run, class_names_of
from .batches import ordered_batches
from .checks import read_images, read_labelled_images
from .data import LabelledImages, list_images
from .preprocessing import ImagePreprocessing


def open_image_checkpoint(source: str | Path) -> tuple[Checkpoint, ImagePreprocessing]:
    """Opens a ViT checkpoint, or that of a run, with its preprocessing.

    Args:
        source: A directory, `hf://ORG/NAME[@REVISION]`, or a run of a classifier of images.

    Raises:
        ValueError: If either cannot be used, or the two are for images of different sizes.
    """
    checkpoint = Checkpoint(model_directory(source))
    if "image_shape" not in checkpoint.arguments:
        raise ValueError(f"{source}: it must be a ViT, not a {checkpoint.layout.model_type}.")
    height, width, _ = checkpoint.arguments["image_shape"]
    return checkpoint, ImagePreprocessing.load(checkpoint.directory, height, width)


@dataclass(frozen=True)
class ImagePrediction:
    """What a classifier makes of an image.

    Attributes:
        image: Its file.
        label: The most probable class.
        score: Its probability.
        scores: The probability of every class.
    """

    image: str
    label: str
    score: float
    scores: dict[str, float]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def to_line(self) -> str:
        """Label, score and file, separated by tabs."""
        return "\t".join([" ".join(self.label.split()), f"{self.score:.4f}", self.image])


class ImageRun(Run):
    """A trained image classifier with its preprocessing, as a run directory holds it.

    Args:
        model: The classifier.
        preprocessing: Its `ImagePreprocessing`.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.

    Example:
        >>> run = ImageRun.load("runs/flowers")
        >>> run.predict(["rose.jpg"])[0].label
        'rose'
    """

    task = "images"
    model_class = VisionTransformer
    open = staticmethod(open_image_checkpoint)

    def __init__(self, model, preprocessing, metadata, metrics):
        super().__init__(model, preprocessing, metadata, metrics)
        self.class_names = class_names_of(model, metadata)

    def predict_probabilities(self, images: LabelledImages) -> np.ndarray:
        """The probability of every class for every image: float32, (number of images, C).

        Raises:
            UserError: If an image cannot be decoded; the message names it.
        """
        if not len(images):
            return np.zeros((0, len(self.class_names)), "float32")
        logits = self.model.predict(ordered_batches(images, self.preprocessor), verbose=0)
        return tf.nn.softmax(logits).numpy()

    def predict(
        self, images: Sequence[str | Path | bytes], skip_bad_files: bool = False
    ) -> list[ImagePrediction]:
        """Classifies image files, those in folders, or images as bytes.

        Args:
            images: Files, folders, or the bytes of files.
            skip_bad_files: Whether to count and skip what cannot be decoded, not stop. Defaults to
                False.

        Raises:
            TypeError: If given one string, where a list is wanted.
            UserError: If a file is not there, or an image cannot be decoded.
        """
        if isinstance(images, str | bytes | Path):
            raise TypeError(f"`images` must be a list. Received: images={images!r:.50}")
        found = read_images(_unlabelled(images), skip_bad_files)
        predictions = []
        for name, row in zip(found.files, self.predict_probabilities(found), strict=True):
            label, score = self.class_names[int(np.argmax(row))], float(np.max(row))
            scores = dict(zip(self.class_names, row.tolist(), strict=True))
            predictions.append(ImagePrediction(name, label, score, scores))
        return predictions

    def evaluate(
        self,
        data: str | Path | LabelledImages,
        *,
        image_column: str | None = None,
        label_column: str | None = None,
        encoding: str = "utf-8",
        skip_bad_files: bool = False,
    ) -> dict[str, Any]:
        """Measures the classifier on labelled images.

        Args:
            data: A folder, of whose splits "test" is taken, a table, `tfds:NAME`, or images already
                read.
            image_column: Column of the paths in a table; guessed where there is one sensible guess.
            label_column: Column of the labels, likewise.
            encoding: Encoding of a table. Defaults to UTF-8.
            skip_bad_files: Whether to count and skip what cannot be decoded. Defaults to False.

        Returns:
            What `classification_metrics` gives, and `examples_per_second` from the files.

        Raises:
            UserError: If the data cannot be read, or holds a label that training never saw.
        """
        if not isinstance(data, LabelledImages):
            data = read_labelled_images(
                data,
                "test",
                image_column=image_column,
                label_column=label_column,
                encoding=encoding,
                skip_bad_files=skip_bad_files,
            )
        labels = encode_labels(data.labels, self.class_names, data.source)
        self.predict_probabilities(data.take([0]))  # traced before the clock starts
        began = time.perf_counter()
        probabilities = self.predict_probabilities(data)
        seconds = time.perf_counter() - began
        metrics = classification_metrics(labels, probabilities, self.class_names)
        return {**metrics, "examples_per_second": round(len(data) / seconds, 1)}

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        """Writes the next version of a SavedModel for TF Serving: encoded images in, labels out.

        Args:
            destination: The model's base directory; the version goes into `destination/<integer>`.
            precision: "float32", or "bfloat16": half the size, and faster on processors with
                bfloat16 instructions; scores change in the third digit. Defaults to "float32".

        Returns:
            The directory of the new version.

        Raises:
            UserError: If the destination cannot be written.
            RuntimeError: If the export, loaded again, does not do what the run does.
        """
        from .serving import export_image_classifier

        return export_image_classifier(
            self.model, self.preprocessor, self.class_names, Path(destination), precision
        )


def _unlabelled(images: Sequence[str | Path | bytes]) -> LabelledImages:
    if all(isinstance(image, bytes) for image in images):
        names = [f"image {number}" for number in range(len(images))]
        return LabelledImages("the images", names, [""] * len(names), [], contents=list(images))
    if any(isinstance(image, bytes) for image in images):
        raise UserError("Images must all be files and folders, or all bytes.")
    files = list_images(images)
    return LabelledImages("the images", files, [""] * len(files), [])


def describe_images(images: LabelledImages) -> dict[str, Any]:
    """Where images came from, how many there are, and their fingerprint."""
    counts = Counter(images.labels)
    return {
        "source": images.source,
        "columns": images.columns,
        "num_examples": len(images),
        "num_skipped": images.num_skipped,
        "class_counts": {name: counts[name] for name in images.class_names()},
        "sha256": images.fingerprint(),
    }
