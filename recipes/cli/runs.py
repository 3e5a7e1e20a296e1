"""Holds the commands that tell what runs are: `regard info` and `regard list`."""

import json
from pathlib import Path

import click

from ..runs.description import describe_run
from ..runs.listing import find_runs, format_description, format_runs
from .terminal import give, say, show


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all settings.")
def info(run, as_json) -> None:
    """Tell what RUN is: its task, data, classes, settings, scores, versions and files.

    The settings are those that were not the defaults; config.yaml in RUN has all of them.
    """
    described = describe_run(run)
    if as_json:
        give(json.dumps(described, ensure_ascii=False))
    else:
        show(format_description(described))


@click.command("list")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("runs"))
def list_runs(folder) -> None:
    """List the runs below DIR, the newest first.  [default: runs]"""
    runs = find_runs(folder)
    if runs:
        show(format_runs(runs))
    else:
        say(f"There is no run in {folder}, nor below it.")
