"""Asks an export of each kind mixed requests for a long time, from several threads at once.

    make soak                                     100,000 requests a kind and a way
    make soak REQUESTS=5000 KINDS="text images"

Each kind is asked in two ways, each in a process of its own: by the functions of the SavedModel,
and over HTTP by what `regard serve` runs. Texts are of all lengths and scripts, empty ones and bad
UTF-8 among them, images of several sizes and formats, batches of 1 to 64, and some requests are
mistakes. Every answer is compared with that of the same request asked alone before.

It prints a row for each: requests, wrong answers, memory (RSS) after a warm-up, by how much that
has grown at the end, and how much TensorFlow traced after the warm-up. It exits with 1 if an answer
is wrong, memory has grown by 2% or more, or anything was traced.
"""

import argparse
import atexit
import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

KINDS = ("text", "pairs", "several", "values", "tokens", "images", "translation")
WAYS = ("functions", "serve")
DISTINCT = 200  # requests, asked again and again
WARM_UP = 5000  # requests, or half of them: libraries keep kernels for each size of a batch
MOST_DRIFT = 0.02
TOLERANCE = 1e-3  # of scores: a batch that others are in is rounded otherwise
WORDS = (
    *("the", "room", "was", "clean", "good", "bad", "房间", "很", "干净", "über", "naïve", "שלום"),
    *("नमस्ते", "😀", "[MASK]", "\x00", "\u202e", ""),
)


def make_export(kind: str, folder: Path) -> None:
    """Trains a small run of a kind, and exports it."""
    import small_runs

    parts = {}
    if kind == "pairs":
        parts = {"parts": [_pairs(small_runs.reviews(*each)) for each in ((220, 0), (30, 1))]}
    task = "text" if kind == "pairs" else kind
    small_runs.fit(task, folder / "run", **parts).export(folder / "export")


def _pairs(data):
    """Returns reviews, each with another one beside it."""
    return replace(data, pairs=data.texts[::-1], pair_column="second")


def draw_input(kind: str, draw: random.Random) -> list[bytes]:
    """Draws what one row of a request asks of a kind of model."""
    if kind == "images":
        from image_files import encode, picture

        pixels = picture(
            draw.choice((1, 5, 40, 300)), draw.choice((1, 7, 64, 200)), draw.randrange(99)
        )
        return [encode(pixels, draw.choice(("PNG", "JPEG", "BMP", "GIF")))]
    return [_draw_text(draw) for _ in range(2 if kind == "pairs" else 1)]


def _draw_text(draw: random.Random) -> bytes:
    count = draw.choice((0, 1, 3, 8, 20, 60, 300))
    text = " ".join(draw.choices(WORDS, k=count)).encode()
    return text + draw.choice((b"", b"", b"\xff\xfe", b"\xed\xa0\x80"))


def requests_of(kind: str) -> list[list[list[bytes]]]:
    """Returns the rows of some requests; a request without rows is a mistake."""
    draw = random.Random(0)
    sizes = [draw.choice((0, 1, 1, 1, 1, 2, 3, 8, 17, 64)) for _ in range(DISTINCT)]
    return [[draw_input(kind, draw) for _ in range(size)] for size in sizes]


class Functions:
    """Asks the signature of a loaded SavedModel."""

    def __init__(self, export: Path):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401

        self.loaded = tf.saved_model.load(str(next(export.glob("[0-9]*"))))
        self.function = self.loaded.signatures["serving_default"]
        self.names = sorted(self.function.structured_input_signature[1], reverse=True)
        self.pid = os.getpid()

    def ask(self, rows):
        import tensorflow as tf

        columns = list(zip(*rows, strict=True)) or [["no image"]] * len(self.names)
        given = {n: tf.constant(c) for n, c in zip(self.names, columns, strict=True)}
        if not rows:
            given = {name: tf.constant([[b"x"]]) for name in self.names}
        try:
            return {name: value.numpy().tolist() for name, value in self.function(**given).items()}
        except Exception as error:
            return type(error).__name__

    def traces(self) -> int:
        from tensorflow.python.eager import context

        return len(context.context().list_function_names())


