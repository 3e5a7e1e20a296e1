"""What `regard serve` answers over HTTP, by TensorFlow Serving's rules; no TensorFlow here."""

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import ClassVar

import numpy as np
import pytest
from json_requests import TEXTS, strings

from regard.recipes.errors import UserError
from regard.recipes.server import http
from regard.recipes.server.rest import RestApi, Signature
from regard.recipes.server.status import Code, Refused

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
