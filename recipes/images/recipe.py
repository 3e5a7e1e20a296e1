"""Trains a classifier of images: the Vision Transformer (Dosovitskiy et al., 2020).

    regard fit images cifar10 --preset vit_compact_conv --epochs 25 --precision bfloat16

With the 50,000 images of CIFAR-10 and seed 0, 72 minutes on two cores, 0.834 of the 10,000 to test
on are right.

References:
    Dosovitskiy et al., "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929;
    Touvron et al., "DeiT", https://arxiv.org/abs/2012.12877 (how to train one on little data)
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..declarations import divided, takes
from ..devices.strategy import check_batch
from ..report.classifier import Examined
from ..runs.abstention import check_abstention
from ..runs.directories import default_output
from ..runs.problems import encoded_for_training
from ..runs.session import Session, session
from ..training.fit import best_epoch_of, fit, merged_float32, whole_steps
from ..training.tensorboard import tensorboard_logs
from .checks import read_train_and_validation
from .data import LabelledImages
from .looking import look_at
from .report import write_image_report
from .run import ImageRun
from .settings import SMOOTHING, ImageReading, ImageSettings
from .start import start
from .training import announce, compile_image_classifier, learning


@takes(ImageReading, ImageSettings)
def fit_images(
    train: str | Path | LabelledImages,
    validation: str | Path | LabelledImages | float | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
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
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `ImageReading`, such as `label_column`, and of
            `regard.ImageSettings`: `checkpoint`, `preset`, `epochs`, `augmentation`, `seed`...

    Returns:
        The run, as `ImageRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_images("flowers", output="runs/flowers")
        >>> run.predict(["rose.jpg"])
    """
    reading, settings = divided(options, ImageReading, ImageSettings)
    settings = ImageSettings(**settings).completed()
    output = Path(output or default_output(getattr(train, "source", train)))
    asked = {"train": train, "validation": validation, **options}
    with session("images", output, settings, overwrite, asked) as current:
        train, validation = read_train_and_validation(train, validation, settings.seed, **reading)
        check_abstention(validation, settings)
        look = look_at(train, settings.seed)
        settings = settings.for_images(look.number, look.side, look.mirrors)
        run, history, kept = learn(current, train, validation, settings)
        labels = run.problem.encode(validation.labels, validation.source)
        probabilities = run.report(validation, labels, kept, len(history))
        seen = (current, Examined(run, history, labels, probabilities, run), validation, look)
        current.write(run, history, lambda directory: write_image_report(directory, *seen))
    return run


def learn(
    current: Session, train: LabelledImages, validation: LabelledImages, settings: ImageSettings
) -> tuple[ImageRun, list[dict[str, float]], dict[str, int]]:
    """Trains a classifier; returns the run, figures of each epoch, and the epoch that was kept."""
    data = {"train": train.describe(), "validation": validation.describe()}
    with current.training(settings, data, one_shape=True) as (settings, resume):
        model, preprocessing, class_names, knows = start(train, settings)
        problem, labels = encoded_for_training(train, validation, class_names)
        if knows:
            problem.begin(model.head)
        settings = settings.with_defaults(**{"label_smoothing": SMOOTHING, **problem.adjusted})
        size = preprocessing.height, preprocessing.width
        check_batch(settings.batch_size, "--batch-size")
        batches_per_epoch = len(train) // settings.batch_size
        steps = whole_steps(batches_per_epoch, settings.epochs, settings.accumulate)
        counts = len(train), len(validation), problem.outputs
        announce(settings, counts, size[::-1], *steps)
        learner, *batches = learning(model, preprocessing, (train, validation), labels, settings)
        compile_image_classifier(learner, settings, *steps, train.problem_type)
        best, logs = best_epoch_of(settings, len(validation)), tensorboard_logs(settings)
        history, kept = fit(learner, *batches, steps, best, resume, logs)
    about = {"class_names": class_names, **problem.described()}
    model = merged_float32(model)
    problem.end(model.head)
    metadata = current.metadata(replace(settings, image_size=size), **about)
    run = ImageRun(model, preprocessing, metadata)
    return run, history, {"last_epoch" if best is None else "best_epoch": kept}
