"""What the tests of `regard serve` ask with, and how they compare."""

import numpy as np
import pytest

from regard.recipes.server.json_tensors import read_tensors
from regard.recipes.server.json_text import read_object
from regard.recipes.server.status import Refused

TEXTS = {"texts": "string"}
PAIRS = {"texts": "string", "pairs": "string"}


def strings(*values):
    return np.array(values, object)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert (found[name] == value).all()


def refusal(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 700
    return message


def tensors(body, inputs):
    return read_tensors(read_object(body if isinstance(body, bytes) else body.encode()), inputs)
