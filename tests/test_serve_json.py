"""What `regard serve` knows of JSON and HTTP, by TensorFlow Serving's rules; no TensorFlow here."""

import asyncio
import base64
import gzip
import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from regard.recipes.cli.next_steps import after_export, ask
from regard.recipes.errors import UserError
from regard.recipes.server import http
from regard.recipes.server.batcher import MOST_ROWS, Batcher
from regard.recipes.server.exports import find_version
from regard.recipes.server.json_answers import write_classes, write_columns, write_rows
from regard.recipes.server.json_examples import read_examples
from regard.recipes.server.json_tensors import read_array, read_tensors
from regard.recipes.server.json_text import read_object
from regard.recipes.server.rest import RestApi, Signature
from regard.recipes.server.status import Code, Refused

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


# The API


class Lengths:
    """A model that gives the length of each text."""

    signatures: ClassVar = {
        "serving_default": Signature(TEXTS, {"length": "float", "texts": "string"}),
        "classify": Signature({"inputs": "string"}, {"classes": "string", "scores": "float"}),
        "regress": Signature({"inputs": "string"}, {"outputs": "float"}),
        "init": Signature({}, {}),
    }
    metadata: ClassVar = {"signature_def": {"of": "all"}}

    def serialized(self, examples):
        return strings(*(each["text"][1][0] for each in examples))

    def ask(self, name, inputs):
        (texts,) = inputs.values()
        lengths = np.float32([len(text) for text in texts])
        if name == "classify":
            classes = np.tile(strings(b"few", b"many"), (len(texts), 1))
            return {"classes": classes, "scores": np.stack([lengths, -lengths], axis=1)}
        return {"outputs": lengths} if name == "regress" else {"length": lengths, "texts": texts}


@pytest.fixture
def api():
    model = Lengths()
    return RestApi(model, model.ask, "my model", 3)


