"""Gives labels one form, in whatever format they come: 1, 1.0 and "1" are the same."""

import logging
import math
import re
from collections import defaultdict
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

_FRACTION = re.compile(r"-?(?:0|[1-9]\d*)\.\d+")
_BOOLEANS = ("true", "false")

logger = logging.getLogger("regard")


class Labels:
    """Gives the labels of a table one form, and counts those that differed before.

    Args:
        decimal: What numbers in strings have before their fraction.
    """

    def __init__(self, decimal: str = "."):
        self.decimal = decimal
        self._forms: dict[str, set[str]] = defaultdict(set)

    def normal(self, value: Any) -> Any:
        """Returns a string of a label; what is none, such as NaN or a list, as it is."""
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


def normal_label(value: Any, decimal: str = ".") -> Any:
    """Returns the one form of a label: white space around it and zeros at its end are nothing.

    A boolean is "true" or "false"; 1, 1.0 and "1.0" are "1"; 2.5, "2.50" and `Decimal("2.5")` are
    "2.5". Other strings stay: "01" is no number here, nor is "1e3".
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
    return value


def _normal_string(label: str, decimal: str) -> str:
    number = label.replace(decimal, ".") if decimal != "." and label.count(decimal) == 1 else label
    if _FRACTION.fullmatch(number):
        number = number.rstrip("0").rstrip(".")
        return "0" if number == "-0" else number
    return label.lower() if label.lower() in _BOOLEANS else label
