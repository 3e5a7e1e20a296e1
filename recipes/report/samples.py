"""Shows what a model answers to some examples, each with its attention on a page of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...models import disk
from ..log import hushed
from ..names import counted
from ..runs.description import data_name
from ..tasks import TASKS
from .markup import name, paragraph
from .page import LOST, made

LOOKED_INTO = 6  # examples whose attention has a page
LARGEST_PAGE = 400_000  # bytes of each, about
MOST_WEIGHTS = 20_000_000  # of all pages: 10 million take some two seconds
MISTAKES_SHOWN = 16


class Sample(NamedTuple):
    """Holds an example as the report shows it.

    Attributes:
        content: The example, and what is said of it: HTML.
        question: What `run.attention` takes.
    """

    content: str
    question: Any


def confident_mistakes(labels: np.ndarray, probabilities: np.ndarray, count: int) -> list[int]:
    """Returns the indices of the most confident mistakes, most confident first."""
    score, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return wrong[np.argsort(-score[wrong], kind="stable")][:count].tolist()


def verdict(label: int, probabilities: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns what an example was taken for, and what it is, with the probability of each."""
    taken = int(probabilities.argmax())
    return (
        f'<p class="verdict"><span class="wrong">{name(class_names[taken])} '
        f"{probabilities[taken]:.1%}</span> <span>truly {name(class_names[label])} "
        f"{probabilities[label]:.1%}</span></p>"
    )


def mistakes(
    samples: Sequence[Sample] | None,
    wrong: int,
    total: int,
    pages: Sequence[str | None],
    what: str = "are taken for another class",
) -> str:
    """Returns the mistakes that a classifier is surest of, each with a link to its attention.

    Args:
        samples: The mistakes, the surest first; None if they could not be drawn.
        wrong, total: The number of all mistakes, and of all examples.
        pages: What `attention_pages` gives.
        what: What is wrong with them, in words.
    """
    if not wrong:
        return paragraph(f"All examples of the validation data are recognized: {total:,}.")
    if samples is None:
        return paragraph(f"{wrong:,} of {counted(total, 'example')} {what}.") + LOST
    some = f"the {len(samples):,} it is surest of" if len(samples) < wrong else "all of them"
    intro = paragraph(
        f"{wrong:,} of {counted(total, 'example')} {what}; here are {some}. They may "
        "be hard, or have a wrong label."
    )
    return intro + listed(samples, pages)


def listed(samples: Sequence[Sample] | None, pages: Sequence[str | None]) -> str:
    """Returns samples, each with a link to its page, if it has one; says if they were not drawn."""
    if samples is None:
        return LOST
    links = [f'<a class="look" href="{page}">Attention</a>' if page else "" for page in pages]
    links += [""] * (len(samples) - len(links))
    cards = (f"<li>{each.content}{link}</li>" for each, link in zip(samples, links, strict=True))
    return f'<ol class="samples">{"".join(cards)}</ol>'


def attention_pages(
    directory: Path, run: Any, questions: Sequence[Any], ask: Callable[[Any], Any]
) -> list[str | None]:
    """Writes pages of what a run attends to in the first few of some questions.

    Args:
        directory: The folder of the report.
        run: The run.
        questions: What it is asked.
        ask: Gives its attention to one.

    Returns:
        The name of each page, or None where it could not be drawn or would take too long.
    """
    subject = f"{TASKS[run.task].noun} of {data_name(run.metadata)}"  # wherever the run will be
    names, weights = [], 0
    directory.mkdir(parents=True, exist_ok=True)
    for number, question in enumerate(questions[:LOOKED_INTO], start=1):
        with hushed():  # of long texts all is said
            attention = made(partial(ask, question), None)
        if attention is not None:
            weights += sum(heads.weights.size for heads in attention.heads.values())
        if weights > MOST_WEIGHTS:
            break
        names.append(_write(directory / f"attention-{number}.html", attention, subject))
    return names


def _write(path: Path, attention: Any, subject: str) -> str | None:
    def page() -> bytes:
        shown = replace(attention, subject=subject)
        return shown.to_html(LARGEST_PAGE).encode("utf-8", "replace")

    content = None if attention is None else made(page, None)
    if content is None:
        return None
    disk.write_bytes(path, content)
    return path.name
