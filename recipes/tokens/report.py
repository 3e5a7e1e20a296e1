"""Writes the report of a classifier of tokens, with the surest mistakes as marked texts."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..report.charts import bar
from ..report.classes import confusion
from ..report.data import data, lengths, some_rows
from ..report.going_on import evaluation, example_of, go_on, words
from ..report.markup import name, paragraph, table, text
from ..report.page import LOST, Section, made, write_page
from ..report.samples import MISTAKES_SHOWN, Sample, attention_pages, listed
from ..report.training import curves, result, settings
from ..runs.report import write_learning_curves
from ..runs.session import Session
from ..tasks import TASKS
from .data import LabelledTokens
from .run import TokenRun
from .spans import Span
from .tagging import Tagged

FIGURES = {"f1": "F1 of entities", "precision": "Precision", "recall": "Recall"}
AROUND = 100  # characters of a long text on either side of what is shown


class Mistake(NamedTuple):
    """Holds what is wrong in a text.

    Attributes:
        row: The text.
        score: How sure the model is of what it finds wrongly; 0 where it only misses something.
        wrong: What it finds that is not so.
        missed: What is marked, and not found.
    """

    row: int
    score: float
    wrong: list[Span]
    missed: list[Span]


class Examined(NamedTuple):
    """Holds a classifier of tokens as it was examined on the validation data.

    Attributes:
        run: The run.
        history: Figures of each epoch.
        marked: The entities of each text.
        tagged: What the classifier says of each text.
    """

    run: TokenRun
    history: Sequence[dict[str, Any]]
    marked: Sequence[Sequence[Span]]
    tagged: Sequence[Tagged]


def write_token_report(
    directory: Path,
    current: Session,
    examined: Examined,
    train: LabelledTokens,
    validation: LabelledTokens,
) -> None:
    """Writes the curves, and `index.html` with the entities of each kind and the mistakes."""
    run, history, marked, tagged = examined
    write_learning_curves(directory, history, run.metrics)
    found = find_mistakes(run, marked, tagged)
    shown = found[:MISTAKES_SHOWN]
    samples = made(lambda: [_sample(validation.texts[each.row], each) for each in shown], None)
    questions = [each.question for each in samples or ()]
    pages = attention_pages(directory, run, questions, run.attention)
    metrics = run.metrics
    class_counts = run.metadata["data"]["train"]["class_counts"]
    sections = [
        Section("Result", partial(_result, metrics)),
        Section("Settings", partial(settings, run.metadata)),
        Section("Data", partial(_data, current, run, train, validation)),
        Section("Curves", partial(curves, history, metrics)),
        Section("Entities", partial(_kinds, metrics, class_counts)),
        Section("Confusion", partial(_confusion, metrics)),
        Section("Surest mistakes", partial(_mistakes, samples, len(found), len(marked), pages)),
        Section("How to go on", partial(_steps, current, validation)),
    ]
    write_page(directory, run.metadata, sections)


def find_mistakes(
    run: TokenRun, marked: Sequence[Sequence[Span]], tagged: Sequence[Tagged]
) -> list[Mistake]:
    """Returns the texts with mistakes, those with the surest first."""
    mistakes = []
    for row, (truth, said) in enumerate(zip(marked, tagged, strict=True)):
        found = dict(said.entities(run.class_names))
        wrong = [span for span in found if span not in truth]
        missed = [span for span in truth if span not in found]
        if wrong or missed:
            score = max((found[span] for span in wrong), default=0.0)
            mistakes.append(Mistake(row, score, wrong, missed))
    return sorted(mistakes, key=lambda each: (-each.score, each.row))


def _result(metrics: dict[str, Any]) -> str:
    shown = {title: f"{metrics[key]:.4f}" for key, title in FIGURES.items()}
    shown["Macro-F1"] = f"{metrics['macro_f1']:.4f}"
    shown["Entities to validate on"] = f"{metrics['num_entities']:,}"
    notes = [
        "An entity counts as found if its beginning, its end and its kind are all right, as in "
        "CoNLL and seqeval. All figures are of the validation data, at the end of the training."
    ]
    if not metrics["f1"]:
        notes.append("<strong>It finds no entity as it is marked.</strong>")
    return result(shown, notes)


def _kinds(metrics: dict[str, Any], learned: dict[str, int]) -> str:
    largest, rows = max([1, *learned.values()]), []
    for kind, scores in metrics["classes"].items():
        some = learned.get(kind, 0)
        figures = (f"{scores[key]:.3f}" for key in ("precision", "recall", "f1"))
        rows.append(
            [name(kind), f"{some:,}{bar(some / largest)}", f"{scores['support']:,}", *figures]
        )
    head = ["Entity", "To learn from", "Validation", "Precision", "Recall", "F1"]
    return table("How well each kind of entity is found", head, rows, ["", *["number"] * 5], True)


def _confusion(metrics: dict[str, Any]) -> str:
    note = (
        "An entity is compared with what is said of just the same characters. Where the two differ "
        "in these, one counts as missed, in the last column, and one as made up, in the last row."
    )
    return paragraph(note) + confusion(metrics)


def _mistakes(
    samples: Sequence[Sample] | None, wrong: int, total: int, pages: Sequence[str | None]
) -> str:
    if not wrong:
        return paragraph(f"All entities of the validation data are found; its texts: {total:,}.")
    count = f"Texts with a mistake: {wrong:,} of {total:,}"
    if samples is None:
        return paragraph(f"{count}.") + LOST
    some = f"the {len(samples):,} it is surest of" if len(samples) < wrong else "all of them"
    intro = (
        f"{count}; here are {some}. What is marked is what the model finds wrongly, or does not "
        "find. They may be hard, or have a wrong label."
    )
    return paragraph(intro) + listed(samples, pages)


def _sample(whole: str, mistake: Mistake) -> Sample:
    spans = sorted([*mistake.wrong, *mistake.missed])
    first = max(0, spans[0][0] - AROUND)
    last = min(len(whole), max(first + 2 * AROUND, spans[0][1] + AROUND))
    said = [
        *(_said(whole, span, "found", "wrong") for span in mistake.wrong),
        *(_said(whole, span, "marked", "") for span in mistake.missed),
    ]
    before, after = ("…" if is_cut else "" for is_cut in (first > 0, last < len(whole)))
    shown = f"{before}{_marked(whole, spans, first, last)}{after}"
    return Sample(f'<p class="verdict">{"".join(said)}</p><p dir="auto">{shown}</p>', whole)


def _said(whole: str, span: Span, what: str, kind: str) -> str:
    start, end, label = span
    return f'<span class="{kind}">{what}: {name(whole[start:end])} {name(label)}</span>'


def _marked(whole: str, spans: Sequence[Span], first: int, last: int) -> str:
    """Returns a part of a text with the characters of spans marked."""
    inside = np.zeros(len(whole) + 1, bool)
    for start, end, _ in spans:
        inside[start:end] = True
    cuts = [
        first,
        *(place for place in range(first + 1, last) if inside[place] != inside[place - 1]),
    ]
    parts = zip(cuts, [*cuts[1:], last], strict=True)
    return "".join(
        f"<mark>{text(whole[start:end])}</mark>" if inside[start] else text(whole[start:end])
        for start, end in parts
    )


def _data(
    current: Session, run: TokenRun, train: LabelledTokens, validation: LabelledTokens
) -> str:
    parts = data(run.metadata["data"], current.said, validation.is_held_out)
    return parts + made(partial(_lengths, run, train), LOST)


def _lengths(run: TokenRun, train: LabelledTokens) -> str:
    rows = some_rows(len(train))
    located = run.encoder.locate_all([train.texts[row] for row in rows])
    measured = located.ids.row_lengths().numpy() + 2  # with [CLS] and [SEP]
    title = "Lengths of the texts to learn from"
    return lengths(title, measured, len(train), run.max_sequence_length)


def _steps(current: Session, validation: LabelledTokens) -> str:
    question = words(example_of(validation.texts, "Ada Byron lives in Rome."))
    named = None if validation.is_held_out else current.asked.get("validation")
    more = [evaluation(current.output, named, "test.conll")]
    return go_on(TASKS["tokens"], current.output, current.asked, question, more)