STATUS = {
    "model_version_status": [
        {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
}
METADATA = {
    "model_spec": {"name": "my model", "signature_name": "", "version": "3"},
    "metadata": {"signature_def": {"signature_def": {"of": "all"}}},
}
ASK = '{"instances": ["abc"]}'
PREDICTED = {"predictions": [{"length": 3, "texts": "abc"}]}
CLASSIFY = '{"signature_name": "classify", "examples": [{"text": "abc"}]}'
REGRESS = '{"signature_name": "regress", "examples": [{"text": "abc"}, {"text": ""}]}'


@pytest.mark.parametrize(
    ("verb", "path", "body", "expected"),
    [
        ("GET", "", "", STATUS),
        ("GET", "/versions/3", "", STATUS),
        ("GET", "/labels/any", "", STATUS),  # as the source has it: labels are not looked at
        ("GET", "/metadata", "", METADATA),
        ("GET", "/versions/3/metadata", "", METADATA),
        ("POST", ":predict", ASK, PREDICTED),
        ("POST", "/versions/3:predict", ASK, PREDICTED),
        ("POST", "/versions/003:PREDICT", ASK, PREDICTED),
        ("POST", ":predict", '{"inputs": ["a"]}', {"outputs": {"length": [1], "texts": ["a"]}}),
        ("POST", ":predict", '{"signature_name": "", "instances": ["abc"]}', PREDICTED),
        ("POST", ":predict", '{"signature_name": "regress", "inputs": ["ab"]}', {"outputs": [2]}),
        ("POST", ":classify", CLASSIFY, {"results": [[["few", 3], ["many", -3]]]}),
        ("POST", ":regress", REGRESS, {"results": [3, 0]}),
    ],
)
def test_what_the_api_answers(api, verb, path, body, expected):
    status, text = api.answer(verb, f"/v1/models/my%20model{path}", body.encode())
    assert (status, json.loads(text)) == (200, expected)


NAME = "/v1/models/my%20model"


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "said"),
    [
        ("GET", "/", "", 404, "Not Found"),
        ("GET", "/v1/foo", "", 400, "Malformed request: GET /v1/foo"),
        ("GET", "/v1/models", "", 400, "Missing model name in request."),
        ("GET", "/v1/models/other", "", 404, "Could not find any versions of model other"),
        ("GET", f"{NAME}/versions/4", "", 404, "Could not find version 4 of model my model"),
        ("GET", f"{NAME}/versions/4/metadata", "", 404, "for request: Specific(my model, 4)"),
        ("GET", f"{NAME}/labels/stable/metadata", "", 400, "servable version label: stable"),
        ("GET", f"{NAME}:predict", "", 400, "Malformed request: GET "),
        ("GET", f"{NAME}/versions/four", "", 400, "Malformed request: GET "),
        ("GET", f"{NAME}/versions/{2**63}", "", 400, "Failed to convert version: "),
        ("POST", "/v1/models", "", 400, "Malformed request: POST /v1/models"),
        ("POST", f"{NAME}/metadata", "", 400, "Malformed request: POST "),
        ("POST", f"{NAME}/version/3:predict", ASK, 400, "Malformed request: POST "),
        ("POST", f"{NAME}/versions/3/labels/a:predict", ASK, 400, "Malformed request: POST "),
        ("PUT", f"{NAME}:predict", ASK, 400, "Malformed request: PUT "),
        ("DELETE", NAME, "", 400, "Malformed request: DELETE "),
        ("POST", "/v1/models/other:predict", ASK, 404, "not found for request: Latest(other)"),
        ("POST", "/v1/models/other:predict", "", 400, "JSON Parse error: The document is empty"),
        ("POST", f"{NAME}/versions/4:predict", ASK, 404, "request: Specific(my model, 4)"),
        ("POST", f"{NAME}/labels/stable:predict", ASK, 400, "servable version label: stable"),
        ("POST", f"{NAME}/labels/stable:classify", CLASSIFY, 400, "version label: stable"),
        ("POST", f"{NAME}:predict", '{"signature_name": 1}', 400, "key must be a string value."),
        (
            "POST",
            f"{NAME}:predict",
            '{"signature_name": "x", "instances": ["a"]}',
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        (
            "POST",
            f"{NAME}:predict",
            '{"signature_name": "init", "instances": ["a"]}',
            400,
            "Failed to get input map for signature: init",
        ),
        (
            "POST",
            f"{NAME}:classify",
            '{"signature_name": "x", "examples": [{}]}',
            400,
            "No signature was found with the name: x",
        ),
        (
            "POST",
            f"{NAME}:classify",
            '{"examples": [{"text": "a"}]}',
            400,
            "No classification inputs found in SignatureDef: serving_default",
        ),
        ("POST", f"{NAME}:classify", REGRESS, 400, 'at least one of "classes" or "scores"'),
        ("POST", f"{NAME}:regress", CLASSIFY, 400, "Expected one output Tensor."),
        ("POST", f"{NAME}:classify", ASK, 400, "key 'examples' is expected and was not found"),
    ],
)
def test_what_the_api_refuses(api, verb, path, body, status, said):
    found, text = api.answer(verb, path, body.encode())
    answer = json.loads(text)
    assert found == status and answer.keys() == {"error"}
    assert said in answer["error"] and "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("code", "status"),
    [("INVALID_ARGUMENT", 400), ("UNAVAILABLE", 503), ("INTERNAL", 500), ("UNIMPLEMENTED", 501)],
)
def test_statuses_of_what_the_model_refuses(code, status):
    def ask(*_):
        raise Refused("so it is", Code[code])

    api = RestApi(Lengths(), ask, "m", 1)
    found = api.answer("POST", "/v1/models/m:predict", ASK.encode())
    assert found == (status, '{"error": "so it is"}')


# Batches


class Slow:
    """Counts what is asked together, and cannot answer "bad"."""

    def __init__(self):
        self.batches = []

    def run(self, name, inputs):
        time.sleep(0.02)
        texts = inputs["texts"]
        self.batches.append(len(texts) if texts.ndim else None)
        if b"bad" in texts:
            raise Refused(f"element {texts.tolist().index(b'bad')} is bad")
        return {"texts": texts, "fixed": np.zeros(1)} if name == "fixed" else {"texts": texts}


