# Written by tests/make_stubs.py.

from pathlib import Path

from .data import ParallelTexts
from .run import TranslationRun

def fit_translation(
    source: str | Path | ParallelTexts,
    target: str | Path | None = None,
    *,
    validation_source: str | Path | ParallelTexts | None = None,
    validation_target: str | Path | None = None,
    validation: str | Path | float = 0.05,
    output: str | Path | None = None,
    overwrite: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    skip_bad_rows: bool = False,
    source_column: str | None = None,
    target_column: str | None = None,
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
    vocabulary_size: int | None = None,
    num_layers: int | None = None,
    num_decoder_layers: int | None = None,
    hidden_dim: int | None = None,
    num_heads: int | None = None,
    intermediate_dim: int | None = None,
    warmup_steps: int | None = None,
    label_smoothing: float = 0.1,
    subword_dropout: float = 0.0,
    long_texts: str = "cut",
    num_beams: int = 4,
    length_penalty: float = 1.0,
) -> TranslationRun: ...
