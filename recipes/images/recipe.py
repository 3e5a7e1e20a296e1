"""From a folder of images to a trained classifier: the whole story, readable top to bottom."""

import logging
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...models import VisionTransformer
from ..devices.strategy import check_batch, choose, open_devices, strategy
from ..errors import UserError
from ..runs.directories import RUN_CONTENTS, check_output, default_output
from ..runs.evaluation import classification_metrics, encode_labels
from ..runs.report import confident_mistakes, write_mistakes, write_report
from ..runs.run import versions, write_history
from ..runs.session import resume_in, run_directory
from ..training.fit import BestEpoch, fit, set_seed, smooth
from ..training.precision import merged_float32
from .augmentation import Augmentation
from .batches import decoded, ordered_batches, training_batches
from .checks import read_train_and_validation
from .data import LabelledImages
from .preprocessing import ImagePreprocessing
from .run import ImageRun, describe_images, open_image_checkpoint
from .settings import ImageSettings
from .training import compile_image_classifier

logger = logging.getLogger("regard")


class Start(NamedTuple):
    """Where a training starts from."""

    model: VisionTransformer
    preprocessing: ImagePreprocessing
    class_names: list[str]


class Training(NamedTuple):
    """What training gives: the run, one dict of figures an epoch, validation probabilities."""

    run: ImageRun
    history: list[dict[str, float]]
    probabilities: np.ndarray


def fit_images(
    train: str | Path | LabelledImages,
    validation: str | Path | LabelledImages | float | None = None,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_files: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> ImageRun:
    """Trains a classifier of images, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`. The weights are the mean of the last steps', of the epoch with
    the best macro-F1 on the validation data. The same data, settings and seed give the same
    weights, bit for bit, on the same machine.

    Args:
        train: The images: a folder with a folder for each class, `DIR/<class>/*`, or with such a
            folder for each split, `DIR/{train,validation,test}/<class>/*`; a table of paths and
            labels; `tfds:NAME`; or images already read.
        validation: The validation data likewise, or the share of the training data, in (0, 1), to
            hold out for it. Defaults to the folder's own "validation", if it has splits, or 0.1.
        image_column: Column of the paths in a table; guessed where there is one sensible guess.
        label_column: Column of the labels, likewise.
        encoding: Encoding of a table. Defaults to UTF-8.
        skip_bad_files: Whether to count and skip what cannot be decoded instead of stopping.
            Defaults to False.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **settings: Attributes of `regard.ImageSettings`: `checkpoint`, `preset`, `epochs`,
            `augmentation`, `seed` and so on.

    Returns:
        The run, as `ImageRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_images("flowers", output="runs/flowers")
        >>> run.predict(["rose.jpg"])
    """
    settings = ImageSettings(**settings).completed()
    source = train.source if isinstance(train, LabelledImages) else train
    output = Path(output or default_output(source))
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)
    train, validation = read_train_and_validation(
        train,
        validation,
        settings.seed,
        image_column=image_column,
        label_column=label_column,
        encoding=encoding,
        skip_bad_files=skip_bad_files,
    )
    with run_directory(output, overwrite, settings) as places:
        training = train_image_classifier(train, validation, settings, places.state)
        if places.run is not None:
            training.run.save(places.run)
            write_history(places.run / "history.csv", training.history)
            write_image_report(places.run / "report", training, validation)
    return training.run


def write_image_report(directory: Path, training: Training, validation: LabelledImages) -> None:
    """Writes what every classifier's report has, and a sheet of the most confident mistakes."""
    run, history, probabilities = training
    labels = encode_labels(validation.labels, run.class_names, validation.source)
    write_report(directory, history, run.metrics, labels, probabilities)
    worst = confident_mistakes(labels, probabilities)
    write_mistakes(
        directory,
        decoded(validation.take(worst), run.preprocessor) if worst else [],
        [validation.files[place] for place in worst],
        labels[worst],
        probabilities[worst],
        run.class_names,
    )


def train_image_classifier(
    train: LabelledImages,
    validation: LabelledImages,
    settings: ImageSettings,
    state: Path | None = None,
) -> Training:
    """Trains a classifier.

    Args:
        train: The images to learn from.
        validation: Those that tell the best epoch, and to report on.
        settings: Complete settings.
        state: Directory to keep the state of the training in, and to go on from. Defaults to none.

    Raises:
        UserError: If the checkpoint cannot be used, the validation data has a label that training
            never saw, or the loss is no longer a number.
    """
    began = time.perf_counter()
    start = from_scratch if settings.checkpoint is None else from_checkpoint
    data = {"train": describe_images(train), "validation": describe_images(validation)}
    with strategy(settings.strategy):
        settings = choose(settings, one_shape=True)
        set_seed(settings.seed)
        resume = resume_in(state, settings, data)
        model, preprocessing, class_names = start(train, settings)
        labels, validation_labels = (
            encode_labels(images.labels, class_names, images.source)
            for images in (train, validation)
        )
        height, width = preprocessing.height, preprocessing.width
        logger.info(
            "%d images to learn from, %d to validate on, %d classes, read as %d x %d pixels.",
            len(train),
            len(validation),
            len(class_names),
            width,
            height,
        )
        one_hot = np.eye(len(class_names), dtype="float32")
        batch_size = min(settings.batch_size, len(train))
        check_batch(batch_size, "--batch-size")
        steps_per_epoch = len(train) // batch_size
        compile_image_classifier(model, settings, steps_per_epoch)
        batches = partial(
            training_batches,
            train,
            np.asarray(smooth(one_hot[labels], settings.label_smoothing)),
            preprocessing,
            Augmentation(settings.augmentation, height, width, settings.seed),
            batch_size,
            settings.seed,
        )
        history, best_epoch = fit(
            model,
            batches,
            partial(ordered_batches, validation, preprocessing, one_hot[validation_labels]),
            steps_per_epoch,
            settings.epochs,
            BestEpoch(settings.patience),
            resume,
        )
    metadata = {
        "task": "images",
        "settings": asdict(replace(settings, image_size=(height, width))),
        "seconds": round(time.perf_counter() - began, 1),
        "class_names": class_names,
        "data": data,
        "versions": versions(),
    }
    run = ImageRun(merged_float32(model), preprocessing, metadata, metrics={})
    probabilities = run.predict_probabilities(validation)
    metrics = classification_metrics(validation_labels, probabilities, class_names)
    run.metrics = {**metrics, "best_epoch": best_epoch}
    return Training(run, history, probabilities)


def from_scratch(train: LabelledImages, settings: ImageSettings) -> Start:
    """A model of random weights."""
    class_names = train.class_names()
    options = {**settings.image_shape(), **settings.model_options()}
    try:
        model = VisionTransformer.from_preset(
            settings.preset, num_classes=len(class_names), **options
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    height, width, _ = model.config["image_shape"]
    return Start(model, ImagePreprocessing.for_shape(height, width), class_names)


def from_checkpoint(train: LabelledImages, settings: ImageSettings) -> Start:
    """A pretrained model with its preprocessing, both for the size of images that is asked for."""
    class_names = train.class_names()
    options = {**settings.image_shape(), **settings.model_options()}
    try:
        checkpoint, preprocessing = open_image_checkpoint(settings.checkpoint)
        model = VisionTransformer.from_checkpoint(checkpoint, len(class_names), **options)
    except ValueError as error:
        raise UserError(str(error)) from error
    if set(checkpoint.class_names) == set(class_names):
        class_names = checkpoint.class_names  # in the order of the checkpoint's classifier
    height, width, _ = model.config["image_shape"]
    return Start(model, preprocessing.resized(height, width), class_names)
