"""Exports for TensorFlow Serving: a SavedModel that takes raw text, or the bytes of images.

What a server gets is one directory, `DESTINATION/<version>/`:

    saved_model.pb, variables/                the graph, tokenizer included, and the weights
    assets/                                   text files for people: labels, pieces of the tokenizer
    assets.extra/tf_serving_warmup_requests   requests that the server asks itself while it loads
    assets.extra/manifest.json                digests of all other files, see `manifest.py`
    batching_params.pbtxt                     how the server forms batches, if it is told to

It is written aside, tried by `verify_export.py` in a process of its own, and only then renamed, so
that a server watching DESTINATION never sees a version that is half-written or does not work.
"""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ...models import disk
from ..errors import UserError, reason_of
from ..runs.workspaces import workspace
from .batching_params import write_batching_params
from .manifest import write_manifest
from .server_ops import TEXT_OPS
from .warmup_requests import FEATURES, Columns, write_warmup_requests

PRECISIONS = ("float32", "bfloat16")
MORE = 16 * 2**20  # bytes, of all but the weights

AWKWARD_TEXTS = (
    b"",
    b"a text of 100 kB, " * 6_000,
    b"x" * 100_000,
    b"a lone surrogate \xed\xa0\xbd and no UTF-8 at all \xff\xfe\xc3",
    "房间很干净,服务员态度也好。 ＡＢＣ！".encode(),
    bytes(range(32)) + b"controls\x7f\x00",
    "😀 👩‍👩‍👧 Ünïcödé e\u0301 \u200b\u00a0\ufffd ΣΑΣ [SEP] [MASK] ##ing".encode(),
)


class Export(NamedTuple):
    """Holds a model with all that a server needs of it.

    Attributes:
        model: The model, in the precision to export. Its optimizer is not stored.
        signatures: The functions that a server calls, by name.
        promises: Of each signature its method, "predict" or "classify", and its inputs and outputs,
            each with a dtype and a shape.
        columns: Inputs to try it with: byte strings by the name of the input.
        answers: What the live model answers to them, by the name of the output: lists of numbers,
            or of texts.
        tolerances: How far answers may be from these; see `verify_export.py`.
        requests: The warm-up requests.
        assets: The lines of text files that go with it, by name.
        resources: What else the functions hold on to, such as tables.
    """

    model: keras.Model
    signatures: Mapping[str, Any]
    promises: Mapping[str, Sequence[Any]]
    columns: Columns
    answers: Mapping[str, list]
    tolerances: Mapping[str, float]
    requests: Sequence[PredictionLog]
    assets: Mapping[str, Sequence[str]]
    resources: Sequence[Any] = ()


def write_export(destination: Path, export: Export, precision: str) -> Path:
    """Writes the next version of a model that TensorFlow Serving's stock server can load.

    Args:
        destination: The directory that holds all versions, made if missing: a server's
            `--model_base_path`. The new version is one more than the largest there.
        export: The model, with what a server needs of it.
        precision: The precision that it computes in.

    Returns:
        The directory written, `destination/<version>`.

    Raises:
        UserError: If `destination` is not a directory that can be written, or if a precision other
            than float32 changes the answers too much.
        RuntimeError: If the export does not load, has an operation that the server lacks, or
            answers otherwise than expected. Nothing of it is left then.
    """
    try:
        with _said_of(destination), workspace(destination, ".partial-") as work:
            disk.check_room(work, 4 * export.model.count_params() + MORE)  # float32
            directory = work / "export"
            files = [_asset(work / name, lines) for name, lines in export.assets.items()]
            _save(export.signatures, export.model, [*files, *export.resources], directory)
            write_warmup_requests(directory, export.requests)
            write_batching_params(directory)
            _verify(directory, _expected(export))
            write_manifest(directory)
            disk.flush_all(directory)
            return _publish(directory, destination)
    except RuntimeError as error:
        if precision == "float32":
            raise
        raise UserError(f"{error} Pass --precision float32.") from error


