"""Reads the examples of a request for classes from JSON, without TensorFlow.

As in TensorFlow Serving's `tensorflow_serving/util/json_tensor.cc`.
"""

from typing import Any

from .json_tensors import decode_base64, is_base64
from .json_text import encoded, type_name, wrong
from .status import Refused

# The features of a `tf.Example` by name: "bytes", "float", "int64" or, of an empty list, "", with
# the values.
Example = dict[str, tuple[str, list]]


def read_examples(document: dict[str, Any]) -> list[Example]:
    """Returns the "examples" of a request, each with what is in their common "context".

    Raises:
        Refused: If there are none, or a feature has values of several types.
    """
    context = _example(document.get("context", {}))
    if "examples" not in document:
        raise wrong(
            document, "When method is classify, key 'examples' is expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise wrong(document, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise wrong(document, "'examples' value is an empty array")
    return [{**context, **_example(each)} for each in examples]


def _example(value: Any) -> Example:
    if not isinstance(value, dict):
        raise Refused(f"Example must be JSON object but got JSON {type_name(value)}")
    return {name: _feature(name, each) for name, each in value.items()}


def _feature(name: str, value: Any) -> tuple[str, list]:
    elements = value if isinstance(value, list) else [value]
    pairs = [_value(name, each) for each in elements]
    kinds = [kind for kind, _ in pairs]
    if len(set(kinds)) > 1:
        raise Refused(f"Unexpected element type in feature: {name} expecting type: {kinds[0]}")
    return (kinds or [""])[0], [each for _, each in pairs]


def _value(name: str, value: Any) -> tuple[str, Any]:
    """Returns the kind of a value, and the value as a feature holds it."""
    if isinstance(value, str):
        return "bytes", encoded(value)
    if is_base64(value):
        return "bytes", decode_base64(value)
    if isinstance(value, float):
        return "float", value
    if not isinstance(value, int):
        raise Refused(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    if value >= 2**63:
        raise Refused(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return "int64", int(value)
