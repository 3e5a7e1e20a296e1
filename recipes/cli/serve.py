"""Holds the command that tries models over HTTP and on a page: `regard serve`."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import click

from ..errors import UserError
from ..runs.directories import holds_run
from ..runs.metadata import read_metadata
from ..runs.workspaces import workspace
from ..server.exports import Version, find_version
from ..tasks import TASKS
from .next_steps import PORT, ask
from .support import load_run, quiet
from .terminal import say

ANYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}
CLOSE_SECONDS = 10  # for what the model is at when the server stops
NO_RUN = (
    "This is an export, whose graph gives answers alone. To see attention serve the run that it "
    "came from: regard serve RUN"
)


class Source(NamedTuple):
    """Holds what is to be served.

    Attributes:
        path: As it is given.
        name: What it is called in paths.
        version: The version of an export; None of a run.
        run: The run that tells what the model attends to, if there is one.
    """

    path: Path
    name: str
    version: Version | None
    run: Path | None


class Served(NamedTuple):
    """Holds what is served.

    Attributes:
        source: Where it is from.
        version: What answers over REST; None of a run that cannot be exported.
        attend: Tells what the model attends to, if there is a run.
        mask: The token that the run fills in, if it does.
    """

    source: Source
    version: Version | None
    attend: Callable | None
    mask: str = ""


@click.command()
@click.argument(
    "sources", metavar="EXPORT|RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere."
)
@click.option("--port", default=PORT, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--name", help="The model's, in paths.  [default: that of the folder]")
@click.option(
    "--file-system-poll-wait-seconds",
    "seconds",
    default=1.0,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Time between two looks for a newer version of an EXPORT; 0 looks at the start alone.",
)
def serve(sources, host, port, name, seconds) -> None:
    """Answer TF Serving's REST requests on this machine, to try an EXPORT or a RUN; and a page.

    The page, at the address that is said, shows answers, and of a RUN what it attends to. Of an
    EXPORT the newest version answers, also one that is written later; a RUN is exported first, to a
    temporary folder. Serve only what you trust. In production use TensorFlow Serving.
    """
    if name == "":
        raise UserError("The name of a model must not be empty. Leave out --name.")
    if name and len(sources) > 1:
        raise UserError(f"--name goes with one model. Received: {len(sources)}. Leave it out.")
    found = [_source(each, name) for each in sources]
    _check_names(found)
    from ..server.http import bound  # takes a third of a second

    with _stoppable(), bound(host, port) as taken, ExitStack() as stack:
        _serve([_opened(each, stack) for each in found], taken, seconds)
    say("Stopped.")


def _source(path: Path, name: str | None) -> Source:
    if holds_run(path):
        read_metadata(path)
        return Source(path, name or Path(os.path.abspath(path)).name, None, path)
    version = find_version(path)
    within = (each for each in version.directory.parents[:2] if holds_run(each))
    return Source(path, name or version.name, version, next(within, None))


def _check_names(sources: Sequence[Source]) -> None:
    names = [each.name for each in sources]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"Models must have names of their own: two of the folders are called {name}. "
                "Rename one, or serve it by itself with --name."
            )


@contextmanager
def _stoppable() -> Iterator[None]:
    """Makes SIGTERM an exit that cleans up, as SIGINT is, before there is a server to stop."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _opened(source: Source, stack: ExitStack) -> Served:
    """Opens a run, and exports it if it can be; an export's own run is opened when it is asked."""
    if source.version is not None:
        later = source.run and _later(source.run)
        return Served(source, source.version, later)
    if not TASKS[read_metadata(source.path)["task"]].is_served:
        run = load_run(source.path)
        mask = run.tokenizer.special_tokens.mask
        return Served(source, None, run.attention, mask)
    version, run = stack.enter_context(_exported(source.path))
    return Served(source, version, lambda question: run.attention(question))


