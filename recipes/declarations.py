"""Declares a setting once: its default, its range, its help and its flag.

    @declared()
    class Settings(Declared):
        epochs: int | None = setting("Most passes over the data.", default_is="20", at_least=1)

From that come the check of every value, the attributes in the docstring of the class, the keywords
that an editor shows for a recipe (`takes`), and the option of the command line (`cli.options`).
"""

import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Self, dataclass_transform, get_args, get_origin

from .errors import UserError


@dataclass(frozen=True)
class Declaration:
    """Says what a setting is, in words and in numbers.

    Attributes:
        help: What it does: a sentence, or two.
        default_is: What the default depends on, in words; empty where it is the default's value.
        at_least: Smallest value.
        above: Bound that values are above.
        at_most: Largest value.
        below: Bound that values are below.
        choices: The only values, where there are a few.
        parse: Makes the value of what is typed at a command line, and raises `ValueError` with
            what is wrong. Defaults to what the type says.
        metavar: What `--help` shows in place of a value.
        flag: Whether the command line has it.
        is_argument: Whether it stands there by itself, without a flag.
        is_several: Whether the flag may be given several times.
    """

    help: str
    default_is: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    metavar: str | None = None
    flag: bool = True
    is_argument: bool = False
    is_several: bool = False

    def range(self, is_integer: bool) -> str:
        """Returns the range of a value in words; empty if any will do."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        low = self.above if self.at_least is None else self.at_least
        high = self.below if self.at_most is None else self.at_most
        if low is not None and high is not None:
            opening = "(" if self.at_least is None else "["
            return f"in {opening}{low}, {high}{')' if self.at_most is None else ']'}"
        bound = f"above {low}" if self.at_least is None else f"at least {low}"
        if is_integer:
            return bound if low is not None else ""
        return f"finite and {bound}" if low is not None else "finite"

    def holds(self, value: Any) -> bool:
        """Returns whether a value is in the range."""
        if self.choices:
            return value in self.choices
        return (
            (isinstance(value, int) or math.isfinite(value))  # no float is as large as some of them
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def setting(help: str, default: Any = None, **declared: Any) -> Any:
    """Declares a setting, as the field of a dataclass, with attributes of `Declaration`.

    The default is None where it depends.
    """
    return field(default=default, metadata={"declaration": Declaration(help, **declared)})


def declaration_of(setting) -> Declaration:
    """Returns the declaration of a field of a dataclass."""
    return setting.metadata["declaration"]


def type_of(setting) -> type:
    """Returns the type of a field's values, None left out; the first of several."""
    kinds = get_args(setting.type) if isinstance(setting.type, UnionType) else [setting.type]
    return next(each for each in kinds if each is not NoneType)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
def declared(**amended: str | dict[str, Any]) -> Callable[[type], type]:
    """Makes a frozen dataclass of declarations, and lists them in its docstring.

    What is `amended` is declared otherwise than in the class that the setting is inherited from:
    its `default_is`; or its `default` and attributes of `Declaration`.
    """

    def make(cls: type) -> type:
        documentation = inspect.cleandoc(cls.__doc__ or "")
        inherited = {each.name: each for each in (fields(cls) if amended else ())}
        for name, changes in amended.items():
            changes = {"default_is": changes} if isinstance(changes, str) else dict(changes)
            default = changes.pop("default", inherited[name].default)
            declaration = replace(declaration_of(inherited[name]), **changes)
            kind = inherited[name].type
            cls.__annotations__[name] = kind | None if default is None else kind
            setattr(cls, name, field(default=default, metadata={"declaration": declaration}))
        cls = dataclass(frozen=True)(cls)
        lines = [f"    {each.name}: {_sentence(each)}" for each in fields(cls)]
        cls.__doc__ = "\n".join([documentation, "", "Attributes:", *lines])
        return cls

    return make


def _sentence(setting) -> str:
    declaration = declaration_of(setting)
    is_bounded = declaration.choices or type_of(setting) in (int, float)
    bounds = declaration.range(type_of(setting) is int) if is_bounded else ""
    bounds = f" It must be {bounds}." if bounds else ""
    default = declaration.default_is or f"`{setting.default!r}`"
    return f"{declaration.help}{bounds} Defaults to {default}."


class Declared:
    """Settings that are checked when they are made.

    Raises:
        UserError: If one is out of its range, or two exclude each other.
    """

    def __post_init__(self):
        for each in fields(self):
            _check_value(each, getattr(self, each.name))
        self._check_together()

    def _check_together(self) -> None:
        """Raises `UserError` where settings do not go with each other."""

    def with_defaults(self, **defaults: Any) -> Self:
        """Returns the same with values for the settings that are None."""
        missing = {name for name in defaults if getattr(self, name) is None}
        return replace(self, **{name: defaults[name] for name in missing})


def _check_value(setting, value: Any) -> None:
    declaration, kind = declaration_of(setting), None
    if value is None or not (declaration.choices or type_of(setting) in (int, float)):
        return
    if not declaration.choices:
        kind = Integral if type_of(setting) is int else Real
    is_kind = kind is None or (isinstance(value, kind) and not isinstance(value, bool))
    if not is_kind or not declaration.holds(value):
        what = declaration.range(type_of(setting) is int)
        if not is_kind:
            what = f"{'an integer' if kind is Integral else 'a number'}, {what}".rstrip(", ")
        raise UserError(f"`{setting.name}` must be {what}. Received: {setting.name}={value}")


def check_stored(cls: type, values: Mapping[str, Any]) -> None:
    """Checks the types and ranges of settings that were read from JSON, where tuples are lists.

    Settings that the class does not have are passed over, and so is None: another version had them,
    or had no value for them.

    Raises:
        UserError: If one is of another type, or out of its range.
    """
    for each in fields(cls):
        value = values.get(each.name)
        if value is None:
            continue
        if not _is_stored(value, each.type):
            kind = getattr(each.type, "__name__", each.type)
            raise UserError(f"`{each.name}` must be {kind}. Received: {each.name}={value!r:.80}")
        if not isinstance(value, list):
            _check_value(each, value)


def _is_stored(value: Any, kind: Any) -> bool:
    """Returns whether JSON holds a value of a type as this one is stored."""
    if isinstance(kind, UnionType):
        return any(_is_stored(value, each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        of, *more = get_args(kind)
        is_list = isinstance(value, list) and (more == [...] or len(value) == 1 + len(more))
        return is_list and all(_is_stored(each, of) for each in value)
    return type(value) in ((int, float) if kind is float else (kind,))


def takes(*classes: type) -> Callable:
    """Shows the settings of classes in the signature of a function that takes them as keywords."""

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        kinds = signature.parameters.values()
        own = [each for each in kinds if each.kind is not inspect.Parameter.VAR_KEYWORD]
        keyword = inspect.Parameter.KEYWORD_ONLY
        options = {
            each.name: inspect.Parameter(
                each.name, keyword, default=each.default, annotation=each.type
            )
            for cls in classes
            for each in fields(cls)
        }
        function.__signature__ = signature.replace(parameters=[*own, *options.values()])
        return function

    return decorate


def divided(options: Mapping[str, Any], *classes: type) -> list[dict[str, Any]]:
    """Returns the options that are settings of each of some classes.

    Raises:
        TypeError: If one is a setting of none; the message names the nearest.
    """
    names = [[each.name for each in fields(cls)] for cls in classes]
    known = {name for some in names for name in some}
    for name in options:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise TypeError(f"There is no setting {name!r}.{hint}")
    return [{name: options[name] for name in some if name in options} for some in names]
