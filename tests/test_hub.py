"""`hf://` against a stand-in of the hub's HTTP interface, in a process that knows no other hub."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from regard.models.checkpoint_files import CheckpointError
from regard.models.hub import _within, checkpoint_directory

COMMITS = {"main": "a" * 40, "v1": "b" * 40}
FILES = {  # what the two revisions hold; the content of a file names its revision
    "README.md",
    "config.json",
    "preprocessor_config.json",
    "model-00001-of-00002.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
    "onnx/model.onnx",
    "pytorch_model.bin",
    "source.spm",
    "special_tokens_map.json",
    "target.spm",
    "tf_model.h5",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
}
UNWANTED = {"README.md", "onnx/model.onnx", "pytorch_model.bin", "tf_model.h5"}
STATUS = {"private": 401, "absent": 404, "broken": 500}  # what some repositories answer with

# One source a line on stdin, what came of it as one line of JSON on stdout.
WORKER = """
import json, logging, sys, time
from regard.models import hub
hub._PATIENCE = 1.0
logged = []
class Log(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())
logging.getLogger("regard").addHandler(Log())
logging.getLogger("regard").setLevel(logging.INFO)
for line in sys.stdin:
    began, logged[:] = time.monotonic(), []
    try:
        result = {"directory": str(hub.checkpoint_directory(line.strip()))}
    except hub.CheckpointError as error:
        result = {"error": str(error)}
    result["seconds"], result["logged"] = time.monotonic() - began, logged
    print(json.dumps(result), flush=True)
"""


class StandIn(BaseHTTPRequestHandler):
    """The routes that a download uses: a repository's revision, its tree, and its files."""

    def do_GET(self):
        self.server.paths.append(self.path)
        parts = self.path.partition("?")[0].strip("/").split("/")
        if len(parts) < 4:  # the client asks about itself
            return self.answer(404, b"{}", {})
        name = parts[3 if parts[0] == "api" else 1]
        if name in STATUS:
            code = "RepoNotFound" if STATUS[name] < 500 else "Trouble"  # as huggingface.co says it
            return self.answer(STATUS[name], b"{}", {"X-Error-Code": code})
        if parts[:2] == ["api", "models"]:
            return self.answer_about(parts[4:])
        commit, path = parts[3], "/".join(parts[4:])
        body = content(commit, path)
        self.answer(200, body, {"ETag": f'"{blob_id(body)}"', "X-Repo-Commit": commit})

    do_HEAD = do_GET

    def answer_about(self, parts):
        revision = parts[1] if parts else "main"
        commit = COMMITS.get(revision, revision)
        if commit not in COMMITS.values():
            return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if parts[:1] == ["tree"]:
            bodies = {path: content(commit, path) for path in FILES}
            value = [
                {"type": "file", "path": path, "size": len(body), "oid": blob_id(body)}
                for path, body in bodies.items()
            ]
        else:
            siblings = [{"rfilename": path} for path in FILES]
            value = {"id": "org/tiny", "sha": commit, "siblings": siblings}
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


def content(commit, path):
    return f"{path} of {commit}".encode()


def blob_id(body):
    return hashlib.sha1(body).hexdigest()


@pytest.fixture
def hub():
    """The stand-in, at a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.paths = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def start_worker(port, cache):
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "HF_ENDPOINT": f"http://127.0.0.1:{port}",
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def ask(hub, tmp_path):
    """Asks the worker for a checkpoint, and gives back what came of it."""
    with start_worker(hub.server_address[1], tmp_path) as worker:

        def ask(source):
            worker.stdin.write(f"{source}\n")
            worker.stdin.flush()
            return json.loads(worker.stdout.readline())

        yield ask
        worker.stdin.close()


def held(answer):
    directory = Path(answer["directory"])
    return {str(p.relative_to(directory)): p.read_text() for p in directory.rglob("*.*")}


def test_a_revision_is_downloaded_without_pickles_and_once(hub, ask):
    first = held(ask("hf://org/tiny@v1"))
    assert first == {path: f"{path} of {COMMITS['v1']}" for path in FILES - UNWANTED}
    assert held(ask("hf://org/tiny"))["config.json"] == f"config.json of {COMMITS['main']}"
    assert held(ask(f"hf://org/tiny@{COMMITS['v1']}")) == first
    fetched = [path.partition("/resolve/")[2] for path in hub.paths if "/resolve/" in path]
    assert set(fetched) == {f"{c}/{p}" for c in COMMITS.values() for p in FILES - UNWANTED}
    hub.paths.clear()
    assert held(ask("hf://org/tiny@v1")) == first
    assert not [path for path in hub.paths if "/resolve/" in path]


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_without_a_network_the_cache_is_used(hub, ask, silent):
    first = held(ask("hf://org/tiny@v1"))
    hub.shutdown()
    hub.server_close()
    with socket.socket() as dead:
        dead.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        dead.bind(hub.server_address)
        if silent:
            dead.listen()  # takes connections and never answers
        again = ask("hf://org/tiny@v1")
        assert held(again) == first
        assert "hf://org/tiny@v1: the copy in the cache is used" in again["logged"][0]
        for source in ("hf://org/other", "hf://org/tiny@main"):
            answer = ask(source)
            assert answer["error"].startswith(f"{source} cannot be downloaded: ")
            assert "network" in answer["error"]
            assert answer["seconds"] < 10


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf://org/private", "401 Client Error"),
        ("hf://org/absent", "404 Client Error"),
        ("hf://org/broken", "500 Internal Server Error"),
        ("hf://org/tiny@v9", "Revision Not Found"),
        ("hf://org/two--dashes", "Cannot have -- or .."),
    ],
)
def test_answers_that_are_errors(ask, source, message):
    answer = ask(source)
    assert answer["error"].startswith(f"{source} cannot be downloaded: ")
    assert message in answer["error"]
    assert "HF_TOKEN" in answer["error"]
    assert "\n" not in answer["error"]
    assert answer["seconds"] < 10


def test_a_download_that_broke_off_is_not_taken_for_whole(hub, ask, tmp_path):
    directory = ask("hf://org/tiny")["directory"]
    (Path(directory) / "model.safetensors").unlink()
    hub.shutdown()
    hub.server_close()
    assert "cannot be downloaded" in ask("hf://org/tiny")["error"]


@pytest.mark.parametrize(
    "source", ["hf://", "hf://tiny", "hf://org/tiny@", "hf://org/tiny/extra", "hf://org/ti ny"]
)
def test_addresses_of_another_form(source):
    with pytest.raises(CheckpointError, match=f"hf://ORG/NAME@REVISION. Received: {source}"):
        checkpoint_directory(source)


@pytest.mark.parametrize("source", ["", "nowhere", "x" * 5000, "a\0b", "https://hub/org/tiny"])
def test_no_such_directory(source, tmp_path):
    with pytest.raises(CheckpointError, match=r"must be a directory or hf://ORG/NAME\. Received"):
        checkpoint_directory(str(source))


def test_a_directory_is_itself(tmp_path):
    assert checkpoint_directory(tmp_path) == tmp_path
    assert checkpoint_directory(str(tmp_path)) == tmp_path


def test_a_hub_that_never_ends_its_answer():
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="no answer within 0 s"):
        _within(0.05, lambda: time.sleep(5))
    assert time.monotonic() - began < 1
    with pytest.raises(KeyError, match="gone"):
        _within(5, lambda: {}["gone"])
    assert _within(5, lambda: 1) is None
