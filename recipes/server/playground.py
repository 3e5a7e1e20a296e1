"""Answers what a browser asks for: the page on which people try the models that are served.

The page asks for predictions as every client does, by TensorFlow Serving's REST API. What that has
not, attention, it asks for at a path of its own, which computes it in a thread of its own.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from ..attention import page as attention_page
from ..attention.arrays import AttentionArrays
from ..errors import UserError
from .json_answers import write_error
from .json_text import read_object
from .lane import Lane
from .rest import Signature
from .status import Code, Refused

ATTEND = "/playground/attend"
MODELS = "/playground/models"
MOST_BYTES = 32 * 2**20  # of a question: a photograph of 24 MB as base64
MOST_CHARACTERS = 100_000  # of a text: more takes the thread from others for too long
MOST_WAITING = 4
WEB = Path(__file__).parent / "web"
SCRIPTS = ("ask", "command", "answers", "inputs", "tries", "playground")  # each uses those above it
# Nothing but the page's own files runs or loads, and no text is taken for markup or script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
JSON = "application/json"
# What a model is asked, by the names of its inputs, and which of its outputs tells more.
CLASSIFIED = {("texts",): "text", ("pairs", "texts"): "pair", ("image_bytes",): "image"}
KINDS = {
    **{
        (inputs, output): kind
        for inputs, kind in CLASSIFIED.items()
        for output in ("label", "chosen", "value")  # one label, several, or a number
    },
    (("texts",), "translations"): "translation",
    (("texts",), "labels"): "tokens",
}

Question = str | tuple[str, str] | bytes


class Shown(NamedTuple):
    """Holds what the page has of a model.

    Attributes:
        name: What it is called in paths.
        version: Its number.
        kind: "text", "pair", "image", "translation", "tokens", "mask", or "other" for what is asked
            in JSON.
        attend: Tells what the model attends to in a text, a pair of texts or the bytes of an image;
            None if nothing does.
        note: Why there is no attention, in a line.
        mask: The token that a masked language model fills in.
    """

    name: str
    version: int
    kind: str
    attend: Callable[[Any], AttentionArrays] | None = None
    note: str = ""
    mask: str = ""

    def told(self) -> dict[str, Any]:
        """Returns what the page is told of it, for JSON."""
        others = {name: value for name, value in self._asdict().items() if name != "attend"}
        return {**others, "attends": self.attend is not None}


def kind_of(signature: Signature | None) -> str:
    """Returns which kind of model has a signature; see `Shown`."""
    if signature is not None:
        names = tuple(sorted(signature.inputs))
        for (inputs, output), kind in KINDS.items():
            if names == inputs and output in signature.outputs:
                return kind
    return "other"


class Playground:
    """Answers the requests of a browser for models."""

    def __init__(self, models: Sequence[Shown]):
        self._models = {each.name: each for each in models}
        self._lane = Lane(MOST_WAITING)
        self._files = _files()

    def show(self, model: Shown) -> None:
        """Shows a model, in place of the one of its name if there is one."""
        self._models = {**self._models, model.name: model}

    def answer(self, verb: str, path: str, body: bytes = b"") -> tuple | Future | None:
        """Returns the status, text, type and headers of an answer; None if the page has none."""
        if verb in ("GET", "HEAD") and path in self._files:
            return 200, *self._files[path], HEADERS
        if verb in ("GET", "HEAD") and path == MODELS:
            told = [each.told() for each in self._models.values()]
            return 200, json.dumps(told), JSON, HEADERS
        if (verb, path) != ("POST", ATTEND):
            return None
        if len(body) > MOST_BYTES:
            return _wrong(413, f"Attention is shown of {MOST_BYTES} bytes at most.")
        try:
            document = read_object(body)
            model = self._model(document.get("model"))
            question = read_question(model.kind, document.get("inputs"))
            return self._lane.submit(lambda: _attend(model, question))
        except Refused as refusal:
            return _wrong(refusal.http_status, str(refusal))

    def _model(self, name: Any) -> Shown:
        model = self._models.get(name) if isinstance(name, str) else None
        if model is None:
            raise Refused(f"No model is called {name!r:.100}", Code.NOT_FOUND)
        if model.attend is None:
            raise Refused(model.note, Code.UNIMPLEMENTED)
        return model


def read_question(kind: str, inputs: Any) -> Question:
    """Returns what a model of a kind is asked, of JSON as for the REST API.

    Raises:
        Refused: If it is not that, or is too long.
    """
    wanted = {"pair": ("texts", "pairs"), "image": ("image_bytes",)}.get(kind, ("texts",))
    if not isinstance(inputs, dict) or set(inputs) != set(wanted):
        raise Refused(f"`inputs` must have {' and '.join(wanted)}.")
    if kind == "image":
        return _decoded(inputs["image_bytes"])
    texts = tuple(inputs[name] for name in wanted)
    for text in texts:
        if not isinstance(text, str):
            raise Refused(f"A text must be a string. Received: {text!r:.100}")
        if len(text) > MOST_CHARACTERS:
            raise Refused(
                f"Attention is shown of texts of up to {MOST_CHARACTERS:,} characters. Received: "
                f"one of {len(text):,}"
            )
    return texts if kind == "pair" else texts[0]


def _decoded(value: Any) -> bytes:
    encoded = value.get("b64") if isinstance(value, dict) else None
    try:
        return base64.b64decode(encoded, validate=True)
    except (TypeError, binascii.Error, ValueError) as error:
        raise Refused('An image must be {"b64": ...}, its file in base64.') from error


def _attend(model: Shown, question: Question) -> tuple:
    try:
        data = attention_page.page_data(model.attend(question))
    except UserError as error:
        return _wrong(400, str(error))
    # A browser, perhaps of another machine, needs not know the folders of this one.
    return 200, json.dumps({**data, "subject": ""}), JSON, HEADERS


def _wrong(status: int, message: str) -> tuple[int, str, str, Mapping[str, str]]:
    return status, write_error(" ".join(message.split())), JSON, HEADERS


def _files() -> dict[str, tuple[str, str]]:
    """Returns the text and the type of each file of the page, by its path."""
    sections = (attention_page.WEB / "sections.html").read_text("utf-8")
    page = Template((WEB / "page.html").read_text("utf-8")).substitute(attention=sections)
    scripts = [attention_page.WEB / f"{name}.js" for name in attention_page.SCRIPTS]
    scripts += [WEB / f"{name}.js" for name in SCRIPTS]
    styles = [*(attention_page.WEB / name for name in attention_page.STYLES), WEB / "page.css"]
    script = "".join(path.read_text("utf-8") for path in scripts)
    return {
        "/": (page, "text/html"),
        "/playground/page.js": (f'(() => {{\n"use strict";\n{script}}})();\n', "text/javascript"),
        "/playground/page.css": ("".join(path.read_text("utf-8") for path in styles), "text/css"),
    }