def _expected(export: Export) -> dict[str, Any]:
    """Lists for `verify_export.py` what must be found."""
    return {
        "text_ops": sorted(TEXT_OPS),
        "signatures": export.promises,
        "columns": {
            name: [value.decode("latin-1") for value in values]
            for name, values in export.columns.items()
        },
        "features": FEATURES,
        "answers": export.answers,
        "tolerances": export.tolerances,
    }


def in_precision(model, precision: str):
    """Returns the same model with its weights in a precision, so that no call converts them.

    Raises:
        UserError: If there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"The precision must be one of {', '.join(PRECISIONS)}. Received: {precision!r}"
        )
    exported = type(model).from_config({**model.get_config(), "dtype": precision})
    exported.set_weights(model.get_weights())
    return exported


@contextmanager
def _said_of(destination: Path) -> Iterator[None]:
    """Says in one line what a disk or the memory does not take, be it by way of TensorFlow."""
    try:
        yield
    except (OSError, MemoryError, tf.errors.OpError) as error:
        reason = reason_of(error)
        if isinstance(error, tf.errors.OpError):  # the file; what is wrong [Op:its name]
            reason = error.message.rpartition("; ")[2].partition(" [Op:")[0]
        raise UserError(
            f"{destination}: an export cannot be written there ({reason}). "
            "Name a directory that can be written and has room."
        ) from error


def _asset(path: Path, lines: Sequence[str]) -> tf.saved_model.Asset:
    """Writes a text file for `assets/`; a line break within a label becomes a space."""
    text = "".join(" ".join(line.splitlines()) + "\n" for line in lines)
    disk.write_text(path, text)
    return tf.saved_model.Asset(str(path))


def _save(signatures: Mapping[str, Any], model, held: Sequence[Any], export: Path) -> None:
    module = tf.Module()
    # The bare variables: the model itself would bring its optimizer and Keras' own records.
    module.weights = [weight.value for weight in model.weights]
    module.held = list(held)
    for name in ("assets", "variables"):  # as the umask has it, unlike TensorFlow
        (export / name).mkdir(parents=True)
    disk.watch("write", export)
    tf.saved_model.save(module, str(export), dict(signatures))
    (export / "fingerprint.pb").unlink()  # optional, and of the graph as it is before what follows
    if "classify" not in signatures:
        return
    # TensorFlow 2 names the method of every signature "tensorflow/serving/predict", which servers
    # with --enable_signature_method_name_check, and all older ones, refuse in the Classify API.
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(export))
    updater.replace_method_name("classify", "tensorflow/serving/classify", tags="serve")
    disk.watch("write", export / "saved_model.pb")
    updater.save()


def _verify(export: Path, expected: Mapping[str, Any]) -> None:
    """Tries the export in a process that knows nothing of Regard or Keras; see verify_export.py."""
    path = export.with_name("expected.json")
    disk.write_text(path, json.dumps(expected))
    script = Path(__file__).with_name("verify_export.py")
    result = subprocess.run(
        # -P: nothing beside the script goes before installed packages.
        [sys.executable, "-P", script, export, path],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode == 0:
        return
    if result.returncode < 0:  # nothing in it can do that
        raise UserError(
            f"The check of the export was killed by signal {-result.returncode}, as happens where "
            "memory runs out, so it was deleted. Free some, and export again."
        )
    try:
        reason = json.loads(result.stdout.splitlines()[-1])["error"]
    except (IndexError, ValueError):  # it was killed, or could not start
        reason = f"exit status {result.returncode}\n{result.stderr}"
    raise RuntimeError(f"The export failed its check and was deleted: {reason}")


def _publish(export: Path, destination: Path) -> Path:
    """Renames the export to the next version, in one step."""
    while True:
        versions = [path.name for path in destination.iterdir() if path.name.isdecimal()]
        version = destination / str(max(map(int, versions), default=0) + 1)
        try:
            disk.rename(export, version)
            return version
        except OSError as error:  # another export took the number in between
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
