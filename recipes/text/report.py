"""Writes the report of a text classifier."""

from functools import partial
from pathlib import Path

import numpy as np

from ..report.classifier import Parts, write_classifier_page
from ..report.data import lengths, some_rows
from ..report.going_on import evaluation, example_of, go_on, words
from ..report.markup import name
from ..report.problems import view_of
from ..report.samples import Sample
from ..runs.report import write_pictures
from ..runs.session import Session
from ..tasks import TASKS
from ..tokenizers.strings import in_chunks
from .data import LabelledTexts
from .training import Training


def write_text_report(
    directory: Path,
    current: Session,
    training: Training,
    train: LabelledTexts,
    validation: LabelledTexts,
) -> None:
    """Writes what every classifier's report has, with the surest mistakes as texts."""
    run, history, labels, probabilities, measured = training
    view = view_of(run.metadata)
    write_pictures(directory, history, run.metrics, labels, probabilities)
    examples = validation.examples()

    def samples(rows: list[int]) -> list[Sample]:
        return [
            Sample(
                view.verdict(run.metrics, labels[row], probabilities[row]) + _shown(examples[row]),
                examples[row],
            )
            for row in rows
        ]

    def measured_lengths() -> str:
        rows, texts = some_rows(len(train)), train.examples()
        tokens = count_tokens(measured.tokenizer, [texts[row] for row in rows])
        title = "Lengths of the texts to learn from"
        return lengths(title, tokens, len(train), run.max_sequence_length)

    steps = partial(_steps, current, validation)
    parts = Parts(samples, measured_lengths, steps, validation.is_held_out)
    write_classifier_page(directory, current, training, parts)


def _shown(example: str | tuple[str, str]) -> str:
    texts = [example] if isinstance(example, str) else example
    return "".join(f"<p>{name(each)}</p>" for each in texts)


def count_tokens(tokenizer, examples: list) -> np.ndarray:
    """Returns the number of tokens of each text or pair of texts, special ones included."""
    counts = []
    for columns in in_chunks(examples):
        own = sum(tokenizer.tokenize(column).row_lengths().numpy() for column in columns)
        counts.append(own + tokenizer.frame.num_special(len(columns)))
    return np.concatenate(counts)


def _steps(current: Session, validation: LabelledTexts) -> str:
    task = TASKS[current.task]
    question = words(example_of(validation.texts))
    if validation.pairs is not None:
        question += f" --pair {words(example_of(validation.pairs))}"
    named = None if validation.is_held_out else current.asked.get("validation")
    return go_on(task, current.output, current.asked, question, [evaluation(current.output, named)])
