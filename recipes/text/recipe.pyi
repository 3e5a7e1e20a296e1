# Written by tests/make_stubs.py.

from pathlib import Path
from typing import Any

from .run import TextRun

def fit_text(
    train: Any,
    validation: Any = 0.1,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    skip_bad_rows: bool = False,
    text_column: str | tuple[str, ...] | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
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
    batch_tokens: int | None = None,
    max_sequence_length: int = 256,
    vocabulary_size: int | None = 16000,
    embeddings: str | None = None,
    long_texts: str = "cut",
    seeds: int = 1,
    refit: bool | None = None,
    label_smoothing: float | None = None,
    token_dropout: float | None = None,
    layer_decay: float | None = None,
    adversarial: float | None = None,
    freeze: int = 0,
    lora: int | None = None,
    teacher: bool | None = None,
) -> TextRun: ...
