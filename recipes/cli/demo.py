"""Holds the demos, one for each task that has one: `regard demo`."""

from pathlib import Path

import click

from ..runs.directories import check_output
from ..tasks import TASKS, Task
from . import options
from .signals import ended_by_signals
from .support import quiet
from .terminal import show


@click.group(invoke_without_command=True)
@click.pass_context
def demo(context) -> None:
    """See a recipe at work on data that it makes itself; `text` if none is named."""
    if context.invoked_subcommand is None:
        context.invoke(demo.commands["text"], output=Path("runs/demo-text"), overwrite=False)


def add_demo(task: Task) -> None:
    """Adds the demo of a task."""

    @demo.command(task.folder, help=task.demo_help)
    @options.output("DIR", "Directory to write.", Path("runs", f"demo-{task.folder}"))
    def command(output, overwrite) -> None:
        check_output(output, task.demo, overwrite)
        with quiet():
            run_demo = task.load("demo", "run_demo")
        try:
            with ended_by_signals():
                for line in run_demo(output, overwrite):
                    show(line)
        except BaseException as error:
            error.__notes__ = []  # on what is kept: it has gone with the demo's directory
            raise


for task in TASKS.values():
    if task.demo:
        add_demo(task)
