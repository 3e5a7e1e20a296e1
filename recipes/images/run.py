"""Keeps an image classifier: from files to labels, in Python, at a terminal and on a server."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...models import VisionTransformer
from ...models.checkpoints import Checkpoint
from ...models.image_families import image_family
from ..attention.attention import Attention
from ..data.memory import has_columns, texts_of, values_of
from ..declarations import takes
from ..errors import UserError
from ..runs.checkpoints import open_model
from ..runs.classifier import Classified, ClassifierRun
from .attention import attend_to_image
from .batches import decoded, prediction_batches
from .checks import look_at, read_images, read_like
from .data import LabelledImages
from .folders import list_images
from .preprocessing import ImagePreprocessing
from .serving import export_image_classifier, warn_of_other_formats
from .settings import ImageReading


def open_image_checkpoint(source: str | Path) -> tuple[Checkpoint, ImagePreprocessing]:
    """Opens a checkpoint of an image classifier, or that of a run, with its preprocessing.

    Raises:
        ValueError: If either cannot be used, or the two are for images of different sizes, and the
            model is of a family whose positions are not interpolated as a matter of course.
    """
    checkpoint = open_model(source, "images")
    height, width, _ = checkpoint.arguments["image_shape"]
    any_size = image_family(checkpoint.arguments["family"]).any_size
    return checkpoint, ImagePreprocessing.load(checkpoint.directory, height, width, any_size)


_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")  # where a name of a file ends a line


@dataclass(frozen=True)
class ImagePrediction(Classified):
    """An image, by its file, with what a classifier says of it.

    That is its most probable class, with the probability of every class; or all its labels, the
    most probable first, where it may have several; or the `value` that is told. The rest is None.
    """

    image: str
    label: str | None = None
    score: float | None = None
    scores: dict[str, float] | None = None
    labels: list[str] | None = None
    value: float | None = None

    def to_line(self) -> str:
        """Returns label, score and file, with tabs between; several labels have | between them."""
        return "\t".join([*self.columns(), _BREAKS.sub(" ", self.image)])


class ImageRun(ClassifierRun):
    """A trained image classifier with its `ImagePreprocessing`, as a run directory holds it.

    Example:
        >>> run = ImageRun.load("runs/flowers")
        >>> run.predict(["rose.jpg"])[0].label
        'rose'
    """

    task = "images"
    model_class = VisionTransformer
    open = staticmethod(open_image_checkpoint)
    example = "IMAGE"

    def classify(self, images: LabelledImages) -> np.ndarray:
        """Returns the scores of every class for images: float32, (number of images, C)."""
        logits = self.logits_of(prediction_batches(images, self.preprocessor))
        return self.problem.scores(logits).numpy()

    def predict(
        self, images: Sequence[str | Path | bytes], skip_bad_files: bool = False
    ) -> list[ImagePrediction]:
        """Classifies image files, those in folders, or images as bytes, in their order.

        Args:
            images: Files, folders, or the bytes of files: a list, a generator, an array or a
                series; or a data frame with the column of files of the training data.
            skip_bad_files: Whether to count and skip what cannot be decoded, not stop. Defaults to
                False.

        Raises:
            TypeError: If given one string, where a list is wanted.
            UserError: If a file is not there, or an image cannot be decoded.
        """
        images = self._images_of(images)
        if not images:
            return []
        found = read_images(_unlabelled(images), skip_bad_files)
        answers = zip(found.files, self.answers_of(found), strict=True)
        return [ImagePrediction(name, **answer) for name, answer in answers]

    def predict_probabilities(
        self, examples: Sequence[str | Path | bytes] | LabelledImages
    ) -> np.ndarray:
        if not isinstance(examples, LabelledImages):
            examples = self._images_of(examples)
            if examples:
                examples = read_images(_unlabelled(examples), skip_bad_files=False)
        return super().predict_probabilities(examples)

    def _images_of(self, images: Any) -> list[str | Path | bytes]:
        """Returns images of whatever holds them; of a data frame those of its column."""
        is_list = has_columns(images) or isinstance(images, Iterable)
        if isinstance(images, str | bytes | os.PathLike) or not is_list:
            raise TypeError(f"`images` must be a list. Received: images={images!r:.50}")
        if has_columns(images):
            column, *_ = self.metadata["data"]["train"].get("columns") or [None]
            images = texts_of(images, [column] if column else [])
        images = values_of(images, decode=False)
        for position, image in enumerate(images):
            if not isinstance(image, str | bytes | os.PathLike):
                raise UserError(
                    f"The image at position {position} must be a file, a folder, or the bytes of a "
                    f"file, not {image!r:.50}."
                )
        return images

    def embed(self, images: Sequence[str | Path | bytes]) -> np.ndarray:
        """Returns the vector that the classifier's last layer reads of each image.

        Args:
            images: Files, folders, or the bytes of files, as for `predict`.

        Returns:
            Vectors of shape (number of images, D), float32; of twice that width where the layer
            reads two, as DINOv2's does.

        Raises:
            TypeError, UserError: As `predict`.
        """
        images = self._images_of(images)
        if not images:
            return np.zeros((0, self.model.head.input.shape[-1]), "float32")
        found = read_images(_unlabelled(images), skip_bad_files=False)
        return self.vectors_of(prediction_batches(found, self.preprocessor))

    def attention(self, image: str | Path | bytes) -> Attention:
        """Tells what the classifier attends to in an image: a file, or its bytes.

        Returns:
            The weights of all heads, rollout, and what each patch contributes to each class.

        Raises:
            UserError: If it is not there, or not one image that can be decoded.
        """
        found = read_images(_unlabelled([image]), skip_bad_files=False)
        if len(found) != 1:
            raise UserError(f"Attention is that of one image. Received: {image}, with {len(found)}")
        (answer,) = self.answers_of(found)
        pixels = decoded(found, self.preprocessor)[0]  # (H, W, 3)
        return attend_to_image(self, pixels, ImagePrediction(found.files[0], **answer))

    def answer(self, questions: list[str | bytes], **_: Any) -> list[ImagePrediction | str]:
        """Classifies files, or images as bytes; says what is wrong with one that cannot be read."""
        contents = [each if isinstance(each, bytes) else None for each in questions]
        names = [
            (getattr(each, "name", "") or "an image") if isinstance(each, bytes) else each
            for each in questions
        ]
        found = LabelledImages("the images", names, [""] * len(names), [], contents=contents)
        files, bad = look_at(found)
        problems = {index: f"{names[index]}: {said}" for index, said in bad.items()}
        good = [index for index in range(len(questions)) if index not in problems]
        ranked = zip(good, self.answers_of(files.take(good)), strict=True)
        answers = {index: ImagePrediction(names[index], **answer) for index, answer in ranked}
        return [answers.get(index) or problems[index] for index in range(len(questions))]

    @takes(ImageReading)
    def evaluate(self, data: str | Path | LabelledImages, **reading: Any) -> dict[str, Any]:
        """Measures the classifier on labelled images.

        Args:
            data: A folder, of whose splits "test" is taken, a table, `tfds:NAME`, or images already
                read.
            **reading: Attributes of `ImageReading`.

        Returns:
            The problem's figures, such as those of `classification_metrics`, and
            `examples_per_second` from the files.

        Raises:
            UserError: If the data cannot be read, or holds a label that training never saw.
        """
        if not isinstance(data, LabelledImages):
            data = read_like(self.metadata["data"]["train"], data, **reading)
        self.predict_probabilities(data.take([0]))  # traced before the clock starts
        return self.measure(data, data)

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        warn_of_other_formats(self.metadata)
        return export_image_classifier(
            self.model, self.preprocessor, self.problem, Path(destination), precision
        )


def _unlabelled(images: Sequence[str | Path | bytes]) -> LabelledImages:
    if all(isinstance(image, bytes) for image in images):
        names = [f"image {number}" for number in range(len(images))]
        return LabelledImages("the images", names, [""] * len(names), [], contents=list(images))
    if any(isinstance(image, bytes) for image in images):
        raise UserError("Images must all be files and folders, or all bytes.")
    files = list_images(images)
    return LabelledImages("the images", files, [""] * len(files), [])
