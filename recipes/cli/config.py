"""Makes the option `--config`: a YAML file whose entries stand in for arguments and flags."""

import reprlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from ..runs.config import read_config


def config(*classes: type) -> Callable:
    """Makes a decorator that adds the option to a command whose arguments the classes declare.

    What the file has for an argument or a flag is its default: what is typed goes before. The
    command gets the rest, settings without a flag, as `config`.
    """
    names = [each.name for cls in classes for each in fields(cls)]

    def take(context: click.Context, _, path: Path | None) -> dict[str, Any]:
        values = {} if path is None else read_config(path, names)
        values = {name: value for name, value in values.items() if value is not None}
        flags = {each.name: each for each in context.command.params if each.name in values}
        context.default_map = {
            name: _converted(path, context, flag, values.pop(name)) for name, flag in flags.items()
        }
        return values

    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,  # before those that it has values for
        callback=take,
        metavar="FILE.yaml",
        help="Take what is not given here from a file, such as the config.yaml of a run.",
    )


def _converted(path: Path, context: click.Context, flag: click.Parameter, value: Any) -> Any:
    """Returns what typing a value would give.

    Raises:
        UserError: If the flag does not take it; the message names the file.
    """
    is_several = flag.nargs != 1 or flag.multiple
    is_text = isinstance(flag.type, click.types.StringParamType)
    for each in value if is_several and isinstance(value, list) else [value]:
        if isinstance(each, list | dict):
            raise UserError(
                f"{path}: `{flag.name}` must be one value. Received: {reprlib.repr(each)}"
            )
        if is_text and not isinstance(each, str):
            raise UserError(
                f"{path}: `{flag.name}` must be text: write it between quotes. Received: {each}"
            )
    if is_several:
        typed = list(map(str, value if isinstance(value, list) else [value]))
    else:
        typed = value if isinstance(value, bool) else str(value)
    try:
        return flag.type_cast_value(context, typed)
    except click.BadParameter as error:
        raise UserError(f"{path}: `{flag.name}`: {error.message}") from error
