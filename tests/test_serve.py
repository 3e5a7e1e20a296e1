"""`regard serve`: an export and a run, asked over HTTP as TensorFlow Serving would be."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from commands import mistake, regard_here
from regard.recipes.cli import next_steps
from regard.recipes.cli import serve as serve_command

CLIENTS, REQUESTS = 8, 25
TEXTS = ["A lovely hotel.", "", "房间很干净。", "Dirty, and far too loud. " * 20, "😀 ok"]


class Client:
    """Asks a server, again and again on one connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(*address, timeout=60)

    def ask(self, path, body=None, verb=None, **headers):
        """Returns the status and the JSON of an answer."""
        body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        verb = verb or ("GET" if body is None else "POST")
        self.connection.request(verb, f"/v1/models{path}", body, headers)
        response = self.connection.getresponse()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(response.read())


@contextmanager
def serving(export, *options):
    """Starts a server as people do; yields its process and address once it is ready."""
    command = [sys.executable, "-m", "regard.recipes.cli", "serve", str(export), "--port", "0"]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        said = process.stderr.readline()
        process.address = re.search(r"http://([\d.]+):(\d+) ", said).groups()
        process.said = said
        yield process
    finally:
        process.kill()
        process.communicate()  # closes what it says


@pytest.fixture(scope="module")
def server(plain_export):
    with serving(plain_export("text").parent, "--name", "reviews") as process:
        yield process


@pytest.fixture
def client(server):
    return Client(server.address)


@pytest.fixture(scope="module")
def names(plain_export):
    return (plain_export("text") / "assets" / "labels.txt").read_text("utf-8").splitlines()


def test_it_says_where_it_is_and_how_to_ask(server):
    host, port = server.address
    assert host == "127.0.0.1"
    assert (
        server.said == f"Serving reviews, version 1, at http://{host}:{port} until Ctrl-C. Try:\n"
    )


def test_status(client):
    state = {"version": "1", "state": "AVAILABLE"}
    status = {"error_code": "OK", "error_message": ""}
    expected = 200, {"model_version_status": [{**state, "status": status}]}
    assert client.ask("/reviews") == client.ask("/reviews/versions/1") == expected


def test_metadata(client, names):
    status, found = client.ask("/reviews/metadata")
    assert status == 200 and client.ask("/reviews/versions/1/metadata") == (200, found)
    assert found["model_spec"] == {"name": "reviews", "signature_name": "", "version": "1"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    batch, classes = ({"size": size, "name": ""} for size in ("-1", str(len(names))))
    assert signatures["serving_default"]["inputs"]["texts"]["dtype"] == "DT_STRING"
    scores = signatures["serving_default"]["outputs"]["scores"]
    assert scores["tensor_shape"] == {"dim": [batch, classes], "unknown_rank": False}
    assert signatures["classify"]["method_name"] == "tensorflow/serving/classify"


def test_predictions(client, names):
    status, rows = client.ask("/reviews:predict", {"instances": TEXTS})
    assert status == 200
    for row in rows["predictions"]:
        assert row.keys() == {"label", "score", "classes", "scores"} and row["classes"] == names
        assert row["score"] == max(row["scores"]) and sum(row["scores"]) == pytest.approx(1)
        assert row["label"] == names[row["scores"].index(row["score"])]
    columns = {name: [row[name] for row in rows["predictions"]] for name in rows["predictions"][0]}
    expected = 200, {"outputs": columns}
    encoded = [{"b64": base64.b64encode(text.encode()).decode()} for text in TEXTS]
    for body in (
        {"inputs": TEXTS},
        {"inputs": {"texts": TEXTS}},
        {"inputs": {"texts": encoded}, "signature_name": "serving_default"},
    ):
        assert client.ask("/reviews/versions/1:predict", body) == expected
    named = [{"texts": text} for text in TEXTS]
    assert client.ask("/reviews:predict", {"instances": named}) == (200, rows)


def test_no_texts_are_no_error_in_columns(client):
    status, found = client.ask("/reviews:predict", {"inputs": []})
    assert (status, found["outputs"]["label"], found["outputs"]["scores"]) == (200, [], [])


def test_bytes_that_are_no_utf8_are_an_answer(client):
    status, found = client.ask("/reviews:predict", b'{"instances": ["a \xff\xfe hotel"]}')
    assert status == 200 and len(found["predictions"]) == 1


def test_classes(client, names):
    examples = [{"text": text} for text in TEXTS]
    body = {"signature_name": "classify", "examples": examples}
    status, found = client.ask("/reviews:classify", body)
    _, predicted = client.ask("/reviews:predict", {"instances": TEXTS})
    assert status == 200
    assert [dict(row) for row in found["results"]] == [
        dict(zip(names, row["scores"], strict=True)) for row in predicted["predictions"]
    ]
    context = {"signature_name": "classify", "context": examples[0], "examples": [{}]}
    status, alone = client.ask("/reviews:classify", context)
    assert status == 200
    (rows,), expected = alone["results"], found["results"][0]  # alone, and in company
    assert [name for name, _ in rows] == [name for name, _ in expected]
    scores = [score for _, score in rows]
    assert scores == pytest.approx([score for _, score in expected], abs=1e-5)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/reviews:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("/reviews:predict", b'{"instances": [', 400, "JSON Parse error: "),
        ("/reviews:predict", b"[" * 100_000, 400, "JSON Parse error: "),
        ("/reviews:predict", {"instances": [7]}, 400, "JSON Value: 7 Type: Number is not of"),
        ("/reviews:predict", {"instances": [{"text": "a"}]}, 400, "not have named input: text"),
        ("/reviews:predict", {"instances": [["a"]]}, 400, "shape"),
        ("/reviews:predict", {"inputs": "a"}, 400, "shape"),
        ("/reviews:predict", {"texts": ["a"]}, 400, "Missing 'inputs' or 'instances' key"),
        ("/reviews/versions/2:predict", {"instances": ["a"]}, 404, "Specific(reviews, 2)"),
        ("/other:predict", {"instances": ["a"]}, 404, "Latest(other)"),
        ("/reviews/labels/stable:predict", {"instances": ["a"]}, 400, "label: stable"),
        ("/reviews:classify", {"examples": [{"text": "a"}]}, 400, "output Tensors, found 4"),
        ("/reviews:regress", {"examples": [{"text": "a"}]}, 400, "Expected one output Tensor."),
        (
            "/reviews:classify",
            {"signature_name": "classify", "examples": [{"txt": "a"}]},
            400,
            "Feature: text (data type: string) is required",
        ),
        (
            "/reviews:classify",
            {"signature_name": "classify", "examples": [{"text": 1}]},
            400,
            "Key: text, Index: 0. Data types don't match.",
        ),
        ("/reviews/versions/2", None, 404, "Could not find version 2 of model reviews"),
        ("/other/metadata", None, 404, "Servable not found for request: Latest(other)"),
    ],
)
def test_what_is_refused(client, path, body, status, said):
    found, answer = client.ask(path, body)
    assert found == status and answer.keys() == {"error"}
    assert said in answer["error"] and "\n" not in answer["error"]