def ask_at_once(batcher, requests):
    """Returns what each of several threads gets, or the error."""
    found = [None] * len(requests)

    def ask(number, name, texts):
        try:
            found[number] = batcher.ask(name, {"texts": texts})["texts"].tolist()
        except Refused as error:
            found[number] = str(error)

    threads = [
        threading.Thread(target=ask, args=(number, *request))
        for number, request in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture
def slow():
    slow = Slow()
    slow.batcher = Batcher(slow.run)
    yield slow
    slow.batcher.close(5)


def test_what_is_asked_at_once_is_answered_together_and_each_gets_its_own(slow):
    requests = [("a", strings(*[b"%d" % number] * (number % 3))) for number in range(40)]
    assert ask_at_once(slow.batcher, requests) == [texts.tolist() for _, texts in requests]
    assert len(slow.batches) < 20 and max(slow.batches) <= MOST_ROWS


def test_kinds_are_not_mixed_and_long_requests_are_alone(slow):
    long = strings(*[b"x"] * (MOST_ROWS + 1))
    pixels = np.array([[b"1", b"2"]], object)
    requests = [("a", strings(b"1")), ("b", strings(b"2")), ("a", long), ("a", pixels)]
    requests += [("a", np.array(b"scalar", object)), ("fixed", strings(b"3")), ("fixed", strings())]
    assert ask_at_once(slow.batcher, requests) == [texts.tolist() for _, texts in requests]
    assert MOST_ROWS + 1 in slow.batches and None in slow.batches


def test_nobody_gets_the_error_of_another(slow):
    requests = [("a", strings(b"good")), ("a", strings(b"good", b"bad")), ("a", strings(b"fine"))]
    assert (
        ask_at_once(slow.batcher, requests * 3)
        == [
            [b"good"],
            "element 1 is bad",
            [b"fine"],
        ]
        * 3
    )


def test_the_thread_ends_and_answers_before(slow):
    found = []
    asking = threading.Thread(
        target=lambda: found.append(slow.batcher.ask("a", {"texts": strings(b"1")}))
    )
    asking.start()
    time.sleep(0.01)
    slow.batcher.close(5)
    asking.join(5)
    assert [each["texts"].tolist() for each in found] == [[b"1"]]
    assert not slow.batcher._thread.is_alive()


# HTTP


def respond(answer, *parts, method="POST", path="/v1/models/m:predict", **headers):
    """Sends a request in parts to the application; returns status, headers and body."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(http.application(answer)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def echo(method, path, body):
    return 200, json.dumps([method, path, body.decode("latin-1")])


def test_a_request_in_parts():
    status, headers, body = respond(echo, b"ab", b"c", path="/v1/a%20b")
    assert (status, json.loads(body)) == (200, ["POST", "/v1/a%20b", "abc"])
    assert headers[b"content-type"] == b"application/json"


def test_a_packed_body():
    assert b"abc" in respond(echo, gzip.compress(b"abc"), content_encoding="gzip")[2]
    for broken in (b"abc", gzip.compress(b"abc" * 99)[:-9]):
        status, _, body = respond(echo, broken, content_encoding="gzip")
        assert status == 400 and b"cannot be unpacked" in body


def test_bodies_are_bounded(monkeypatch):
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    assert respond(echo, b"x" * 600, b"x" * 400)[0] == 200
    for request in (
        {"parts": [b"x" * 600, b"x" * 401]},
        {"parts": [], "content_length": "1001"},
        {"parts": [], "content_length": "many"},
        {"parts": [gzip.compress(b"x" * 1001)], "content_encoding": "gzip"},
    ):
        parts = request.pop("parts")
        status, _, body = respond(echo, *parts, **request)
        assert (status, body) == (413, b'{"error": "A request may have 1000 bytes at most."}')


def test_a_defect_is_said_in_one_line(caplog):
    def fail(*_):
        raise RuntimeError("one\ntwo")

    assert respond(fail)[::2] == (500, b'{"error": "RuntimeError: one two"}')
    assert "could not be answered" in caplog.text


def test_what_a_browser_asks_before_it_asks():
    status, headers, body = respond(echo, method="OPTIONS", origin="https://a.example")
    assert (status, body) == (200, b"") and b"access-control-allow-origin" not in headers
    assert respond(echo, method="OPTIONS")[0] == 400


def test_an_address_that_cannot_be_had():
    with http.bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"127.0.0.1, port {port}.*in use.*another --port"):
            http.bound("127.0.0.1", port).__enter__()
    with pytest.raises(UserError, match=r"no\.such\.host\.invalid, port 0, cannot be served at"):
        http.bound("no.such.host.invalid", 0).__enter__()


# Exports


def test_the_newest_version_is_found(tmp_path):
    for number in ("2", "10", "9", "nine", "11"):
        (tmp_path / "reviews" / number).mkdir(parents=True)
        if number != "11":  # one that is not whole
            (tmp_path / "reviews" / number / "saved_model.pb").touch()
    folder = tmp_path / "reviews"
    assert find_version(folder) == (folder / "10", "reviews", 10)
    assert find_version(folder / "2") == (folder / "2", "reviews", 2)
    assert find_version(folder / "nine") == (folder / "nine", "nine", 1)


def test_where_there_is_no_export(tmp_path):
    with pytest.raises(UserError, match="neither a run nor an export"):
        find_version(tmp_path)
    with pytest.raises(UserError, match=r"There is no directory .*nothing"):
        find_version(tmp_path / "nothing")


# What is said of it


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (TEXTS, {"instances": ["Not bad at all."]}),
        (PAIRS, {"instances": [{"texts": "Not bad at all.", "pairs": "Not bad at all."}]}),
    ],
)
def test_the_command_that_asks(inputs, expected):
    curl, data, body, url = shlex.split(ask("http://localhost:8501", "my model", inputs))
    assert (curl, data, json.loads(body)) == ("curl", "-d", expected)
    assert url == "http://localhost:8501/v1/models/my%20model:predict"


def test_the_command_that_asks_of_an_image(tmp_path):
    (tmp_path / "IMAGE").write_bytes(b"\xff\x00" * 999)
    command = ask("http://localhost:8501", "m", {"image_bytes": "string"})
    piped = command.partition(" | curl")[0]
    body = subprocess.run(piped, shell=True, cwd=tmp_path, capture_output=True, check=True).stdout
    found, _ = tensors(body, {"image_bytes": "string"})
    assert found["image_bytes"].tolist() == [b"\xff\x00" * 999]


def test_what_follows_an_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = after_export(Path("my served/3"), TEXTS, ["--flag=1"])
    docker = shlex.split(said[1])
    assert docker[docker.index("-v") + 1] == f"{tmp_path}/my served:/models/my served"
    assert docker[docker.index("-e") + 1] == "MODEL_NAME=my served"
    assert docker[-2:] == ["tensorflow/serving", "--flag=1"]
    assert shlex.split(said[3]) == ["regard", "serve", "my served"]
    assert said[-1] == f"  {ask('http://localhost:8501', 'my served', TEXTS)}"


# A server of its own, with a model that takes its time

SERVER = """
import time
import numpy as np
from regard.recipes.server import http
from regard.recipes.server.batcher import Batcher
from regard.recipes.server.rest import RestApi, Signature

class Model:
    signatures = {"serving_default": Signature({"texts": "string"}, {"texts": "string"})}

def run(name, inputs):
    time.sleep(0.3)
    return inputs

batcher = Batcher(run)
api = RestApi(Model(), batcher.ask, "m", 1)
with http.bound("127.0.0.1", 0) as taken:
    http.serve(api.answer, taken, lambda: print(taken.getsockname()[1], flush=True))
batcher.close(5)
print("ended")
"""


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_once_it_has_answered(signal_):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        port = int(process.stdout.readline())
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/v1/models/m:predict", ASK)
        time.sleep(0.15)  # it is being answered
        process.send_signal(signal_)
        response = connection.getresponse()
        assert json.loads(response.read()) == {"predictions": ["abc"]}
        assert (process.wait(10), process.stdout.read()) == (0, "ended\n")
        with pytest.raises(ConnectionRefusedError):
            HTTPConnection("127.0.0.1", port).connect()
    finally:
        process.kill()
        process.communicate()


def test_more_dimensions_than_a_tensor_has():
    value = "x"
    for _ in range(65):
        value = [value]
    with pytest.raises(Refused, match=r"may have 32 dimensions\. Received: 65"):
        read_array(value, "string")
