"""Holds the commands that train, one for each task: `regard fit` and `regard pretrain`."""

import json
import logging
import os
import shlex
from pathlib import Path
from typing import Any

import click

from ..declarations import divided
from ..devices.cluster import read_cluster
from ..runs.config import named
from ..runs.directories import REPORT, REPORT_PAGE, RUN_CONTENTS, check_output, default_output
from ..runs.interrupted import forget_written
from ..tasks import TASKS, Task
from . import options
from .config import config
from .launcher import launch
from .mistaken import TaskCommand
from .signals import ended_by_signals
from .support import check_start, load_tfds, quiet
from .terminal import give, say, show


@click.group()
def fit() -> None:
    """Train a model on your own data."""


@click.group()
def pretrain() -> None:
    """Pre-train a model on your own unlabelled data."""


def add_command(task: Task) -> None:
    """Adds the command that trains a task."""
    sources, settings = (task.load("settings", each) for each in (task.sources, task.settings))
    group, name = {"fit": fit, "pretrain": pretrain}[task.group], task.command.split()[-1]

    @group.command(name, help=task.help, cls=TaskCommand)
    @options.options_of(sources, settings)
    @config(sources, settings)
    @options.workers
    @options.output("RUN", f"Directory to write.  [default: {task.output}]")
    @click.option("--json", "as_json", is_flag=True, help="Print the metrics as one JSON object.")
    def command(config, workers, output, overwrite, as_json, **given) -> None:
        given = divided({**given, **config}, sources, settings)
        with ended_by_signals():
            train(task, given, workers, output, overwrite, as_json)


def train(
    task: Task,
    given: tuple[dict[str, Any], dict[str, Any]],
    workers: int | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool = False,
) -> None:
    """Trains a model; all that can be checked without TensorFlow is checked before."""
    sources, settings = given
    task.load("settings", task.settings)(**settings).completed()
    check_start(settings["checkpoint"], settings.get("embeddings"))
    name = task.load("sources", "check_sources")(**sources)
    output = output or default_output(name, task.prefix)
    forget_written(output)
    check_output(output, RUN_CONTENTS, overwrite)
    share_work(settings["strategy"], workers, output)
    if is_chief := _is_chief(settings["strategy"]):
        say(f"Reading {name}; the run will be {output}.")
    load_tfds(sources)
    data = task.load("sources", "read_sources")(sources, settings["seed"])
    with quiet():
        fit_task = task.load("recipe", task.fit)
    with named({**sources, **settings}):
        run = fit_task(**data, output=output, overwrite=overwrite, **settings)
    if is_chief:
        tell(run, output, as_json)


def tell(run, output: Path, as_json: bool) -> None:
    """Prints how good a run is, and says where it is, and what to do with it."""
    page = output / REPORT / REPORT_PAGE
    if as_json:
        give(json.dumps(run.metrics, ensure_ascii=False))
        say(f"Report: {page}")
    else:
        figures = run.format_metrics(run.metrics)
        show(f"{figures}\n\nreport: {page}\nrun: {output}")
    say(f"Next: {run.what_next(shlex.quote(str(output)))}")


def share_work(strategy: str, workers: int | None, output: str | Path) -> None:
    """Says at once what is wrong with the machines that are asked for; starts `--workers`."""
    if workers is None:
        if not _is_chief(strategy):
            logging.getLogger("regard").setLevel(logging.WARNING)  # the chief says it for all
        return
    if strategy not in ("auto", "multiworker"):
        raise click.UsageError(f"--workers does not go with --strategy {strategy}.")
    if os.environ.get("TF_CONFIG"):
        raise click.UsageError("--workers starts workers of its own: unset TF_CONFIG.")
    arguments = click.get_current_context().find_root().obj
    kept = without_option(arguments, "--workers")
    raise click.exceptions.Exit(
        launch(workers, [*kept, "--strategy", "multiworker"], output=Path(output))
    )


def without_option(arguments: list[str], name: str) -> list[str]:
    """Returns the arguments of a command line without an option and its value."""
    kept, words = [], iter(arguments)
    for word in words:
        if word == name:
            next(words)
        elif not word.startswith(f"{name}="):
            kept.append(word)
    return kept


def _is_chief(strategy: str) -> bool:
    cluster = read_cluster() if strategy in ("auto", "multiworker") else None
    return cluster is None or cluster.index == 0


for task in TASKS.values():
    add_command(task)
