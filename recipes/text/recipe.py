"""From labelled texts to a trained classifier: the whole story, readable top to bottom."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...models import TextClassifier
from ..devices.shards import Shard
from ..devices.strategy import check_batch, choose, open_devices, strategy
from ..errors import UserError
from ..names import display_name
from ..runs.checkpoints import open_checkpoint
from ..runs.directories import RUN_CONTENTS, check_output, default_output
from ..runs.evaluation import classification_metrics, encode_labels
from ..runs.report import write_report
from ..runs.run import versions, write_history
from ..runs.session import resume_in, run_directory
from ..tokenizers.normalization import BertNormalization
from ..tokenizers.vocabulary import MAX_CLAUSE_CHARACTERS, learn_vocabulary
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.fit import BestEpoch, compile_classifier, compile_student, fit, set_seed
from ..training.optimizers import make_optimizer, scaled
from ..training.precision import merged_float32
from ..training.resuming import Resume
from .data import LabelledTexts, read_train_and_validation
from .distillation import can_teach, with_no_evidence
from .fine_tuning import add_lora, freeze
from .plans import Course, labelled_course, taught_course, validation_batches
from .run import TextRun, describe_data
from .settings import TextSettings

logger = logging.getLogger("regard")


class Start(NamedTuple):
    """Where a training starts from."""

    model: TextClassifier
    tokenizer: WordPieceTokenizer
    class_names: list[str]
    settings: TextSettings


class Training(NamedTuple):
    """What training gives: the run, one dict of figures an epoch, validation probabilities."""

    run: TextRun
    history: list[dict[str, float]]
    probabilities: np.ndarray


def fit_text(
    train: str | Path | LabelledTexts,
    validation: str | Path | LabelledTexts | float = 0.1,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
    seeds: int = 1,
    output: str | Path | None = None,
    overwrite: bool = False,
    **settings: Any,
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
        text_column: Column of the texts; guessed where there is one sensible guess.
        label_column: Column of the labels, likewise.
        pair_column: Column of the second texts, where pairs of texts are to be classified.
        encoding: Encoding of the files. Defaults to UTF-8.
        skip_bad_rows: Whether to count and skip bad rows instead of stopping. Defaults to False.
        seeds: Number of trainings, with as many seeds in a row, of which the best is kept; the
            metrics give mean and spread. Defaults to 1.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **settings: Attributes of `regard.TextSettings`: `checkpoint`, `preset`, `epochs`,
            `learning_rate`, `seed` and so on.

    Returns:
        The run, as `TextRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_text("reviews.csv", output="runs/reviews")
        >>> run.predict(["A lovely little hotel."])
    """
    settings = TextSettings(**settings).completed()
    if seeds < 1:
        raise UserError(f"`seeds` must be at least 1. Received: seeds={seeds}")
    source = train.source if isinstance(train, LabelledTexts) else train
    output = Path(output or default_output(source))
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)
    train, validation = read_train_and_validation(
        train,
        validation,
        settings.seed,
        text_column=text_column,
        label_column=label_column,
        pair_column=pair_column,
        encoding=encoding,
        skip_bad_rows=skip_bad_rows,
    )
    with run_directory(output, overwrite, settings) as places:
        run, history, probabilities = train_best(train, validation, settings, seeds, places.state)
        if places.run is not None:
            run.save(places.run)
            write_history(places.run / "history.csv", history)
            labels = encode_labels(validation.labels, run.class_names, validation.source)
            write_report(places.run / "report", history, run.metrics, labels, probabilities)
    return run


def train_best(
    train: LabelledTexts,
    validation: LabelledTexts,
    settings: TextSettings,
    seeds: int,
    state: Path | None = None,
) -> Training:
    """Trains once for each seed and keeps the best, with the figures of all in its metrics."""
    best, figures = None, []
    for seed in range(settings.seed, settings.seed + seeds):
        if seeds > 1:
            logger.info("Seed %d, of %d to %d.", seed, settings.seed, settings.seed + seeds - 1)
        training = train_text_classifier(train, validation, replace(settings, seed=seed), state)
        metrics = training.run.metrics
        figures.append({"seed": seed, **{name: metrics[name] for name in ("accuracy", "macro_f1")}})
        if best is None or metrics["macro_f1"] > best.run.metrics["macro_f1"]:
            best = training
    if seeds > 1:
        best.run.metrics["seeds"] = figures
    return best


