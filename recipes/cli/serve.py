"""Holds the command that tries an export over HTTP: `regard serve`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import gettempdir

import click

from ..errors import UserError
from ..runs.directories import holds_run
from ..runs.metadata import read_metadata
from ..runs.workspaces import workspace
from ..server.exports import Version, find_version
from . import options
from .next_steps import PORT, ask
from .support import load_run, quiet
from .terminal import say

ANYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}
CLOSE_SECONDS = 10  # for what the model is at when the server stops


@click.command()
@click.argument("source", metavar="EXPORT|RUN", type=click.Path(path_type=Path))
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere."
)
@click.option("--port", default=PORT, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--name", help="The model's, in paths.  [default: that of the folder]")
def serve(source, host, port, name) -> None:
    """Answer TF Serving's REST requests on this machine, to try an EXPORT or a RUN.

    Of an EXPORT the newest version answers; a RUN is exported first, to a temporary folder. Serve
    only what you trust. In production use TensorFlow Serving.
    """
    if name == "":
        raise UserError("The name of a model must not be empty. Leave out --name.")
    is_run = holds_run(source)
    found = None if is_run else find_version(source)
    if is_run:
        read_metadata(source, *(task.name for task in options.SERVED))
    from ..server.http import bound  # takes a third of a second

    with _stoppable(), bound(host, port) as taken, ExitStack() as stack:
        version = found or stack.enter_context(_exported(source))
        _serve(version, taken, name or version.name)
    say("Stopped.")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Makes SIGTERM an exit that cleans up, as SIGINT is, before there is a server to stop."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _exported(run: Path) -> Iterator[Version]:
    """Exports a run to a temporary folder."""
    say(f"Exporting {run} to a temporary folder ...")
    with workspace(Path(gettempdir()), "regard-serve-") as folder:
        directory = load_run(run).export(folder)
        yield Version(directory, Path(os.path.abspath(run)).name, 1)


def _serve(version: Version, taken, name: str) -> None:
    from ..server.batcher import Batcher
    from ..server.http import serve
    from ..server.rest import DEFAULT_SIGNATURE, RestApi

    with quiet():
        from ..server.saved_model import SavedModel
    model = SavedModel(version.directory)
    model.warm_up(version.directory)
    batcher = Batcher(model.ask)
    api = RestApi(model, batcher.ask, name, version.number)
    host, port = taken.getsockname()[:2]
    host = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)

    def tell() -> None:
        address = f"http://{host}:{port}"
        say(f"Serving {name}, version {version.number}, at {address} until Ctrl-C. Try:")
        if DEFAULT_SIGNATURE in model.signatures:
            say(f"  {ask(address, name, model.signatures[DEFAULT_SIGNATURE].inputs)}")

    try:
        serve(api.answer, taken, tell)
    finally:
        batcher.close(CLOSE_SECONDS)
