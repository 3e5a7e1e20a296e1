"""`regard serve` while versions of an export come and go, with models that need no TensorFlow."""

import json
import shutil
import threading
import time
from contextlib import ExitStack

import pytest

from regard import UserError
from regard.recipes.cli import serve as command
from regard.recipes.server.current import Current, Loaded, Watch
from regard.recipes.server.dispatch import NoExport
from regard.recipes.server.exports import find_version
from regard.recipes.server.playground import MODELS, Playground, Shown
from regard.recipes.server.rest import RestApi


class Server:
    """Serves versions whose graph says what they are; some cannot be loaded."""

    def __init__(self, folder):
        self.folder = folder
        self.closed, self.tried = [], []
        self.current = Current(self.loaded(find_version(folder)))
        served = find_version(folder)
        self.watch = Watch("m", served, lambda: find_version(folder), self.load, 0.01)

    def loaded(self, version):
        self.tried.append(version.number)
        content = (version.directory / "saved_model.pb").read_text()
        if content == "bad":
            raise UserError("it is\ndamaged")
        api = RestApi(NoExport(), None, "m", version.number)
        return Loaded(api, lambda: self.closed.append(version.number))

    def load(self, version):
        self.current.switch_to(self.loaded(version))

    def version(self):
        status, text = self.current.answer("GET", "/v1/models/m")
        assert status == 200
        (state,) = json.loads(text)["model_version_status"]
        return int(state["version"])

    def look(self, times=2):
        for _ in range(times):
            self.watch.look()


def write(folder, number, content="graph"):
    version = folder / str(number)
    version.mkdir(parents=True, exist_ok=True)
    (version / "saved_model.pb").write_text(content)
    return version


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "m", 1)
    return tmp_path / "m"


def test_the_newest_version_is_served_as_it_comes_and_goes(folder, caplog):
    caplog.set_level("INFO", "regard")
    server = Server(folder)
    server.look()
    assert (server.version(), server.tried) == (1, [1])
    write(folder, 10)
    server.look(1)
    assert server.version() == 1  # its files may still be written
    server.look(1)
    assert (server.version(), server.closed) == (10, [1])
    assert server.current.answer("GET", "/v1/models/m/versions/1")[0] == 404
    write(folder, 9)
    server.look(3)
    assert server.version() == 10  # by number, not by age
    shutil.rmtree(folder / "10")
    server.look()
    assert (server.version(), server.closed) == (9, [1, 10])
    assert [each.getMessage() for each in caplog.records] == [
        "m: version 10 is served, in place of version 1",
        "m: version 9 is served, in place of version 10",
    ]


def test_no_version_left_is_no_reason_to_stop(folder):
    server = Server(folder)
    shutil.rmtree(folder)
    with server.watch:
        time.sleep(0.1)
        assert server.version() == 1
        write(folder, 2)
        until = time.monotonic() + 10
        while server.version() != 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert server.version() == 2


def test_a_version_that_still_grows_is_waited_for(folder):
    server = Server(folder)
    for size in range(1, 6):
        write(folder, 2, "x" * size)
        server.look(1)
    assert server.tried == [1]
    server.look(1)
    assert server.version() == 2


def test_what_cannot_be_loaded_is_said_once_and_tried_again_when_it_changes(folder, caplog):
    server = Server(folder)
    write(folder, 2, "bad")
    server.look(6)
    assert (server.version(), server.tried, server.closed) == (1, [1, 2], [])
    (said,) = caplog.messages
    assert said == "m: version 1 goes on, not version 2: it is damaged"
    write(folder, 2, "good")
    server.look()
    assert (server.version(), server.closed) == (2, [1])


def test_who_asks_a_version_still_has_its_answer_after_another_has_come():
    asked, go_on, closed, answers = threading.Event(), threading.Event(), [], []

    class Slow:
        def answer(self, verb, path, body=b""):
            asked.set()
            go_on.wait(10)
            assert closed == []  # not while somebody waits
            return 200, "1"

    class Quick:
        def answer(self, verb, path, body=b""):
            return 200, "2"

    current = Current(Loaded(Slow(), lambda: closed.append(1)))
    thread = threading.Thread(target=lambda: answers.append(current.answer("GET", "/")))
    thread.start()
    asked.wait(10)
    current.switch_to(Loaded(Quick(), lambda: closed.append(2)))
    assert current.answer("GET", "/") == (200, "2") and closed == []
    go_on.set()
    thread.join(10)
    assert (answers, closed) == ([(200, "1")], [1])
    current.close()
    assert closed == [1, 2]


def test_the_page_has_the_version_that_answers():
    page = Playground([Shown("a", 1, "text"), Shown("b", 1, "text")])
    page.show(Shown("a", 2, "text"))
    told = json.loads(page.answer("GET", MODELS)[1])
    assert [(each["name"], each["version"]) for each in told] == [("a", 2), ("b", 1)]


LOOKS = [(".", 0.01, 2), ("1", 0.01, 1), (".", 0, 1)]


@pytest.mark.parametrize(("named", "seconds", "expected"), LOOKS)
def test_the_command_looks_for_versions(folder, monkeypatch, named, seconds, expected):
    """Of an export, unless one version is named, or it is not to look."""

    def load(model):
        return Loaded(RestApi(NoExport(), None, "m", model.version.number)), None

    monkeypatch.setattr(command, "_loaded", load)
    served = command._opened(command._source(folder / named, "m"), None)
    with ExitStack() as stack:
        current, _ = command._current(served, Playground([]), seconds, stack)
        write(folder, 2)
        until = time.monotonic() + (10 if expected == 2 else 0.2)
        version = 1
        while version == 1 and time.monotonic() < until:
            time.sleep(0.01)
            (state,) = json.loads(current.answer("GET", "/v1/models/m")[1])["model_version_status"]
            version = int(state["version"])
    assert version == expected
