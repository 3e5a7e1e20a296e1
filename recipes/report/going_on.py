"""Tells how to go on from a run, in commands that work when they are copied.

The page's script puts in where the run lies. Without it, the commands name the run by its last
part, as from the folder that it is in.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..runs.config import CONFIG, unnamed
from ..tasks import Task
from .markup import command, paragraph, text

LONGEST = 100  # characters of an example that a command has
EXAMPLE = "Not bad at all."


def example_of(texts: Sequence[str], otherwise: str = EXAMPLE) -> str:
    """Returns a text that can be typed at a command line, of the data if there is one."""
    fit = (each for each in texts if each.isprintable() and 0 < len(each) <= LONGEST)
    return next((each for each in fit if each.strip() == each and each[0] not in "-@"), otherwise)


def words(*parts: str) -> str:
    """Returns parts of a command, each quoted for a shell, as HTML."""
    return text(" ".join(map(shlex.quote, parts)))


def run_at(output: Path, below: str = "") -> str:
    """Returns the run, or a file in it, as HTML in which the page's script puts its place."""
    path = shlex.quote(f"{output.absolute().name}{below}")
    return f'<span data-run="{text(below)}">{text(path)}</span>'


def go_on(
    task: Task,
    output: Path,
    asked: Mapping[str, Any],
    question: str,
    more: Sequence[tuple[str, str]] = (),
) -> str:
    """Returns commands with what they do.

    Args:
        task: The task of the run.
        output: The run's directory.
        asked: The sources and settings that were asked for.
        question: The words of a question for `predict` and `attend`, HTML.
        more: Other commands with what they do, HTML both.
    """
    run, served = run_at(output), words(f"served/{output.absolute().name}")
    steps = [
        ("Ask it", f"regard predict {run} {question}"),
        ("See what it looks at", f"regard attend {run} {question}"),
        *more,
    ]
    if task.is_served:
        steps += [
            ("Write a SavedModel for TF Serving", f"regard export {run} {served}"),
            ("Try that over HTTP", f"regard serve {served}"),
        ]
    steps.append(("See settings, scores and versions", f"regard info {run}"))
    steps.append(("See whether every byte is as it was written", f"regard verify {run}"))
    shown = "".join(f"{paragraph(f'{what}:')}{command(line)}" for what, line in steps)
    return shown + _again(task, output, asked)


def _again(task: Task, output: Path, asked: Mapping[str, Any]) -> str:
    """Tells how to train again, and what is done about an interruption."""
    lacking = unnamed(asked)
    again = words(f"{output.absolute().name}-again")
    line = f"regard {task.command} --config {run_at(output, f'/{CONFIG}')} --output {again}"
    train = paragraph("Train the same again, from the folder that the training ran in:") + (
        command(line)
    )
    if lacking:
        train = paragraph(
            "To train the same again, name the data, which was in memory "
            f"({text(', '.join(lacking))}): its settings are in <code>{CONFIG}</code>."
        )
    return train + paragraph(
        "A training that is interrupted goes on when the same command is run again. What "
        "<code>regard evaluate</code> measures later is printed; this page stays as it is."
    )


def evaluation(output: Path, data: Any, example: str = "test.csv") -> tuple[str, str]:
    """Returns the command that measures a run, and what it does.

    Args:
        output: The run's directory.
        data: The name of the data that it was validated on; anything else if that has none.
        example: What stands in place of it then.
    """
    is_named = isinstance(data, str)
    what = "Measure it again" if is_named else f"Measure it on other data, say {text(example)}"
    return what, f"regard evaluate {run_at(output)} {words(data if is_named else example)}"
