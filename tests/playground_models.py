"""Serves models that answer at once, for the tests of the page of `regard serve`."""

import json
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import numpy as np
import uvicorn
from test_attention_page import MARKUP, image, softmax, text, tokens, translation, weights

from regard.recipes.attention.arrays import AttentionArrays, Outcome, self_attention
from regard.recipes.errors import UserError
from regard.recipes.server import http
from regard.recipes.server.dispatch import Dispatch, NoExport
from regard.recipes.server.playground import Playground, Shown
from regard.recipes.server.rest import RestApi, Signature
from regard.recipes.server.status import Refused

CLASSES = [f"good {MARKUP}", "bad"]
MANY = [f"{name} {number}" for number in range(250) for name in ("rose", "tulip", "蓝", "lily")]
LABELLED = {"label": "string", "score": "float", "classes": "string", "scores": "float"}


class Model:
    """Has the functions of an export, as far as the API of one asks."""

    def __init__(self, inputs, outputs=LABELLED):
        self.metadata = {}
        dtypes = dict.fromkeys(inputs, "string")
        self.signatures = {"serving_default": Signature(dtypes, outputs)}


def classify(classes):
    scores = softmax(np.float32([0.9] + [0.0] * (len(classes) - 1)))
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


TRANSLATED = {"translations": "string", "scores": "float"}
ALONE = (None, "An export alone.")
MODELS = [
    (Shown("reviews", 3, "text", attend), Model(["texts"]), classify(CLASSES)),
    (Shown("pairs", 1, "pair", *ALONE), Model(["texts", "pairs"]), classify(CLASSES)),
    (
        Shown("flowers", 1, "image", lambda _: image()),
        Model(["image_bytes"]),
        classify(["cat", "dog"]),
    ),
    (Shown("many", 1, "text", *ALONE), Model(["texts"]), classify(MANY)),
    (
        Shown("en-de", 1, "translation", lambda _: translation([translation()])),
        Model(["texts"], TRANSLATED),
        translate,
    ),
    (Shown("pretrained", 1, "mask", masked, mask="[MASK]"), NoExport(), None),
    (Shown("other", 1, "other", *ALONE), Model(["texts"]), classify(CLASSES)),
]


@contextmanager
def serving(models=MODELS, is_local=True):
    apis = {each.name: RestApi(model, ask, each.name, each.version) for each, model, ask in models}
    dispatch = Dispatch(Playground([shown for shown, *_ in models]), apis)
    with http.bound("127.0.0.1", 0) as taken:
        application = http.application(dispatch.answer, is_local)
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def fetch(url, path, body=None, verb=None, **headers):
    """Returns the status, headers and text of an answer."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = body if body is None or isinstance(body, str) else json.dumps(body)
    connection.request(verb or ("POST" if body is not None else "GET"), path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()
