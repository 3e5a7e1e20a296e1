"""Reads and shows JSON as TensorFlow Serving does, which is not quite as Python's `json` does.

See ParseJson and JsonValueToDebugString in `tensorflow_serving/util/json_tensor.cc`.
"""

import json
import math
import re
from itertools import islice
from json.decoder import JSONDecodeError
from typing import Any

from .status import Refused

_TYPES = {dict: "Object", list: "Array", str: "String", type(None): "Null"}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SHOWN = 256  # characters of a value that an error shows


def read_object(body: bytes) -> dict[str, Any]:
    """Reads the JSON object that a body begins with; what follows it is not read.

    NaN and infinities are numbers. Bytes that are not UTF-8 are kept as surrogates, which `encoded`
    makes bytes again.

    Raises:
        Refused: If there is no such object.
    """
    try:
        text, errors = body.decode("utf-8-sig"), "strict"
    except UnicodeDecodeError:
        errors = "surrogateescape"
        text = body.decode("utf-8-sig", errors)
    document = _parse(text)
    if not isinstance(document, dict):
        raise wrong(document, "Is not object")
    if _SURROGATE.search(text):
        _check_surrogates(document, errors)
    return document


def encoded(text: str) -> bytes:
    """Returns the bytes that a string of JSON stood for."""
    return text.encode("utf-8", "surrogateescape")


def type_name(value: Any) -> str:
    """Returns what RapidJSON calls the type of a value."""
    return str(value) if isinstance(value, bool) else _TYPES.get(type(value), "Number")


def shown(value: Any) -> str:
    """Returns the beginning of a value, as JSON in one line."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    try:
        text = "".join(islice(json.JSONEncoder(ensure_ascii=False).iterencode(value), _SHOWN))
    except RecursionError:
        text = "..."
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def wrong(value: Any, what: str) -> Refused:
    """Makes the refusal of a value."""
    return Refused(f"JSON Value: {shown(value)} {what}")


def _parse(text: str) -> Any:
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if start == len(text):
        raise Refused("JSON Parse error: The document is empty")
    try:
        return _DECODER.raw_decode(text, start)[0]
    except JSONDecodeError as error:
        offset = len(encoded(text[: error.pos]))
        raise Refused(f"JSON Parse error: {error.msg} at offset: {offset}") from error
    except RecursionError as error:
        raise Refused("JSON Parse error: The document is nested too deeply.") from error


def _integer(text: str) -> int | float:
    """Returns what fits in 64 bits as an integer, all else as a float, as RapidJSON does."""
    number = int(text) if len(text) <= 20 else 2**64
    return number if -(2**63) <= number < 2**64 else _real(text)


def _real(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Refused("JSON Parse error: Number too big to be stored in double.")
    return number


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_real)


def _check_surrogates(document: dict[str, Any], errors: str) -> None:
    """Refuses halves of a character, such as "\\ud83d" alone: they have no form in UTF-8."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8", errors)
    except UnicodeEncodeError as error:
        raise Refused("JSON Parse error: The surrogate pair in string is invalid.") from error
