"""How `regard serve` answers together what is asked at once."""

import threading
import time

import numpy as np
import pytest
from json_requests import strings

from regard.recipes.server.batcher import MOST_ROWS, Batcher
from regard.recipes.server.status import Refused


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


def test_some_signatures_are_answered_one_by_one(slow):
    batcher = Batcher(slow.run, {"alone"})
    requests = [(name, strings(b"1")) for name in ("alone", "a") for _ in range(10)]
    assert ask_at_once(batcher, requests) == [[b"1"]] * 20
    batcher.close(5)
    assert slow.batches.count(1) >= 10 and sum(slow.batches) == 20 and max(slow.batches) > 1


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
