# Written by tests/make_stubs.py.

from pathlib import Path

from .data import LabelledImages
from .run import ImageRun

def fit_images(
    train: str | Path | LabelledImages,
    validation: str | Path | LabelledImages | float | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    sheet: str | None = None,
    image_column: str | None = None,
    image_folder: str | None = None,
    skip_bad_files: bool = False,
    label_column: str | None = None,
    label_columns: str | tuple[str, ...] | None = None,
    label_separator: str | None = None,
    problem_type: str | None = None,
    calibrate: bool | None = None,
    abstain_below: float | None = None,
    checkpoint: str | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    dropout: float | None = None,
    precision: str | None = None,
    strategy: str = "auto",
    xla: bool | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    seed: int = 0,
    tensorboard: str | None = None,
    image_size: tuple[int, int] | int | None = None,
    patch_size: int | None = None,
    batch_size: int | None = None,
    augmentation: str | None = None,
    mirror: bool | None = None,
    label_smoothing: float | None = None,
    stochastic_depth: float | None = None,
    layer_decay: float | None = None,
    freeze: str | None = None,
    weight_decay: float = 0.05,
) -> ImageRun: ...
