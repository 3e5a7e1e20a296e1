"""Writes the report of a masked language model, with words that it fills in."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..attention.tokens import of_encoder
from ..report.data import data, lengths, some_rows
from ..report.going_on import example_of, go_on, run_at, words
from ..report.markup import name, paragraph, text
from ..report.page import LOST, Section, made, write_page
from ..report.samples import Sample, attention_pages, listed
from ..report.training import curves, result, settings
from ..runs.report import write_learning_curves
from ..runs.session import Session
from ..tasks import TASKS
from .batches import WHOLE_TEXT, hide_words
from .data import Texts
from .run import MaskedLMRun

SAMPLES, LOOKED_INTO = 9, 3
SHORT = 60  # tokens of a text that is shown
HIDDEN, GUESSES = 3, 3  # words of a text, and guesses for each of their pieces


def write_pretraining_report(
    directory: Path,
    current: Session,
    run: MaskedLMRun,
    history: Sequence[dict[str, Any]],
    texts: Texts,
    held_out: tf.RaggedTensor,
) -> None:
    """Writes the curves, and `index.html` with what the model fills in.

    Args:
        directory: The folder of the report.
        current: The training.
        run: The run.
        history: Figures of each epoch.
        texts: What it learned from.
        held_out: Token ids of the stretches to validate on.
    """
    write_learning_curves(directory, history, run.metrics)
    samples = made(partial(_samples, run, held_out), None)
    questions = [each.question for each in (samples or ())[:LOOKED_INTO]]
    pages = attention_pages(directory, run, questions, run.attention)

    def of_data() -> str:
        parts = {"train and validation": run.metadata["data"]}
        return data(parts, current.said, False) + made(partial(_lengths, run, texts), LOST)

    sections = [
        Section("Result", partial(_result, run.metrics, held_out.nrows())),
        Section("Settings", partial(settings, run.metadata)),
        Section("Data", of_data),
        Section("Curves", partial(curves, history, run.metrics)),
        Section("Filled masks", partial(_filled, samples, pages)),
        Section("How to go on", partial(_steps, current, run)),
    ]
    write_page(directory, run.metadata, sections)


def _result(metrics: dict[str, Any], num_stretches: int) -> str:
    shown = {
        "Accuracy on hidden words": f"{metrics['accuracy']:.4f}",
        "Perplexity": f"{metrics['perplexity']:.2f}",
        "Cross-entropy, nats": f"{metrics['cross_entropy']:.4f}",
        "Stretches held out": f"{int(num_stretches):,}",
    }
    return result(shown, ["All figures are of hidden words in stretches of text held out."])


def _filled(samples: list[Sample] | None, pages: list[str | None]) -> str:
    intro = (
        "Held-out texts with whole words hidden. What was hidden is marked, and below it is what "
        "the model thinks, the most probable first."
    )
    return paragraph(intro) + listed(samples, pages)


def _samples(run: MaskedLMRun, held_out: tf.RaggedTensor) -> list[Sample]:
    """Hides words of a few short stretches, and shows what the model fills in."""
    order = held_out.row_lengths().numpy()
    rows = np.flatnonzero((order > 4) & (order <= SHORT))[:SAMPLES]
    if not len(rows):
        rows = np.argsort(order, kind="stable")[:1]
    whole = tf.gather(held_out, rows)
    share = run.metadata["settings"]["masked_share"]
    _, is_masked = hide_words(whole, tf.constant([0, 0]), run.tokenizer, share)
    return [
        _sample(run, ids, hidden)
        for ids, hidden in zip(whole.numpy(), is_masked.numpy(), strict=True)
    ]


def _sample(run: MaskedLMRun, ids: np.ndarray, is_hidden: np.ndarray) -> Sample:
    tokenizer = run.tokenizer
    mask = tokenizer.special_tokens.mask
    continues = np.asarray(tokenizer.is_continuation)[ids[1:-1]]
    hidden = _first_words(continues, is_hidden[1:-1])
    shown, question = [], []
    for number, token in enumerate(of_encoder(tokenizer, ids[1:-1])):
        space = " " if token.is_spaced else ""
        begins, ends = "", ""
        if hidden[number]:
            begins = "" if continues[number] else "<mark>"
            ends = "" if continues[number + 1 :][:1].any() else "</mark>"
        shown.append(f"{space}{begins}{text(token.text)}{ends}")
        question.append(f" {mask} " if hidden[number] else space + token.text)
    asked = " ".join("".join(question).split())
    (answer,) = run.predict([asked], top=GUESSES)
    truths = [tokenizer.vocabulary[each] for each in ids[1:-1][hidden]]
    guesses = "".join(map(_guessed, truths, answer.masks))
    return Sample(f'<p dir="auto">{"".join(shown)}</p>{guesses}', asked)


def _first_words(continues: np.ndarray, is_hidden: np.ndarray) -> np.ndarray:
    """Returns which pieces (T,) are of the first hidden words, so that the rest can be read."""
    words = np.cumsum(~continues)
    return np.isin(words, np.unique(words[is_hidden])[:HIDDEN])


def _guessed(truth: str, guesses: Sequence[Any]) -> str:
    said = ", ".join(
        f"<strong>{name(each.token)}</strong> {each.score:.1%}"
        if each.token == truth
        else f"{name(each.token)} {each.score:.1%}"
        for each in guesses
    )
    return f'<p class="said"><mark>{name(truth)}</mark> {said}</p>'


def _lengths(run: MaskedLMRun, texts: Texts) -> str:
    rows = some_rows(len(texts))
    tokens = run.tokenizer.encode_all([texts.texts[row] for row in rows], WHOLE_TEXT)
    lengths_of = tokens.row_lengths().numpy()
    note = paragraph("Longer texts than the model reads at once are cut into stretches.")
    title = "Lengths of the texts"
    return lengths(title, lengths_of, len(texts), run.max_sequence_length) + note


def _steps(current: Session, run: MaskedLMRun) -> str:
    mask = run.tokenizer.special_tokens.mask
    question = words(example_of([f"This is {mask}."]))
    more = (
        "Train a classifier from it, on labelled texts, say reviews.csv",
        f"regard fit text {words('reviews.csv')} --checkpoint {run_at(current.output)}",
    )
    return go_on(TASKS["masked_lm"], current.output, current.asked, question, [more])
