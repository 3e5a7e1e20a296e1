"""Shows images at work: scikit-learn's handwritten digits, from a folder of files to a server."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ...models import disk
from ..runs.directories import written_aside
from ..tasks import TASKS
from .checks import read_labelled_images
from .recipe import fit_images

HELD_OUT = 0.2
SETTINGS = {
    "preset": "vit_compact",  # which other programs open
    "image_size": 16,
    "epochs": 40,
    "batch_size": 32,  # so that 1,437 images give 40 steps an epoch
    "augmentation": "light",
}


def run_demo(output: Path, overwrite: bool = False) -> Iterator[str]:
    """Trains, evaluates, predicts and exports; yields lines that say what came of each step.

    Raises:
        UserError: If the directory exists and may not be replaced, or cannot be written.
    """
    with written_aside(output, TASKS["images"].demo, overwrite) as directory:
        learned, held_out = write_digits(directory / "digits")
        yield f"digits: {learned} to learn from, {held_out} to test on"
        run = fit_images(directory / "digits", output=directory / "run", **SETTINGS)
        test = read_labelled_images(directory / "digits", "test")
        metrics = run.evaluate(test)
        yield f"accuracy on {len(test)} digits that it has not seen: {metrics['accuracy']:.1%}"
        yield ""
        for answer in run.predict(test.files[:3]):
            yield answer.to_line().replace(str(directory), str(output))
        run.export(directory / "served")
    yield ""
    yield f"run: {output}/run"
    yield f"export: {output}/served/1"
    yield ""
    yield "Next, with your own images, a folder for each class:"
    yield "  regard fit images YOUR_FOLDER --output runs/mine"
    yield "  regard predict runs/mine IMAGE"
    yield "  regard export runs/mine served/mine"


def write_digits(folder: Path) -> tuple[int, int]:
    """Writes the digits as PNG files, `folder/{train,test}/<digit>/*`; returns their numbers."""
    digits = load_digits()
    pixels = (digits.images * (255 / 16)).astype("uint8")
    splits = train_test_split(
        np.arange(len(pixels)), test_size=HELD_OUT, random_state=0, stratify=digits.target
    )
    for split, numbers in zip(("train", "test"), splits, strict=True):
        for number in numbers:
            path = folder / split / str(digits.target[number]) / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.write_bytes(path, tf.io.encode_png(pixels[number][..., None]).numpy())
    return tuple(map(len, splits))
