"""Hands each request to what answers it: the page, or the API of one of several models."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

from .http import Answer
from .playground import Playground
from .rest import Signature

_NAME = re.compile(r"/v1/models/([^/:]+)", re.IGNORECASE)


class NoExport:
    """Stands for a model that the page shows, and that has no functions to ask over REST."""

    signatures: Mapping[str, Signature] = {}
    metadata: Mapping[str, Any] = {}


class Api(Protocol):
    """Answers what is asked of a model, as `RestApi` and `Current` do."""

    def answer(self, verb: str, path: str, body: bytes = b"") -> Answer:
        """Returns what answers a request; see `http.Answer`."""


class Dispatch:
    """Answers the requests of one server.

    Args:
        page: What answers those of browsers.
        apis: What answers those of TensorFlow Serving's REST API, by the names of models. What
            names none of them is refused by the first, as by a server that has one.
    """

    def __init__(self, page: Playground, apis: Mapping[str, Api]):
        self._page = page
        self._apis = apis

    def answer(self, verb: str, path: str, body: bytes = b"") -> Answer:
        """Returns what answers a request; see `http.Answer`."""
        found = self._page.answer(verb, path, body)
        return self._api(path).answer(verb, path, body) if found is None else found

    def _api(self, path: str) -> Api:
        first: Sequence[Api] = list(self._apis.values())
        match = _NAME.match(path)
        return self._apis.get(unquote(match[1]), first[0]) if match else first[0]