def _later(directory: Path) -> Callable:
    """Returns the function that tells what a run attends to, which opens it the first time."""

    @cache
    def run():
        task = TASKS[read_metadata(directory)["task"]]
        return task.load("run", task.run).load(directory)

    return lambda question: run().attention(question)


@contextmanager
def _exported(directory: Path) -> Iterator[tuple[Version, object]]:
    """Exports a run to a temporary folder; yields the version, and the run."""
    say(f"Exporting {directory} to a temporary folder ...")
    with workspace(Path(gettempdir()), "regard-serve-") as folder:
        run = load_run(directory)
        name = Path(os.path.abspath(directory)).name
        yield Version(run.export(folder), name, 1), run


def _serve(models: Sequence[Served], taken, seconds: float) -> None:
    from ..server.dispatch import Dispatch
    from ..server.http import serve
    from ..server.playground import Playground

    with ExitStack() as stack:
        page, apis, commands = Playground([]), {}, []
        for each in models:
            current, signature = _current(each, page, seconds, stack)
            apis[each.source.name] = current
            if signature is not None:
                commands.append((each.source.name, signature.inputs))
        dispatch = Dispatch(page, apis)
        serve(dispatch.answer, taken, lambda: _tell(models, commands, _address(taken)))


def _current(model: Served, page, seconds: float, stack: ExitStack):
    """Returns what answers for a model, and what its default function takes and gives.

    Newer versions of an export are looked for, unless one version alone is named.
    """
    from ..server.current import Current, Watch

    loaded, signature = _loaded(model)
    current = Current(loaded)
    stack.callback(current.close)
    page.show(_shown(model, signature))
    path, name = model.source.path, model.source.name

    def load(version: Version) -> None:
        newer = model._replace(version=version)
        loaded, signature = _loaded(newer)
        current.switch_to(loaded)
        page.show(_shown(newer, signature))

    is_one = model.version is not None and str(model.version.directory) == os.path.abspath(path)
    if seconds and model.source.version is not None and not is_one:
        watch = Watch(name, model.version, lambda: find_version(path), load, seconds)
        stack.enter_context(watch)
    return current, signature


def _loaded(model: Served):
    """Opens a model; returns what answers for it, and what its default function takes and gives."""
    from ..server.batcher import Batcher
    from ..server.current import Loaded
    from ..server.dispatch import NoExport
    from ..server.rest import DEFAULT_SIGNATURE, RestApi

    if model.version is None:
        return Loaded(RestApi(NoExport(), None, model.source.name, 1)), None
    with quiet():
        from ..server.saved_model import SavedModel
    served = SavedModel(model.version.directory)
    served.warm_up(model.version.directory)
    batcher = Batcher(served.ask, served.widened)
    api = RestApi(served, batcher.ask, model.source.name, model.version.number)
    signature = served.signatures.get(DEFAULT_SIGNATURE)
    return Loaded(api, lambda: batcher.close(CLOSE_SECONDS)), signature


def _shown(model: Served, signature):
    from ..server.playground import Shown, kind_of

    kind = kind_of(signature) if model.version else "mask"
    attend = model.attend if kind != "other" else None
    number = model.version.number if model.version else 1
    note = "" if attend else NO_RUN
    return Shown(model.source.name, number, kind, attend, note, model.mask)


def _address(taken) -> str:
    host, port = taken.getsockname()[:2]
    return f"http://{ANYWHERE.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def _tell(models: Sequence[Served], commands: Sequence, address: str) -> None:
    """Says where the server is, and how it is asked."""
    numbers = [f", version {each.version.number}" if each.version else "" for each in models]
    names = "; ".join(
        f"{each.source.name}{number}" for each, number in zip(models, numbers, strict=True)
    )
    say(f"Serving {names}, at {address} until Ctrl-C. Try:")
    for name, inputs in commands:
        say(f"  {ask(address, name, inputs)}")
    say(f"or open {address} in a browser.")
