"""Helps the commands: TensorFlow without its noise, and sources that need it."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..data.vector_files import find_vectors
from ..errors import UserError
from ..runs.metadata import read_metadata
from ..tasks import TASKS


def check_start(checkpoint: str | None, embeddings: str | None = None) -> None:
    """Says at once if a directory or the word vectors to start from are not there."""
    if embeddings is not None:
        find_vectors(embeddings)
    if checkpoint is None or checkpoint.startswith("hf://") or Path(checkpoint).is_dir():
        return
    raise UserError(
        f"A checkpoint must be a directory or hf://ORG/NAME. Received: {checkpoint}, which is not "
        "a directory."
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps from the terminal what TensorFlow prints while it loads, unless loading fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    is_seen = sys.stderr.isatty() and "tensorflow" not in sys.modules
    sys.stderr.write("Loading TensorFlow ...\r" if is_seen else "")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("ERROR")
            yield
        except Exception:
            noise.seek(0)
            os.write(terminal, noise.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            sys.stderr.write("\033[K" if is_seen else "")  # erases the line


def load_run(directory: Path):
    """Opens a run, TensorFlow and all."""
    task = TASKS[read_metadata(directory)["task"]]
    if task.name == "translation":  # its searches run side by side, each on a thread of its own
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with quiet():
        run = task.load("run", task.run)
    return run.load(directory)


def load_tfds(sources: Mapping[str, Any]) -> None:
    """Imports TensorFlow Datasets, without its noise, if one of the sources needs it."""
    named = (
        each
        for value in sources.values()
        for each in (value if isinstance(value, tuple) else [value])
    )
    if any(str(each).startswith("tfds:") for each in named):
        with quiet():
            from ..data import tfds  # noqa: F401
