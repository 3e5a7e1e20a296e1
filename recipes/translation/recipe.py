"""Trains a translator: the Transformer of "Attention Is All You Need" (Vaswani et al., 2017).

    regard fit translation --source train.en --target train.de \\
        --validation-source val.en --validation-target val.de

With the 29,000 captions of Multi30k, English into German, the defaults and seed 0, an hour on two
cores, sacreBLEU on test_2016_flickr is 38.6, and BLEU as the literature counts it 39.0.

References:
    Vaswani et al., "Attention Is All You Need", https://arxiv.org/abs/1706.03762
"""

import logging
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..data.sources import name_of
from ..declarations import divided, takes
from ..devices.strategy import check_batch
from ..names import counted
from ..runs.directories import default_output
from ..runs.session import Session, session
from ..training.fit import Measured, fit, merged_float32, whole_steps
from ..training.tensorboard import tensorboard_logs
from .batches import (
    cut_batches,
    encode_whole,
    encoder_of_epochs,
    ordered_batches,
    training_batches,
)
from .data import ParallelTexts, read_train_and_validation
from .evaluation import warn_unless_learned
from .report import Examined, write_translation_report
from .run import TranslationRun
from .settings import ParallelReading, TranslationSettings
from .start import start
from .training import BestBleu, compile_translator, measure_bleu

logger = logging.getLogger("regard")


@takes(ParallelReading, TranslationSettings)
def fit_translation(
    source: str | Path | ParallelTexts,
    target: str | Path | None = None,
    *,
    validation_source: str | Path | ParallelTexts | None = None,
    validation_target: str | Path | None = None,
    validation: str | Path | float = 0.05,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> TranslationRun:
    """Trains a translator, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`. The weights are the mean of the last steps', of the epoch whose
    translations of the validation data have the best BLEU. The same data, settings and seed give
    the same weights, bit for bit, on the same machine.

    Args:
        source: The file of sources, a text a line; or a table (CSV, TSV, JSON Lines, Parquet,
            `tfds:NAME`); or parallel text already read.
        target: The file of targets, where the sources have a file of their own.
        validation_source: The file of sources to validate on, or parallel text already read.
        validation_target: The file of their targets.
        validation: Without these, a table to validate on, or the share of the training data, in
            (0, 1), to hold out for it. Defaults to 0.05.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `ParallelReading`, such as `source_column`, and of
            `regard.TranslationSettings`: `checkpoint`, `preset`, `epochs`, `seed` and so on.

    Returns:
        The run, as `TranslationRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_translation("train.en", "train.de", output="runs/en-de")
        >>> run.predict(["A dog runs."])
    """
    reading, settings = divided(options, ParallelReading, TranslationSettings)
    settings = TranslationSettings(**settings).completed()
    output = Path(output or default_output(name_of(source)))
    to_validate = {
        "validation_source": validation_source,
        "validation_target": validation_target,
        "validation": validation,
    }
    name = "table" if target is None else "source"
    asked = {name: source, "target": target, **to_validate, **options}
    with session("translation", output, settings, overwrite, asked) as current:
        train, held_out = read_train_and_validation(
            source, target, **to_validate, seed=settings.seed, **reading
        )
        run, history, best_epoch = learn(current, train, held_out, settings)
        translations = measure(run, held_out, best_epoch)
        seen = (current, Examined(run, history, train, held_out, translations))
        current.write(run, history, lambda directory: write_translation_report(directory, *seen))
    return run


def learn(
    current: Session, train: ParallelTexts, held_out: ParallelTexts, settings: TranslationSettings
) -> tuple[TranslationRun, list[dict[str, float]], int]:
    """Trains a translator; returns the run, figures of each epoch, and the epoch that was kept."""
    data = {"train": train.describe(), "validation": held_out.describe()}
    with current.training(settings, data) as (settings, resume):
        model, tokenizer, settings = start(train, settings)
        message = "%s to learn from, %d to validate on."
        logger.info(message, counted(len(train), "pair"), len(held_out))
        budget, ids = settings.batch_tokens, (tokenizer.pad_id, model.start_id)
        encode = encoder_of_epochs(train, tokenizer, settings)
        validation_pairs = encode_whole(held_out, tokenizer, settings)
        first_epoch = cut_batches(encode(0), budget, np.arange(len(train)))
        check_batch(max(map(len, first_epoch)), "--batch-tokens")
        settings = settings.for_steps(len(first_epoch))
        steps = whole_steps(len(first_epoch), settings.epochs, settings.accumulate)
        compile_translator(model, settings, math.prod(steps))
        bleu = measure_bleu(model, tokenizer, held_out, settings.max_sequence_length)
        history, best_epoch = fit(
            model,
            partial(training_batches, encode, budget, settings.seed, ids[0], start_id=ids[1]),
            partial(ordered_batches, validation_pairs, budget, ids[0], start_id=ids[1]),
            steps,
            BestBleu(settings.patience),
            resume,
            [Measured(bleu), *tensorboard_logs(settings)],
        )
    run = TranslationRun(merged_float32(model), tokenizer, current.metadata(settings))
    return run, history, best_epoch


def measure(run: TranslationRun, held_out: ParallelTexts, best_epoch: int) -> list[str]:
    """Measures a run for its `metrics.json`, and returns its translations."""
    metrics, translations = run.measure(held_out)
    run.metrics = {**metrics, "best_epoch": best_epoch}
    warn_unless_learned(run.metrics)
    return translations