def train_text_classifier(
    train: LabelledTexts,
    validation: LabelledTexts,
    settings: TextSettings,
    state: Path | None = None,
) -> Training:
    """Trains a classifier with one seed.

    Args:
        train: The data to learn from.
        validation: The data to report on, which tells the best epoch where there is no teacher.
        settings: Complete settings.
        state: Directory to keep the state of the training in, and to go on from. Defaults to none.

    Raises:
        UserError: If the checkpoint cannot be used, the validation data has a label that training
            never saw, or the loss is no longer a number.
    """
    began = time.perf_counter()
    is_single = train.pairs is None  # n-grams do not see what one text has to do with another
    settings = settings.for_lesson(
        has_teacher=settings.teacher and is_single and can_teach(train.labels)
    )
    start = from_scratch if settings.checkpoint is None else from_checkpoint
    data = {"train": describe_data(train), "validation": describe_data(validation)}
    with strategy(settings.strategy):
        settings = choose(settings)
        set_seed(settings.seed)
        resume = resume_in(state, settings, data)
        model, tokenizer, class_names, settings = start(train, settings)
        labels = encode_labels(train.labels, class_names, train.source)
        validation_labels = encode_labels(validation.labels, class_names, validation.source)
        _announce(train, validation, class_names)

        take_course = taught_course if settings.teacher else labelled_course
        course = take_course(model, train.examples(), labels, tokenizer, settings)
        check_batch(max(map(len, course.plan.in_order())), "--batch-tokens")
        validation_data = validation_batches(
            validation.examples(), validation_labels, len(class_names), tokenizer, settings
        )
        history, best_epoch = learn(course, validation_data, settings, resume)

    metadata = {
        "task": "text",
        "settings": asdict(settings),
        "seconds": round(time.perf_counter() - began, 1),
        "class_names": class_names,
        "data": data,
        "versions": versions(),
    }
    run = TextRun(merged_float32(model), tokenizer, metadata, metrics={})
    probabilities = run.predict_probabilities(validation.examples())
    metrics = classification_metrics(validation_labels, probabilities, class_names)
    run.metrics = {**metrics, "best_epoch": best_epoch}
    return Training(run, history, probabilities)


def learn(
    course: Course,
    validation_data: Callable[[Shard], tf.data.Dataset],
    settings: TextSettings,
    resume: Resume | None = None,
) -> tuple[list[dict[str, float]], int]:
    """Takes a course; one dict of figures an epoch, and the epoch that was kept."""
    optimizer = make_optimizer(
        settings.learning_rate,
        settings.epochs * course.steps_per_epoch,
        layer_decay=settings.layer_decay,
        average_every=settings.average_every(),
        accumulate=settings.accumulate,
    )
    compile_it = compile_student if settings.teacher else compile_classifier
    compile_it(course.learner, scaled(optimizer, settings.precision), settings.xla)

    def finished_validation_data(shard: Shard) -> tf.data.Dataset:
        return validation_data(shard).map(with_no_evidence(course.learner))

    return fit(
        course.learner,
        course.batches,
        finished_validation_data if settings.teacher else validation_data,
        course.steps_per_epoch,
        settings.epochs,
        None if settings.teacher else BestEpoch(settings.patience),
        resume,
    )


def from_scratch(train: LabelledTexts, settings: TextSettings) -> Start:
    """A model of random weights, and a vocabulary learned from the training texts."""
    class_names = train.class_names()
    texts = [*train.texts, *(train.pairs or ())]
    if settings.teacher:  # which tells what pieces of several Chinese characters mean
        pieces = learn_vocabulary(texts, settings.vocabulary_size, split_chinese=False)
        tokenizer = WordPieceTokenizer(
            pieces,
            BertNormalization(split_chinese=False),
            max_word_characters=MAX_CLAUSE_CHARACTERS,
        )
    else:
        tokenizer = WordPieceTokenizer(learn_vocabulary(texts, settings.vocabulary_size))
    model = TextClassifier.from_preset(
        settings.preset,
        vocabulary_size=len(tokenizer.vocabulary),
        num_classes=len(class_names),
        max_sequence_length=settings.max_sequence_length,
        **settings.model_options(),
    )
    return Start(model, tokenizer, class_names, settings)


def from_checkpoint(train: LabelledTexts, settings: TextSettings) -> Start:
    """A pretrained model with the tokenizer that it was trained with."""
    class_names = train.class_names()
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint)
        model = TextClassifier.from_checkpoint(
            checkpoint, len(class_names), **settings.model_options()
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    if set(checkpoint.class_names) == set(class_names):
        class_names = checkpoint.class_names  # in the order of the checkpoint's classifier
    freeze(model, settings.freeze)
    if settings.lora:
        add_lora(model, settings.lora)
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return Start(model, tokenizer, class_names, settings.for_checkpoint(width, longest))


def _announce(train: LabelledTexts, validation: LabelledTexts, class_names: list[str]) -> None:
    shown = [display_name(name) for name in class_names[:10]]
    more = ", ..." if len(class_names) > 10 else ""
    logger.info(
        "%d texts to learn from, %d to validate on, %d classes: %s%s",
        len(train),
        len(validation),
        len(class_names),
        ", ".join(shown),
        more,
    )
