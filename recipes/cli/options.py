"""Makes the options of the command line from the declarations of settings."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from ..declarations import Declaration, declaration_of, type_of
from ..tasks import TASKS, Task
from .mistaken import same_option


class Parsed(click.ParamType):
    """A value that a function makes of what is typed, raising `ValueError` with what is wrong."""

    name = "value"

    def __init__(self, parse: Callable[[str], Any]):
        self.parse = parse

    def convert(self, value, param, ctx):
        if not isinstance(value, str):  # a default
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"must be a finite number above 0. Received: {text}")
    return number


def options_of(*classes: type, shown: bool = True) -> Callable:
    """Makes a decorator that adds the arguments and options of declared classes to a command.

    Unless `shown`, values are None where nothing is given, not the defaults of the classes.
    """
    settings: dict[str, Any] = {}
    for each in (each for cls in classes for each in fields(cls)):
        settings.setdefault(each.name, each)

    def add(command: Callable) -> Callable:
        for each in reversed(settings.values()):
            if declaration_of(each).flag:
                command = _parameter(each, shown)(command)
        return command

    return add


def _argument(setting, declaration, is_several: bool) -> Callable:
    return click.argument(
        setting.name,
        type=click.Path(),  # for a shell to complete; it need not be there
        nargs=-1 if is_several else 1,
        callback=(lambda context, parameter, values: values or None) if is_several else None,
        required="None" not in str(setting.type),
        metavar=declaration.metavar,
    )


def _parameter(setting, shown: bool) -> Callable:
    declaration, kind = declaration_of(setting), type_of(setting)
    if declaration.is_argument:
        return _argument(setting, declaration, is_several=kind is not str)
    flag = f"--{setting.name.replace('_', '-')}"
    text = declaration.help
    if declaration.default_is:
        text = f"{text}  [default: {declaration.default_is}]"
    default = setting.default if shown else None
    if kind is bool:
        if setting.type is bool:
            return click.option(flag, is_flag=True, default=default, help=text)
        return click.option(f"{flag}/--no-{flag[2:]}", default=default, help=text)
    metavar = declaration.metavar
    several = {"multiple": True, "callback": _one_or_all} if declaration.is_several else {}
    return click.option(
        flag,
        type=_type(declaration, kind),
        default=default,
        metavar=metavar,
        help=text,
        **several,
    )


def _one_or_all(context, parameter, values: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return (values[0] if len(values) == 1 else values) if values else None


def _type(declaration: Declaration, kind: type) -> Any:
    if declaration.choices:
        return click.Choice(declaration.choices)
    if declaration.parse is not None:
        return Parsed(declaration.parse)
    if kind is int:
        highest = None if declaration.below is None else int(declaration.below) - 1
        return click.IntRange(declaration.at_least, highest)
    if kind is float and (declaration.above, declaration.at_most) == (0, None):
        return Parsed(_positive)
    if kind is float:
        low, high = declaration.at_least, declaration.at_most
        return click.FloatRange(
            declaration.above if low is None else low,
            declaration.below if high is None else high,
            min_open=declaration.above is not None,
            max_open=declaration.below is not None,
        )
    return str


# Those of all tasks: which go with a run is known once its task is.
SERVED = [task for task in TASKS.values() if task.is_served]
evaluation = options_of(*(task.load("settings", task.reading) for task in SERVED), shown=False)
prediction = options_of(
    *(task.load("settings", task.questions) for task in TASKS.values()),
    *(task.load("settings", task.asking) for task in SERVED if task.asking),
    shown=False,
)


def only_those_of(task: Task, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that are given, of those of all tasks.

    The class that the `kind` of the task's row names, such as "reading", has what may be given.

    Raises:
        click.UsageError: If an option is given that does not go with the task.
    """
    (given,) = those_of(task, [kind], options)
    return given


def those_of(task: Task, kinds: list[str], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the options that are given for each of several kinds, as `only_those_of` does."""
    names = [getattr(task, kind) for kind in kinds]
    own = [
        {each.name for each in fields(task.load("settings", name))} if name else set()
        for name in names
    ]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if not any(name in some for some in own):
            flag = f"--{name.replace('_', '-')}"
            meant = same_option(flag, set().union(*own))
            said = f"{flag} does not go with this RUN, {task.noun}. {meant}"
            raise click.UsageError(said.rstrip())
    return [{name: given[name] for name in given if name in some} for some in own]


workers = click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Train in that many processes of this machine, as if each were a machine.",
)


def output(metavar: str, help: str, default: Path | None = None) -> Callable:
    """Makes a decorator that adds the directory to write, and whether to replace it."""

    def add(command: Callable) -> Callable:
        overwrite = click.option(
            "--overwrite", is_flag=True, help=f"Replace {metavar} if it exists."
        )
        directory = click.option(
            "--output",
            type=click.Path(path_type=Path),
            metavar=metavar,
            default=default,
            help=help,
        )
        return directory(overwrite(command))

    return add
