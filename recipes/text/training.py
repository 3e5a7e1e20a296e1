"""Trains a text classifier: with one seed, with several, and once more on all texts."""

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..names import counted
from ..runs.problem import Problem
from ..runs.problems import encoded_for_training, kind_of
from ..runs.session import Session
from ..training.embeddings import FirstVectors
from ..training.fit import merged_float32
from .batches import validation_batches
from .data import LabelledTexts
from .distillation import can_teach
from .encoding import Encoded
from .few_shot import fit_head
from .plans import fit_plan, make_plan
from .run import TextRun
from .settings import TextSettings
from .start import start
from .validation import measure_windows

logger = logging.getLogger("regard")


class Training(NamedTuple):
    """Holds a run, and how it was examined: what `report.classifier.Examined` has."""

    run: TextRun
    history: list[dict[str, float]]
    labels: np.ndarray
    probabilities: np.ndarray
    measured: TextRun


def train_best(
    current: Session, train: LabelledTexts, validation: LabelledTexts, settings: TextSettings
) -> Training:
    """Trains once for each seed and keeps the best, with the figures of all in its metrics."""
    best, figures = None, []
    seeds = range(settings.seed, settings.seed + settings.seeds)
    for seed in seeds:
        if len(seeds) > 1:
            logger.info("Seed %d, of %d to %d.", seed, seeds[0], seeds[-1])
        own = replace(settings, seed=seed)
        if len(seeds) > 1 and settings.tensorboard:
            own = replace(own, tensorboard=f"{settings.tensorboard}/seed-{seed}")
        training = train_classifier(current, train, validation, own)
        metrics = training.run.metrics
        problem = training.run.problem
        figures.append({"seed": seed, **{name: metrics[name] for name in problem.figures}})
        goodness = problem.goodness
        if best is None or goodness(metrics) > goodness(best.run.metrics):
            best = training
    if len(seeds) > 1:
        best.run.metrics["seeds"] = figures
    return best


def refit(
    current: Session, train: LabelledTexts, validation: LabelledTexts, measured: Training
) -> Training:
    """Trains once more, on the validation texts as well; history and figures stay as measured."""
    settings = replace(TextSettings(**measured.run.metadata["settings"]), tensorboard=None)
    whole = train.joined(validation)
    logger.info(
        "Measured. Now it learns once more, from all %d texts: what is said of validation from "
        "here on is of texts that it has seen, and is not kept.",
        len(whole),
    )
    run, *_ = learn(current, whole, validation, settings)
    run.go_by(measured.run.problem)
    run.metrics = measured.run.metrics
    return measured._replace(run=run)


def train_classifier(
    current: Session, train: LabelledTexts, validation: LabelledTexts, settings: TextSettings
) -> Training:
    """Trains a classifier with one seed, and measures it on the validation texts."""
    run, history, kept = learn(current, train, validation, settings)
    labels = run.problem.encode(validation.labels, validation.source)
    probabilities = run.report(validation.examples(), labels, kept, len(history))
    return Training(run, history, labels, probabilities, run)


def learn(
    current: Session, train: LabelledTexts, validation: LabelledTexts, settings: TextSettings
) -> tuple[TextRun, list[dict[str, float]], dict[str, int]]:
    """Trains a classifier with one seed.

    Returns:
        The run, figures of each epoch, and the epoch that was kept, as `fit_plan` gives it.
    """
    settings = for_texts(settings, train)
    data = {"train": train.describe(), "validation": validation.describe()}
    with current.training(settings, data) as (settings, resume):
        model, tokenizer, class_names, settings, vectors, knows = start(train, settings)
        tables = (train, validation)
        problem, labels = encoded_for_training(*tables, class_names)
        if knows:
            problem.begin(model.head)
        announce(train, validation, problem)
        about = {"class_names": class_names, **problem.described()}
        under_way = TextRun(model, tokenizer, current.metadata(settings, **about))
        encoder = under_way.encoder
        texts, held_out = (encoder.encode_all(table.examples()) for table in tables)
        encoder.tell_long(texts, held_out)
        _tell_vectors(vectors, texts, tokenizer)
        plan = make_plan(model, texts, labels[0], tokenizer, settings, train.problem_type)
        settings = settings.for_steps(plan.batches_per_epoch)
        batches = validation_batches(held_out, labels[1], len(class_names), tokenizer)
        is_measured = not settings.few_shot  # which has no head until its end
        measure = measure_windows(under_way, held_out, labels[1]) if is_measured else None
        history, kept = fit_plan(plan, batches, settings, resume, len(validation), measure)
        if settings.few_shot:
            fit_head(model, texts, labels[0], tokenizer)
    model = merged_float32(model)
    problem.end(model.head)
    return TextRun(model, tokenizer, current.metadata(settings, **about)), history, kept


def for_texts(settings: TextSettings, train: LabelledTexts) -> TextSettings:
    """Returns the settings with the defaults that depend on the texts and their labels."""
    has_teacher = settings.teacher and can_teach(train)
    settings = settings.with_defaults(**kind_of(train.problem_type).adjusted)
    return settings.for_lesson(has_teacher)


def announce(train: LabelledTexts, validation: LabelledTexts, problem: Problem) -> None:
    """Says in a line what is learned, and of how many texts."""
    counts = counted(len(train), "text"), len(validation), problem.outputs
    logger.info("%s to learn from, %d to validate on, %s", *counts)


def _tell_vectors(vectors: FirstVectors | None, texts: Encoded, tokenizer) -> None:
    if vectors is not None:
        ids = texts.token_ids.flat_values.numpy()
        vectors.tell(ids, (tokenizer.start_id, tokenizer.end_id))
