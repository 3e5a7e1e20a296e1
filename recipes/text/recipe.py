"""Trains a classifier of texts: BERT (Devlin et al., 2018), from scratch or from a checkpoint.

From scratch, with at most 50,000 texts, linear models of n-grams teach it (Hinton et al., 2015).

    regard fit text train.tsv --validation dev.tsv

With the 6,920 sentences of SST-2, 5 minutes on two cores, accuracy on dev is 0.810 (0.811, 0.814
and 0.806 with seeds 0, 1 and 2); from a checkpoint of 6 layers, 384 wide, `--checkpoint DIR`, it is
0.895 in as many minutes.

References:
    Devlin et al., "BERT", https://arxiv.org/abs/1810.04805;
    Hinton et al., "Distilling the Knowledge in a Neural Network", https://arxiv.org/abs/1503.02531
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..declarations import divided, takes
from ..names import display_name
from ..runs.directories import default_output
from ..runs.evaluation import encode_labels
from ..runs.report import write_report
from ..runs.session import Session, session
from ..training.fit import merged_float32
from .batches import validation_batches
from .data import LabelledTexts, read_train_and_validation
from .distillation import can_teach
from .encoding import check_long_texts
from .plans import fit_plan, labelled_plan, taught_plan
from .run import TextRun
from .settings import TextReading, TextSettings
from .start import start
from .validation import measure_windows

logger = logging.getLogger("regard")


class Training(NamedTuple):
    """Holds a run, figures of each epoch, validation classes (B,) and probabilities (B, C)."""

    run: TextRun
    history: list[dict[str, float]]
    labels: np.ndarray
    probabilities: np.ndarray


@takes(TextReading, TextSettings)
def fit_text(
    train: str | Path | LabelledTexts,
    validation: str | Path | LabelledTexts | float = 0.1,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> TextRun:
    """Trains a text classifier, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`, and reports on the validation data. With a teacher the mean of
    the last steps' weights is kept, else the weights of the epoch with the best macro-F1. The same
    data, settings and seed give the same weights, bit for bit, on the same machine.

    Args:
        train: The training data: a CSV, TSV, JSON Lines or Parquet file, `tfds:NAME[/CONFIG]`, or
            a table already read.
        validation: The validation data likewise, or the share of the training data, in (0, 1), to
            hold out for it. Defaults to 0.1.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `TextReading`, such as `text_column` and `label_column`, and of
            `regard.TextSettings`: `checkpoint`, `preset`, `epochs`, `learning_rate`, `seed`...

    Returns:
        The run, as `TextRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_text("reviews.csv", output="runs/reviews")
        >>> run.predict(["A lovely little hotel."])
    """
    reading, settings = divided(options, TextReading, TextSettings)
    settings = TextSettings(**settings).completed()
    output = Path(output or default_output(getattr(train, "source", train)))
    with session("text", output, settings, overwrite) as current:
        train, validation = read_train_and_validation(train, validation, settings.seed, **reading)
        check_long_texts(train, settings)
        run, history, labels, probabilities = train_best(current, train, validation, settings)
        examined = (history, run.metrics, labels, probabilities)
        current.write(run, history, lambda directory: write_report(directory, *examined))
    return run


def train_best(
    current: Session, train: LabelledTexts, validation: LabelledTexts, settings: TextSettings
) -> Training:
    """Trains once for each seed and keeps the best, with the figures of all in its metrics."""
    best, figures = None, []
    seeds = range(settings.seed, settings.seed + settings.seeds)
    for seed in seeds:
        if len(seeds) > 1:
            logger.info("Seed %d, of %d to %d.", seed, seeds[0], seeds[-1])
        training = train_classifier(current, train, validation, replace(settings, seed=seed))
        metrics = training.run.metrics
        figures.append({"seed": seed, **{name: metrics[name] for name in ("accuracy", "macro_f1")}})
        if best is None or metrics["macro_f1"] > best.run.metrics["macro_f1"]:
            best = training
    if len(seeds) > 1:
        best.run.metrics["seeds"] = figures
    return best


def train_classifier(
    current: Session, train: LabelledTexts, validation: LabelledTexts, settings: TextSettings
) -> Training:
    """Trains a classifier with one seed."""
    has_teacher = settings.teacher and can_teach(train)
    settings = settings.for_lesson(has_teacher)
    data = {"train": train.describe(), "validation": validation.describe()}
    with current.training(settings, data) as (settings, resume):
        model, tokenizer, class_names, settings = start(train, settings)
        tables = (train, validation)
        classes = [encode_labels(each.labels, class_names, each.source) for each in tables]
        _announce(train, validation, class_names)
        under_way = TextRun(model, tokenizer, current.metadata(settings, class_names=class_names))
        encoder = under_way.encoder
        texts, held_out = (encoder.encode_all(table.examples()) for table in tables)
        encoder.tell_long(texts, held_out)
        make_plan = taught_plan if has_teacher else labelled_plan
        plan = make_plan(model, texts, classes[0], tokenizer, settings)
        settings = settings.for_steps(plan.batches_per_epoch)
        batches = validation_batches(held_out, classes[1], len(class_names), tokenizer)
        measure = measure_windows(under_way, held_out, classes[1])
        history, kept = fit_plan(plan, batches, settings, resume, len(validation), measure)
    metadata = current.metadata(settings, class_names=class_names)
    run = TextRun(merged_float32(model), tokenizer, metadata)
    probabilities = run.report(validation.examples(), classes[1], kept)
    return Training(run, history, classes[1], probabilities)


def _announce(train: LabelledTexts, validation: LabelledTexts, class_names: list[str]) -> None:
    shown = ", ".join(display_name(name) for name in class_names[:10])
    more = ", ..." if len(class_names) > 10 else ""
    counts = len(train), len(validation), len(class_names)
    logger.info("%d texts to learn from, %d to validate on, %d classes: %s%s", *counts, shown, more)
