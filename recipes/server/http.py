"""Speaks HTTP: takes requests, and hands them to what answers them."""

import logging
import os
import signal
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..errors import UserError
from .json_answers import write_error

MOST_BYTES = 64 * 2**20  # of a body, unpacked: dozens of photographs as base64
SHUTDOWN_SECONDS = 10  # for requests that are being answered
_GZIP = 16 + zlib.MAX_WBITS  # zlib's sign for its header

logger = logging.getLogger("regard")

# Takes the verb, the path and the body of a request; gives the status and the JSON of an answer.
Answerer = Callable[[str, str, bytes], tuple[int, str]]


class _TooLong(Exception):
    """Says that a body is longer than may be."""


def application(answer: Answerer) -> Callable:
    """Makes the ASGI application that answers every request by a function, in a thread."""

    async def respond(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await _respond(request, answer)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    return respond


async def _respond(request: Request, answer: Answerer) -> Response:
    path = request.scope.get("raw_path") or request.url.path.encode()
    if request.method == "OPTIONS":  # a browser asks before it asks: nothing is allowed to it
        return Response(status_code=200 if "origin" in request.headers else 400)
    try:
        body = _unpacked(await _body(request), request.headers.get("content-encoding", ""))
    except _TooLong:
        return _json(413, write_error(f"A request may have {MOST_BYTES} bytes at most."))
    except zlib.error as error:
        return _json(400, write_error(f"The request cannot be unpacked by gzip: {error}"))
    try:
        return _json(*await run_in_threadpool(answer, request.method, path.decode("latin-1"), body))
    except Exception as error:
        logger.exception("A request could not be answered.")
        return _json(500, write_error(" ".join(f"{type(error).__name__}: {error}".split())))


def _json(status: int, text: str) -> Response:
    body = text.encode("utf-8", "surrogateescape")
    return Response(body, status, media_type="application/json")


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BYTES:
        raise _TooLong
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise _TooLong
        parts.append(part)
    return b"".join(parts)


def _unpacked(body: bytes, encoding: str) -> bytes:
    if "gzip" not in encoding:
        return body
    unpacking = zlib.decompressobj(_GZIP)
    unpacked = unpacking.decompress(body, MOST_BYTES + 1)
    if len(unpacked) > MOST_BYTES:
        raise _TooLong
    if not unpacking.eof:
        raise zlib.error("it ends too early")
    return unpacked


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """Yields a socket that has an address, so that it is known to be free before any work.

    Raises:
        UserError: If the address cannot be had.
    """
    with _said_clearly(host, port):
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
    with taken:
        with _said_clearly(host, port):
            if os.name == "posix":  # else the port is taken for a minute after a server has ended
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
        yield taken


def serve(answer: Answerer, taken: socket.socket, tell: Callable[[], Any]) -> None:
    """Answers requests at an address until a signal ends it: SIGINT or SIGTERM.

    Requests that are being answered then have some seconds.

    Args:
        answer: What answers them.
        taken: The socket that `bound` gives.
        tell: Called when the first request can come.
    """
    config = uvicorn.Config(
        application(answer),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with _said_clearly(*taken.getsockname()[:2]):
        taken.listen(config.backlog)
    # Uvicorn raises the signal that ended it again, for whoever handled it before.
    handlers = {each: signal.signal(each, _pass) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        tell()
        uvicorn.Server(config).run(sockets=[taken])
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _pass(*_) -> None:
    """Does nothing about a signal: it has had its effect."""


@contextmanager
def _said_clearly(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{host}, port {port}, cannot be served at: {reason}. Pass another --port, or --host."
        ) from error
