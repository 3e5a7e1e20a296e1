"""Says which option of a command is meant by one that another task has."""

from collections.abc import Collection
from dataclasses import fields

import click

from ..declarations import declaration_of
from ..tasks import TASKS, Task

# Settings that mean the same to different tasks: what is read, and what is to be told of it.
SAME = (
    ("text_column", "source_column", "image_column"),
    ("label_column", "target_column"),
    ("skip_bad_rows", "skip_bad_files"),
)


class TaskCommand(click.Command):
    """Trains a task; an option that another task has is a mistake that is explained."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            own = {name for each in self.params if (name := each.name)}
            if said := same_option(error.option_name, own) or _commands_with(error.option_name):
                error.message, error.possibilities = f"{error.message} {said}", None
            raise


def same_option(flag: str, own: Collection[str]) -> str:
    """Says which of a command's own settings is the one meant; nothing if none is."""
    name = _name(flag)
    for group in SAME:
        meant = [f"--{each.replace('_', '-')}" for each in group if each in own]
        if name in group and meant:
            return f"Here it is {meant[0]}."
    return ""


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _commands_with(flag: str) -> str:
    """Says which commands have an option; nothing if none has."""
    tasks = (task for task in TASKS.values() if _name(flag) in _settings(task))
    commands = ", ".join(f"`regard {task.command}`" for task in tasks)
    return f"Those with it: {commands}." if commands else ""


def _settings(task: Task) -> set[str]:
    """Returns the names of the options of the command that trains a task."""
    classes = (task.load("settings", each) for each in (task.sources, task.settings))
    return {
        each.name
        for cls in classes
        for each in fields(cls)
        if declaration_of(each).flag and not declaration_of(each).is_argument
    }
