"""Makes texts of numbers and times in a column of texts, in whatever format they come."""

import re
from typing import Any

from .labels import normal_label

_VALUE = re.compile(r"\s*[-+]?\d+([.,:/T -]\d+)*\s*")


def spelled(value: Any) -> Any:
    """Returns a number, a truth or a time as it is spelled; what is no such value, as it is.

    So a text is the same from a format with types as from one without, but for zeros at its end.
    """
    text = value if isinstance(value, str | bytes) else normal_label(value)
    return text if isinstance(text, str) else value


def is_value(text: str) -> bool:
    """Returns whether a text is a number or a time, and nothing else."""
    return _VALUE.fullmatch(text) is not None
