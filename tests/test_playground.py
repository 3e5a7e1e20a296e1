"""The page of `regard serve`: what answers it, what it is safe from, and what it does in a browser."""

import base64
import io
import json
import shlex
import subprocess
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPConnection

import numpy as np
import pytest
import uvicorn
from PIL import Image
from test_attention_page import MARKUP, image, softmax, text, tokens, translation, weights

import browser
from regard.recipes.attention.arrays import AttentionArrays, Outcome, self_attention
from regard.recipes.errors import UserError
from regard.recipes.server import http
from regard.recipes.server.dispatch import Dispatch, NoExport
from regard.recipes.server.guard import is_loopback, refusal
from regard.recipes.server.lane import Lane
from regard.recipes.server.playground import ATTEND, HEADERS, Playground, Shown, read_question
from regard.recipes.server.rest import RestApi, Signature
from regard.recipes.server.status import Refused

CLASSES = [f"good {MARKUP}", "bad"]
MANY = [f"{name} {number}" for number in range(250) for name in ("rose", "tulip", "蓝", "lily")]
LABELLED = {"label": "string", "score": "float", "classes": "string", "scores": "float"}
needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium here")


class Model:
    """Has the functions of an export, as far as the API of one asks."""

    metadata = {}

    def __init__(self, inputs, outputs):
        dtypes = dict.fromkeys(inputs, "string")
        self.signatures = {"serving_default": Signature(dtypes, outputs)}


def classify(classes):
    scores = softmax(np.arange(len(classes), 0, -1) * 0.9 if len(classes) < 9 else 5 / (1 + np.arange(len(classes))))
    names = np.array([name.encode() for name in classes], object)

    def ask(_, inputs):
        (texts, *_) = inputs.values()
        if b"refuse" in texts:
            raise Refused(f"Input 0 <b>cannot</b> be read {MARKUP}")
        many = [texts.shape[0], 1]
        return {
            "label": np.repeat(names[:1], len(texts)),
            "score": np.repeat(scores[:1], len(texts)),
            "classes": np.tile(names, many),
            "scores": np.tile(scores, many),
        }

    return ask


def translate(_, inputs):
    return {"translations": np.array([b"Ein Hund rennt"], object), "scores": np.float32([-0.1])}


def masked(_):
    words = ["[CLS]", "The", "room", "was", "[MASK]", ".", "[SEP]"]
    return AttentionArrays(
        subject="a masked language model",
        prediction=None,
        title="clean",
        score=0.6,
        heads={"encoder": self_attention(tokens(words), weights(2, 3, 7, 7))},
        outcomes=[Outcome("clean", 0.6, 4), Outcome("dirty", 0.2, 4), Outcome(MARKUP, 0.1, 4)],
        contributions=np.random.default_rng(1).normal(size=(3, 7)),
    )


def attend(question):
    if question == "fail":
        raise UserError("There is\nno attention")
    return text()


MODELS = [
    (Shown("reviews", 3, "text", attend), Model(["texts"], LABELLED), classify(CLASSES)),
    (Shown("pairs", 1, "pair", None, "An export alone."), Model(["texts", "pairs"], LABELLED), classify(CLASSES)),
    (Shown("flowers", 1, "image", lambda _: image()), Model(["image_bytes"], LABELLED), classify(["cat", "dog"])),
    (Shown("many", 1, "text", None, "An export alone."), Model(["texts"], LABELLED), classify(MANY)),
    (Shown("en-de", 1, "translation", lambda _: translation([translation()])), Model(["texts"], {"translations": "string", "scores": "float"}), translate),
    (Shown("pretrained", 1, "mask", masked, mask="[MASK]"), NoExport(), None),
    (Shown("other", 1, "other", None, "An export alone."), Model(["texts"], LABELLED), classify(CLASSES)),
]


@contextmanager
def serving(models=MODELS):
    apis = {shown.name: RestApi(model, ask, shown.name, shown.version) for shown, model, ask in models}
    dispatch = Dispatch(Playground([shown for shown, *_ in models]), apis)
    with http.bound("127.0.0.1", 0) as taken:
        config = uvicorn.Config(http.application(dispatch.answer, True), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