class Served:
    """Asks `regard serve`, which runs in a process of its own."""

    def __init__(self, export: Path):
        command = [sys.executable, __file__, "--serve", str(export)]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, **pipes, text=True)
        atexit.register(self.process.kill)
        self.pid = self.process.pid
        self.port = next(
            int(line.rpartition(" until")[0].rpartition(":")[2])
            for line in self.process.stderr
            if " until" in line
        )
        self.said, self.local = [], threading.local()
        threading.Thread(target=self._listen, daemon=True).start()
        found = json.loads(self._request("GET", "/metadata"))["metadata"]["signature_def"]
        self.names = sorted(found["signature_def"]["serving_default"]["inputs"], reverse=True)

    def _listen(self) -> None:
        self.said += (line for line in self.process.stderr)

    def _request(self, verb: str, path: str, body: bytes | None = None) -> bytes:
        if not hasattr(self.local, "line"):
            self.local.line = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            self.local.line.request(verb, f"/v1/models/export{path}", body)
            return self.local.line.getresponse().read()
        except (ConnectionError, HTTPException):  # the server ends one that was idle
            self.local.line.close()
            self.local.line.request(verb, f"/v1/models/export{path}", body)
            return self.local.line.getresponse().read()

    def ask(self, rows):
        packed = [[{"b64": base64.b64encode(each).decode()} for each in row] for row in rows]
        instances = [dict(zip(self.names, row, strict=True)) for row in packed]
        body = json.dumps({"instances": instances}).encode()
        return json.loads(self._request("POST", ":predict", body if rows else body[:-2]))

    def traces(self) -> int:
        before = len(self.said)
        self.process.send_signal(signal.SIGUSR1)
        while len(self.said) == before:
            time.sleep(0.05)
        return int(self.said[-1].split()[-1])


def serve(export: Path) -> None:
    """Runs `regard serve`, and says how many functions were traced when asked by a signal."""
    from tensorflow.python.framework.func_graph import FuncGraph

    from regard.recipes.cli import main

    count, begin = [0], FuncGraph.__init__

    def counted(self, *arguments, **options):
        count[0] += 1
        begin(self, *arguments, **options)

    FuncGraph.__init__ = counted
    signal.signal(signal.SIGUSR1, lambda *_: print("traced", count[0], file=sys.stderr, flush=True))
    main(["serve", str(export), "--port", "0", "--name", "export"])


def alike(first, second) -> bool:
    """Returns whether two answers are the same but for rounding."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(alike(first[n], second[n]) for n in first)
    if isinstance(first, list) and isinstance(second, list):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(alike(*each) for each in pairs)
    if isinstance(first, float) and isinstance(second, float):
        return bool(np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE))
    return first == second


def memory_of(pid: int) -> int:
    """Returns the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def soak(kind: str, way: str, export: Path, number: int, threads: int) -> list:
    """Asks in one way, and returns the figures of a row."""
    asked = requests_of(kind)
    server = Functions(export) if way == "functions" else Served(export)
    expected = [server.ask(rows) for rows in asked]
    order = random.Random(1).choices(range(DISTINCT), k=number)
    wrong = 0
    began = time.time()
    with ThreadPoolExecutor(threads) as pool:

        def is_wrong(index: int) -> bool:
            return not alike(server.ask(asked[index]), expected[index])

        warm_up = max(number // 10, min(number // 2, WARM_UP))
        wrong += sum(pool.map(is_wrong, order[:warm_up]))
        before, traces = memory_of(server.pid), server.traces()
        wrong += sum(pool.map(is_wrong, order[warm_up:]))
    drift, traced = memory_of(server.pid) / before - 1, server.traces() - traces
    speed = number / (time.time() - began)
    return [kind, way, number, wrong, before // 2**20, f"{drift:+.2%}", traced, round(speed)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--exports", type=Path, help="a folder with KIND/VERSION of each")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
    if given.make:
        make_export(given.make, given.exports)
        return 0
    if given.one:
        print(json.dumps(soak(*given.one, given.exports, given.requests, given.threads)))
        return 0
    titles = "kind", "way", "requests", "wrong", "MB", "drift", "traced", "a second"
    print("".join(f"{each:>12}" for each in titles), flush=True)
    is_good = True
    with TemporaryDirectory() as folder:
        for kind in given.kinds:
            export = given.exports / kind if given.exports else Path(folder, kind, "export")
            if not given.exports:
                export.parent.mkdir()
                command = [sys.executable, __file__, "--make", kind, "--exports", export.parent]
                subprocess.run(command, check=True, capture_output=True)
            for way in WAYS:
                row = _in_a_process(kind, way, export, given)
                print("".join(f"{each:>12}" for each in row), flush=True)
                is_good &= not row[3] and float(row[5][:-1]) < 100 * MOST_DRIFT and not row[6]
    return int(not is_good)


def _in_a_process(kind: str, way: str, export: Path, given) -> list:
    command = [sys.executable, __file__, "--one", kind, way, "--exports", str(export)]
    command += ["--requests", str(given.requests), "--threads", str(given.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{kind}, {way}: {done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
