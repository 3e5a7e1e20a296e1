"""Writes the report of a translator, and draws the alignment of a translation with its source."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.font_manager import FontProperties
from sacrebleu.metrics import CHRF

from ..report.data import data, lengths, some_rows
from ..report.going_on import evaluation, example_of, go_on, run_at, words
from ..report.markup import name, text
from ..report.page import LOST, Section, made, write_page
from ..report.samples import Sample, attention_pages, listed
from ..report.training import curves, result, settings
from ..runs.drawing import INK, fonts_for, new_figure, save_figure, set_style, with_codes
from ..runs.report import write_learning_curves
from ..runs.session import Session
from ..tasks import TASKS
from .data import ParallelTexts
from .evaluation import has_hardly_learned

SAMPLES = 6  # of the best translations, and of the worst
LOOKED_INTO = 3  # of either
COMPARED = 5000  # translations, to find the best and the worst

FIGURES = {"bleu": "BLEU", "bleu_lowercase": "BLEU, lower-cased", "chrf": "chrF"}


class Alignment(NamedTuple):
    """Tells how much each piece of a translation reads of each piece of its source.

    Attributes:
        source_pieces: The S pieces of the source, with the end.
        target_pieces: The T pieces of the translation, with the end.
        weights: (T, S), float32, each row with a sum of 1.
    """

    source_pieces: list[str]
    target_pieces: list[str]
    weights: np.ndarray


def write_alignment(path: Path, alignment: Alignment) -> None:
    """Draws an alignment as a PNG file, into a folder that is made if it is not there."""
    source_pieces, target_pieces, weights = alignment
    figure = new_figure(2 + 0.4 * len(source_pieces), 1.5 + 0.35 * len(target_pieces))
    axes = figure.subplots()
    set_style(axes, "Attention to the source", grid=False)
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    families, drawable = fonts_for(set().union(*source_pieces, *target_pieces))
    source_pieces, target_pieces = (
        [with_codes(piece, drawable) for piece in pieces]
        for pieces in (source_pieces, target_pieces)
    )
    style = {"font": FontProperties(family=families, size=9), "parse_math": False}
    axes.set_xticks(range(len(source_pieces)), source_pieces, **style, rotation=60, ha="right")
    axes.set_yticks(range(len(target_pieces)), target_pieces, **style)
    axes.set_xlabel("source", color=INK)
    axes.set_ylabel("translation", color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)


class Examined(NamedTuple):
    """Holds a translator as it was examined.

    Attributes:
        run: The `TranslationRun`.
        history: Figures of each epoch.
        train: What it learned from.
        validation: What it was examined on.
        translations: Its translations of that.
    """

    run: Any
    history: Sequence[dict[str, Any]]
    train: ParallelTexts
    validation: ParallelTexts
    translations: list[str]


def write_translation_report(directory: Path, current: Session, examined: Examined) -> None:
    """Writes the curves, an alignment, and `index.html` with the best and worst translations."""
    run, history, train, validation, _ = examined
    write_learning_curves(directory, history, run.metrics)
    first = validation.sources[0]
    picture = run.align(first, run.predict([first])[0].translation)
    write_alignment(directory / "alignment.png", picture)
    worst, best = made(partial(_samples, examined), (None, None))
    looked_into = [(some or [])[:LOOKED_INTO] for some in (worst, best)]
    asked = [each.question for each in chain(*looked_into)]
    pages = attention_pages(directory, run, asked, partial(run.attention, n_best=1))
    links = pages[: len(looked_into[0])], pages[len(looked_into[0]) :]

    def of_data() -> str:
        whole = data(run.metadata["data"], current.said, validation.is_held_out)
        return whole + made(partial(_lengths, run, train), LOST)

    sections = [
        Section("Result", partial(_result, run.metrics)),
        Section("Settings", partial(settings, run.metadata)),
        Section("Data", of_data),
        Section("Curves", partial(curves, history, run.metrics)),
        Section("Worst translations", partial(listed, worst, links[0])),
        Section("Best translations", partial(listed, best, links[1])),
        Section("How to go on", partial(_steps, current, validation)),
    ]
    write_page(directory, run.metadata, sections)


def _result(metrics: dict[str, Any]) -> str:
    shown = {title: f"{metrics[key]:.2f}" for key, title in FIGURES.items()}
    shown["Exact"] = f"{metrics['exact']:.1%}"
    shown["Perplexity"] = f"{metrics['perplexity']:.2f}"
    shown["Validation pairs"] = f"{metrics['num_examples']:,}"
    notes = ["<strong>It has hardly learned to translate.</strong>"]
    notes = notes if has_hardly_learned(metrics) else []
    notes.append("All figures are of the validation data, at the end of the training.")
    notes += [f"<code>{text(each)}</code>" for each in metrics["signatures"].values()]
    return result(shown, notes)


def _samples(examined: Examined) -> tuple[list[Sample], list[Sample]]:
    """Returns the worst translations, and the best, by the chrF of each."""
    _, _, _, validation, translations = examined
    chrf = CHRF()
    scores = [
        chrf.sentence_score(
            translation, validation.references[row] if validation.references else [target]
        ).score
        for row, (translation, target) in enumerate(
            zip(translations[:COMPARED], validation.targets, strict=False)
        )
    ]
    order = np.argsort(scores, kind="stable").tolist()
    count = min(SAMPLES, -(-len(order) // 2))
    rows = order[:count], order[::-1][: min(SAMPLES, len(order) - count)]
    return tuple([_sample(examined, row, scores[row]) for row in some] for some in rows)


def _sample(examined: Examined, row: int, score: float) -> Sample:
    _, _, _, validation, translations = examined
    parts = {
        "source": validation.sources[row],
        "translation": translations[row],
        "reference": validation.targets[row],
    }
    shown = "".join(
        f'<p><span class="said">{part}</span> {name(each)}</p>' for part, each in parts.items()
    )
    head = f'<p class="verdict"><span>chrF {score:.1f}</span></p>'
    return Sample(head + shown, validation.sources[row])


def _lengths(run: Any, train: ParallelTexts) -> str:
    rows, tokenizer = some_rows(len(train)), run.tokenizer
    sides = {
        "Lengths of the sources to learn from": (tokenizer.encode_sources, train.sources),
        "Lengths of the targets": (tokenizer.encode_targets, train.targets),
    }
    figures = (
        lengths(
            title,
            np.array([len(each) for each in encode([texts[row] for row in rows])]),
            len(train),
            run.max_sequence_length,
        )
        for title, (encode, texts) in sides.items()
    )
    return f'<div class="figures">{"".join(figures)}</div>'


def _steps(current: Session, validation: ParallelTexts) -> str:
    asked, output = current.asked, current.output
    source, target = asked.get("validation_source"), asked.get("validation_target")
    named = None if validation.is_held_out else asked.get("validation")
    measure = evaluation(output, named, "test.tsv")
    if isinstance(source, str) and isinstance(target, str):
        files = words("--source", source, "--target", target)
        measure = ("Measure it again", f"regard evaluate {run_at(output)} {files}")
    question = words(example_of(validation.sources))
    return go_on(TASKS["translation"], output, asked, question, [measure])
