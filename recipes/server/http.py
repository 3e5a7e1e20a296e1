"""Speaks HTTP: takes requests, and hands them to what answers them."""

import asyncio
import logging
import os
import signal
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..errors import UserError
from .guard import is_loopback, refusal
from .json_answers import write_error

MOST_BYTES = 64 * 2**20  # of a body, unpacked: dozens of photographs as base64
SHUTDOWN_SECONDS = 10  # for requests that are being answered
IDLE_SECONDS = 30  # for the next request of a connection: TF Serving's rest_api_timeout_in_ms
_GZIP = 16 + zlib.MAX_WBITS  # zlib's sign for its header

logger = logging.getLogger("regard")

# The status and the text of an answer, then, if it is not JSON alone, its type and more headers; or
# what will hold that, for which no thread of the requests waits.
Answer = tuple[int, str] | tuple[int, str, str, Mapping[str, str]] | Future
# Takes the verb, the path and the body of a request.
Answerer = Callable[[str, str, bytes], Answer]


class _TooLong(Exception):
    """Says that a body is longer than may be."""


def application(answer: Answerer, is_local: bool = False) -> Callable:
    """Makes the ASGI application that answers every request by a function, in a thread.

    Where it `is_local`, what the pages of other sites ask is refused.
    """

    async def respond(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            reason = refusal(request.headers) if is_local else ""
            refused = _response(403, write_error(reason)) if reason else None
            response = refused or await _respond(request, answer)
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
        return _response(413, write_error(f"A request may have {MOST_BYTES} bytes at most."))
    except zlib.error as error:
        return _response(400, write_error(f"The request cannot be unpacked by gzip: {error}"))
    try:
        found = await run_in_threadpool(answer, request.method, path.decode("latin-1"), body)
        return _response(
            *(await asyncio.wrap_future(found) if isinstance(found, Future) else found)
        )
    except Exception as error:
        logger.exception("A request could not be answered.")
        return _response(500, write_error(" ".join(f"{type(error).__name__}: {error}".split())))


def _response(
    status: int,
    text: str,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(text.encode("utf-8", "surrogateescape"), status, headers, media_type)


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
    host = taken.getsockname()[0]
    config = uvicorn.Config(
        application(answer, is_local=is_loopback(host)),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=IDLE_SECONDS,
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