def test_a_body_that_is_too_long_is_refused_before_it_is_read(client):
    status, answer = client.ask("/reviews:predict", b"", **{"Content-Length": str(2**40)})
    assert status == 413 and "bytes at most" in answer["error"]


def test_many_clients_each_get_their_own_answers(server, client):
    texts = [f"A hotel {'very ' * (number % 7)}number {number}" for number in range(REQUESTS)]
    _, alone = client.ask("/reviews:predict", {"instances": texts})
    wrong = []

    def ask(number):
        client = Client(server.address)
        for turn in range(REQUESTS):
            text = (turn * 3 + number) % REQUESTS
            status, answer = client.ask("/reviews:predict", {"instances": [texts[text]]})
            expected = alone["predictions"][text]
            if status != 200 or not is_near(answer["predictions"], [expected]):
                wrong.append((text, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def is_near(found, expected):
    return len(found) == len(expected) and all(
        np.allclose(one["scores"], other["scores"], rtol=0, atol=1e-5)
        and one["classes"] == other["classes"]
        for one, other in zip(found, expected, strict=True)
    )


def test_the_page_of_an_export(server):
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    connection.request("GET", "/")
    page = connection.getresponse()
    assert (page.status, "<title>regard serve</title>" in page.read().decode()) == (200, True)
    connection.request("GET", "/playground/models")
    (told,) = json.loads(connection.getresponse().read())
    assert (told["name"], told["kind"], told["attends"]) == ("reviews", "text", False)
    assert "regard serve RUN" in told["note"]
    connection.request("GET", "/v1/models/reviews", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 403


def test_a_port_that_is_taken_is_one_line(server, plain_export):
    said = mistake("serve", plain_export("text"), "--port", server.address[1])
    assert re.fullmatch(r"Error: 127\.0\.0\.1, port \d+, cannot be .* in use.*--host\.\n", said)


def test_it_ends_when_it_is_told_to_and_says_nothing_else(server):
    """The last of those that ask this server."""
    server.terminate()
    assert (server.wait(60), server.stdout.read()) == (0, "")
    command, page, stopped = server.stderr.read().splitlines()
    address = "http://{}:{}".format(*server.address)
    assert command == f"  {next_steps.ask(address, 'reviews', {'texts': 'string'})}"
    assert page == f"or open {address} in a browser."
    assert stopped == "Stopped."


def test_a_run_is_exported_to_a_folder_that_does_not_stay(
    plain_run, plain_export, tmp_path, monkeypatch
):
    class Run:
        def export(self, folder):
            assert Path(folder).is_relative_to(tmp_path)
            return shutil.copytree(plain_export("text"), Path(folder) / "1")

    monkeypatch.setattr(serve_command, "load_run", lambda run: Run())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answers = []

    def ask_and_stop(answer, taken, tell):
        def tell_and_ask():
            tell()
            client = Client(taken.getsockname()[:2])

            def ask():
                answers.append(client.ask(f"/{plain_run('text').name.replace(' ', '%20')}"))
                os.kill(os.getpid(), signal.SIGINT)

            threading.Thread(target=ask).start()

        real(answer, taken, tell_and_ask)

    from regard.recipes.server import http as server_http

    real = server_http.serve
    monkeypatch.setattr(server_http, "serve", ask_and_stop)
    done = regard_here("serve", plain_run("text"), "--port", 0)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Exporting ") and done.stderr.endswith("\nStopped.\n")
    assert answers[0][0] == 200
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_served(tmp_path, plain_export):
    assert "neither a run nor an export" in mistake("serve", tmp_path)
    assert "There is no directory" in mistake("serve", tmp_path / "none")
    assert "must not be empty" in mistake("serve", tmp_path, "--name", "")
    assert "Invalid value for '--port'" in mistake("serve", tmp_path, "--port", "70000")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no graph")
    assert re.search(r"Error: .*1 cannot be served: .+\n$", mistake("serve", tmp_path, "--port", 0))


def test_models_have_names_of_their_own(tmp_path):
    folders = [tmp_path / "one" / "served", tmp_path / "two" / "served"]
    for folder in folders:
        (folder / "1").mkdir(parents=True)
        (folder / "1" / "saved_model.pb").touch()
    assert "two of the folders are called served" in mistake("serve", *folders)
    assert "goes with one model. Received: 2" in mistake("serve", *folders, "--name", "a")
    assert serve_command._source(folders[0], None).run is None
    (tmp_path / "one" / "run.json").touch()  # the export lies in its run
    assert serve_command._source(folders[0] / "1", "a")[1::2] == ("a", tmp_path / "one")


def test_attention_is_that_of_the_run(plain_run):
    """Also from the thread that the page has it from."""
    from regard import TextRun
    from regard.recipes.server.lane import Lane

    attend = serve_command._later(plain_run("text"))
    found = Lane(1).submit(lambda: attend(TEXTS[0])).result(60)
    expected = TextRun.load(plain_run("text")).attention(TEXTS[0])
    np.testing.assert_array_equal(found.weights, expected.weights)


def test_a_graph_that_writes_files_is_not_loaded(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string)

    def write(texts):
        tf.io.write_file("written", texts[0])
        return {"texts": texts}

    function = tf.function(write, autograph=False).get_concrete_function(spec)
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": function})
    said = mistake("serve", tmp_path, "--port", 0)
    assert "cannot be served: it reads or writes files: WriteFile" in said


@pytest.fixture(scope="module")
def api(plain_export):
    """Gives the API of a task's export, in this process: `api(task)`."""
    from regard.recipes.server.batcher import Batcher
    from regard.recipes.server.rest import RestApi
    from regard.recipes.server.saved_model import SavedModel

    def of(task):
        model = SavedModel(plain_export(task))
        model.warm_up(plain_export(task))
        api = RestApi(model, Batcher(model.ask, model.widened).ask, task, 1)

        def ask(body, method="predict"):
            status, text = api.answer(
                "POST", f"/v1/models/{task}:{method}", json.dumps(body).encode()
            )
            return status, json.loads(text)

        return ask

    return of


def test_words_have_the_width_that_they_have_alone(api):
    """Whatever others ask at the same time."""
    ask = api("tokens")
    asked = [{"instances": ["word " * count]} for count in (1, 40, 2, 30, 0, 50)]
    alone = [ask(each) for each in asked]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, asked * 5)) == alone * 5
    widths = [len(found["predictions"][0]["tokens"]) for _, found in alone]
    assert widths == [1, 40, 2, 30, 0, 50]


def test_images(api):
    import tensorflow as tf

    ask = api("images")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype("uint8")
    encoded = {"b64": base64.b64encode(tf.io.encode_png(pixels).numpy()).decode()}
    status, found = ask({"instances": [{"image_bytes": encoded}] * 2})
    assert status == 200 and len(found["predictions"]) == 2
    first, second = (each["scores"] for each in found["predictions"])
    assert first == pytest.approx(second, abs=1e-6)  # a place in a batch may round otherwise
    assert ask({"instances": [encoded] * 2}) == (200, found)
    status, by_pixels = ask({"signature_name": "images", "inputs": [pixels.tolist()]})
    assert status == 200
    assert by_pixels["outputs"]["scores"][0] == pytest.approx(found["predictions"][0]["scores"])
    status, bad = ask({"instances": [encoded, {"b64": "bm8gaW1hZ2U="}]})
    assert status == 400 and "[1]" in bad["error"] and "\n" not in bad["error"]
    status, bad = ask({"examples": [{"image_bytes": encoded}]}, "classify")
    assert (status, bad) == (400, {"error": "Expected one or two output Tensors, found 4"})


def test_a_translator(api):
    ask = api("translation")
    status, found = ask({"instances": ["a", ""]})
    assert status == 200 and found["predictions"][1] == {"translations": "", "scores": 0.0}
    status, bad = ask({"examples": [{"texts": "a"}]}, "classify")
    assert status == 400 and bad["error"].startswith("No classification inputs found")
