"""Gives labels one form, in whatever format they come: 1, 1.0 and "1" are the same."""

import logging
import math
import re
from collections import defaultdict
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..problem_types import SINGLE_LABEL

_NUMBER = re.compile(r"([-+]?)(0|[1-9]\d*|(?=\.))(\.\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+")  # where fractions follow a comma
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[-+]\d\d:\d\d)?)?")
_BOOLEANS = ("true", "false")

logger = logging.getLogger("regard")


class Labels:
    """Gives the labels of a table one form, and counts those that differed before.

    Args:
        decimal: What numbers in strings have before their fraction.
    """

    problem_type = SINGLE_LABEL

    def __init__(self, decimal: str = "."):
        self.decimal = decimal
        self._forms: dict[str, set[str]] = defaultdict(set)

    def normal(self, value: Any) -> Any:
        """Returns a string of a label, which may be alone in a list; what is none as it is.

        Other kinds raise `ValueError` with what is wrong.
        """
        is_alone = is_list(value) and len(value) == 1 and not is_list(value[0])
        return self._form(value[0] if is_alone else value)

    def _form(self, value: Any) -> Any:
        label = normal_label(value, self.decimal)
        if isinstance(value, str):
            self._forms[label].add(value.strip())
        return label

    def say_merged(self, source: str) -> None:
        """Says in a line which labels were written in several ways."""
        several = {label: forms for label, forms in self._forms.items() if len(forms) > 1}
        if several:
            label, forms = next(iter(several.items()))
            message = "%s: labels written in several ways, taken as one: %d, first %r (%s)"
            shown = ", ".join(map(repr, sorted(forms)))
            logger.info(message, source, len(several), label, shown)


def is_list(value: Any) -> bool:
    """Returns whether a cell holds several values."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)


def normal_label(value: Any, decimal: str = ".") -> Any:
    """Returns the one form of a label: white space around it and zeros at its end are nothing.

    A boolean is "true" or "false"; 1, 1.0, "1.0" and "+1" are "1"; 2.5, "2.50" and `Decimal("2.5")`
    are "2.5". A date is "2024-05-01", with a time of the day "2024-05-01 13:30:00". Other strings
    stay: "01" is no number here, nor are "1e3" and, with either separator of thousands, "1,000".
    """
    if isinstance(value, str):
        return _normal_string(value.strip(), decimal)
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite():
        return _normal_string(format(value, "f"), ".")
    if isinstance(value, Real) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, date | time) and value == value:  # but for pandas' NaT
        return _normal_time(value)
    return list(value) if isinstance(value, tuple) else value  # a tuple is what several become


def _normal_string(label: str, decimal: str) -> str:
    if label.lower() in _BOOLEANS:
        return label.lower()
    if _TIME.fullmatch(label):
        with suppress(ValueError):  # there is no such day
            return _normal_time(datetime.fromisoformat(label))
    if decimal != "." and _THOUSANDS.fullmatch(label):
        return label
    is_decimal = decimal != "." and label.count(decimal) == 1 and "." not in label
    found = _NUMBER.fullmatch(label.replace(decimal, ".") if is_decimal else label)
    if not (found and found[0].strip("+-")):
        return label
    sign, whole, fraction = found.groups("")
    number = f"{whole or 0}{fraction.rstrip('0').rstrip('.')}"
    return f"-{number}" if sign == "-" and number != "0" else number


def _normal_time(value: date | time) -> str:
    """Returns a date, with the time of the day unless that is midnight of no zone; or a time."""
    if not isinstance(value, datetime):
        return value.isoformat()
    is_day = value.time() == time() and value.tzinfo is None
    text = value.date().isoformat() if is_day else value.isoformat(" ")
    return text
