"""What `regard serve` knows of JSON, by TensorFlow Serving's rules; no TensorFlow here."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
from json_requests import PAIRS, TEXTS, refusal, same, strings, tensors

from regard.recipes.server.json_answers import write_classes, write_columns, write_rows
from regard.recipes.server.json_examples import read_examples
from regard.recipes.server.json_tensors import read_array
from regard.recipes.server.json_text import read_object
from regard.recipes.server.status import Refused


def test_none_of_this_needs_tensorflow():
    names = ("batcher", "exports", "http", "rest")
    code = "; ".join(
        [
            "import sys",
            *(f"import regard.recipes.server.{name}" for name in names),
            "assert 'tensorflow' not in sys.modules",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": NaN, "b": [Infinity, -Infinity]}', {"b": [np.inf, -np.inf]}),
        (b'\xef\xbb\xbf  {"a": 1}', {"a": 1}),
        (b'{"a": 1} and what follows', {"a": 1}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a": 18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a": 18446744073709551616}', {"a": 2.0**64}),
        (b'{"a": ' + b"9" * 300 + b"}", {"a": float("9" * 300)}),
        (b'{"a": "\xff"}', {"a": "\udcff"}),
    ],
)
def test_an_object(body, expected):
    found = read_object(body)
    if "NaN" in repr(body):
        assert np.isnan(found.pop("a"))
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error: Expecting value at offset: 0"),
        (b'{"instances": ["\xc3\xa9", ]}', "at offset: 2"),
        (b'{"instances": ["a"', "JSON Parse error: "),
        (b'{"instances": ["a\n"]}', "JSON Parse error: Invalid control character"),
        (b'{"instances": ["\\ud83d"]}', "The surrogate pair in string is invalid."),
        (b'{"instances": ["\xff", "\\ud83d"]}', "The surrogate pair in string is invalid."),
        (b'{"instances": [1e400]}', "Number too big to be stored in double."),
        (b'{"instances": [' + b"9" * 400 + b"]}", "Number too big to be stored in double."),
        (b"[" * 200_000, "nested too deeply"),
        (b'["a"]', 'JSON Value: ["a"] Is not object'),
        ('{"instances": ["a"]}'.encode("utf-16"), "JSON Parse error"),
    ],
)
def test_no_object(body, said):
    assert said in refusal(read_object, body)


def test_a_long_value_is_not_shown_whole():
    found = refusal(read_object, b'["' + b"x" * 100_000 + b'"]')
    assert found.startswith('JSON Value: ["xxx') and found.endswith("xxx... Is not object")


# Inputs


@pytest.mark.parametrize(
    ("body", "inputs", "expected", "is_row"),
    [
        ('{"instances": ["a", "b"]}', TEXTS, {"texts": strings(b"a", b"b")}, True),
        ('{"instances": [{"texts": "a"}]}', TEXTS, {"texts": strings(b"a")}, True),
        ('{"inputs": ["a", "b"]}', TEXTS, {"texts": strings(b"a", b"b")}, False),
        ('{"inputs": {"texts": ["a"]}}', TEXTS, {"texts": strings(b"a")}, False),
        ('{"inputs": []}', TEXTS, {"texts": strings()}, False),
        ('{"inputs": "a"}', TEXTS, {"texts": np.array(b"a", object)}, False),
        ('{"inputs": {"b64": "/w=="}}', TEXTS, {"texts": np.array(b"\xff", object)}, False),
        ('{"instances": [{"b64": "/w=="}, "b"]}', TEXTS, {"texts": strings(b"\xff", b"b")}, True),
        ('{"instances": [{"texts": {"b64": ""}}]}', TEXTS, {"texts": strings(b"")}, True),
        (
            '{"instances": [{"texts": "a", "pairs": "b"}, {"pairs": "d", "texts": "c"}]}',
            PAIRS,
            {"texts": strings(b"a", b"c"), "pairs": strings(b"b", b"d")},
            True,
        ),
        (
            '{"inputs": {"texts": ["a", "b"], "pairs": ["c"], "more": 1}}',
            PAIRS,
            {"texts": strings(b"a", b"b"), "pairs": strings(b"c")},
            False,
        ),
        (
            '{"instances": [[[1, 2.5]], [[NaN, 1e39]]]}',
            {"x": "float"},
            {"x": np.array([[[1, 2.5]], [[7, np.inf]]], np.float32)},
            True,
        ),
        ('{"instances": [1, -1]}', {"x": "int64"}, {"x": np.array([1, -1])}, True),
        ('{"instances": [true]}', {"x": "bool"}, {"x": np.array([True])}, True),
    ],
)
def test_inputs(body, inputs, expected, is_row):
    found, as_rows = tensors(body, inputs)
    assert as_rows is is_row
    for value in found.values():
        if value.dtype == np.float32:
            value[np.isnan(value)] = 7
    same(found, expected)


def test_bytes_that_are_no_utf8_stay_as_they_are():
    same(tensors(b'{"instances": ["\xff\xc3"]}', TEXTS)[0], {"texts": strings(b"\xff\xc3")})


@pytest.mark.parametrize("text", ["/+8=", "/+8", " /+\n8 ="])
def test_base64_as_abseil_reads_it(text):
    assert read_array({"b64": text}, "string")[()] == b"\xff\xef"


@pytest.mark.parametrize(
    ("body", "inputs", "said"),
    [
        ("{}", TEXTS, "Missing 'inputs' or 'instances' key"),
        ('{"instances": ["a"], "inputs": ["a"]}', TEXTS, "only one of 'inputs' or 'instances'"),
        ('{"instances": "a"}', TEXTS, "Expecting 'instances' to be an list/array"),
        ('{"instances": []}', TEXTS, "No values in 'instances' array"),
        ('{"instances": ["a"]}', PAIRS, "instances is a plain list, but expecting list of objects"),
        ('{"inputs": ["a"]}', PAIRS, "inputs is a plain value/list, but expecting an object"),
        ('{"instances": ["a", {"texts": "b"}]}', TEXTS, "value/list but got object at item 1"),
        ('{"instances": [{"texts": "b"}, "a"]}', TEXTS, "object but got list at item 1 of input"),
        (
            '{"instances": ["a", 1]}',
            TEXTS,
            "Failed to process element: 1 key: texts of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON Value: 1 Type: Number is not of expected type: string",
        ),
        ('{"instances": [null]}', TEXTS, "JSON Value: null Type: Null is not of expected type"),
        ('{"instances": [true]}', {"x": "float"}, "JSON Value: true Type: True is not of"),
        ('{"instances": [1.0]}', {"x": "int32"}, "Type: Number is not of expected type: int32"),
        ('{"instances": [300]}', {"x": "uint8"}, "Type: Number is not of expected type: uint8"),
        ('{"instances": [1]}', {"x": "half"}, "Conversion of JSON Value: 1 to type: half"),
        ('{"instances": [["a"], "b"]}', TEXTS, "Expecting shape [1] but got: []"),
        ('{"instances": [[1, 2], [3]]}', {"x": "float"}, "Expecting shape [2] but got: [1]"),
        ('{"inputs": [[1, 2], [3]]}', {"x": "float"}, "unexpected size: 1 at level: 1 expected"),
        ('{"inputs": [[1], 2]}', {"x": "float"}, "JSON Value: 2 found at incorrect level: 2"),
        ('{"inputs": [1, [2]]}', {"x": "float"}, "list at unexpected level: 1 expected < 1"),
        ('{"instances": [{"texts": "a"}]}', PAIRS, "keys must be equal to: pairs,texts"),
        ('{"instances": [{"text": "a"}]}', TEXTS, "does not have named input: text"),
        ('{"inputs": {"texts": ["a"]}}', PAIRS, "Missing named input: pairs in 'inputs' object."),
        ('{"instances": [{"b64": "?"}]}', TEXTS, "Unable to base64 decode"),
        ('{"instances": [{"b64": "é"}]}', TEXTS, "Unable to base64 decode"),
        ('{"instances": [{"texts": {"b46": ""}}]}', TEXTS, "not formatted correctly for base64"),
        ('{"instances": [{"b64": 1}]}', TEXTS, "does not have named input: b64"),
    ],
)
def test_inputs_that_are_refused(body, inputs, said):
    assert said in refusal(tensors, body, inputs)


# Examples


def test_examples():
    body = {
        "context": {"pair": "c", "text": "of all"},
        "examples": [
            {"text": "a", "n": [1, True], "x": 1.5, "none": []},
            {"text": ["a", {"b64": "/w=="}]},
            {},
        ],
    }
    common = {"pair": ("bytes", [b"c"])}
    assert read_examples(body) == [
        {
            **common,
            "text": ("bytes", [b"a"]),
            "n": ("int64", [1, 1]),
            "x": ("float", [1.5]),
            "none": ("", []),
        },
        {**common, "text": ("bytes", [b"a", b"\xff"])},
        {**common, "text": ("bytes", [b"of all"])},
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": ["a"]}, "Example must be JSON object but got JSON String"),
        ({"context": 1, "examples": [{}]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": {"b": 1}}]}, "Feature: a has element with unexpected JSON type: Obj"),
        ({"examples": [{"a": [1, "b"]}]}, "element type in feature: a expecting type: int64"),
        ({"examples": [{"a": [1.5, 2]}]}, "element type in feature: a expecting type: float"),
        ({"examples": [{"a": 2**63}]}, "Feature: a has uint64_t element."),
        ({"examples": [{"a": {"b64": "?"}}]}, "Unable to base64 decode"),
    ],
)
def test_examples_that_are_refused(body, said):
    assert said in refusal(read_examples, body)


# Answers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (3, "3.0"),
        (9_000_000, "9e+06"),
        (0.00003, "3e-05"),
        (-0.0, "-0.0"),
        (1 / 3, "0.333333343"),
        (16_777_215, "16777215.0"),
        (np.nan, "NaN"),
        (np.inf, "Infinity"),
        (-np.inf, "-Infinity"),
    ],
)
def test_floats(value, text):
    assert write_columns({"x": np.float32([value])}) == f'{{"outputs": [{text}]}}'


def test_every_float_comes_back():
    values = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.arange(-20, 20).repeat(50)
    for dtype in (np.float32, np.float64):
        written = json.loads(write_columns({"x": values.astype(dtype)}))["outputs"]
        assert (np.array(written).astype(dtype) == values.astype(dtype)).all()


def test_answers():
    scores = np.float32([[0.25, 0.75], [1, 0]])
    labels = strings(b"\xc3\xa9\n", b'"b"')
    both = {"label": labels, "scores": scores}
    rows = [{"label": "é\n", "scores": [0.25, 0.75]}, {"label": '"b"', "scores": [1, 0]}]
    assert json.loads(write_rows(both)) == {"predictions": rows}
    assert json.loads(write_rows({"scores": scores})) == {"predictions": scores.tolist()}
    columns = {"label": ["é\n", '"b"'], "scores": scores.tolist()}
    assert json.loads(write_columns(both)) == {"outputs": columns}
    assert json.loads(write_columns({"label": labels})) == {"outputs": columns["label"]}
    assert json.loads(write_rows({"n_bytes": np.array([1, 2])})) == {"predictions": [1, 2]}
    assert write_rows({"is": np.array([True])}) == '{"predictions": [true]}'
    assert "é" in write_rows(both)  # UTF-8, not escapes


def test_an_output_of_bytes_is_base64_by_its_name():
    data = strings(b"\xff\x00", b"a")
    encoded = [{"b64": base64.b64encode(each).decode()} for each in data]
    assert json.loads(write_rows({"image_bytes": data})) == {"predictions": encoded}
    written = write_rows({"image": data}).encode("utf-8", "surrogateescape")
    assert written == b'{"predictions": ["\xff\\u0000", "a"]}'


def test_answers_that_have_no_form():
    assert "x has no shape information" in refusal(write_rows, {"x": np.float32(1)})
    uneven = {"a": np.zeros(2, "f"), "b": np.zeros(3, "f")}
    assert "b has inconsistent batch size: 3 expecting: 2" in refusal(write_rows, uneven)
    assert "for tensor type: float16" in refusal(write_columns, {"x": np.zeros(1, "float16")})


def test_classes():
    labels, scores = np.array([[b"a", b"b"]], object), np.float32([[0.5, 1]])
    assert write_classes(labels, scores) == '{"results": [[["a", 0.5], ["b", 1.0]]]}'
    assert json.loads(write_classes(None, scores)) == {"results": [[["", 0.5], ["", 1]]]}
    assert json.loads(write_classes(labels, None)) == {"results": [[["a", 0], ["b", 0]]]}


def test_more_dimensions_than_a_tensor_has():
    value = "x"
    for _ in range(65):
        value = [value]
    with pytest.raises(Refused, match=r"may have 32 dimensions\. Received: 65"):
        read_array(value, "string")
