"""Loads an export, and runs its functions, as TensorFlow Serving's stock server does.

A SavedModel is a program: one is loaded only if it has no operation that the server lacks, and none
that reads or writes files.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 (registers its operations)
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from ..errors import UserError
from ..serving.manifest import check_manifest
from ..serving.server_ops import TEXT_OPS
from ..serving.verify_export import check_ops, ops_of, read_requests
from .json_examples import Example
from .json_tensors import Tensors
from .rest import Signature
from .status import Code, Refused

_DAMAGED = (ValueError, OSError, RuntimeError, IndexError, DecodeError, tf.errors.OpError)
FILE_OPS = {"ReadFile", "WriteFile"}  # of what `saved_model_cli scan` looks for
_LISTS = {"bytes": tf.train.BytesList, "float": tf.train.FloatList, "int64": tf.train.Int64List}
# What stands before the cause: "Graph execution error:", "2 root error(s) found. (0) INTERNAL: ".
_BEFORE = re.compile(
    r"\s*(Graph execution error:\s*)?(\d+ root error\(s\) found\.\s*\(0\) [A-Za-z_ ]+: )?"
)


class SavedModel:
    """Runs the functions of a SavedModel; see `rest.Model`.

    Args:
        directory: One version of an export.

    Attributes:
        signatures: What each of its functions takes and gives.
        metadata: The same as a server's metadata have it.
        widened: Names of signatures whose outputs are as wide as the largest row of a batch needs:
            what others ask at the same time would show in an answer.

    Raises:
        UserError: If it is not as it was written, or has operations that it should not have.
    """

    def __init__(self, directory: Path):
        check_manifest(directory)
        try:
            check_ops(directory, sorted(TEXT_OPS))
            if found := ops_of(directory) & FILE_OPS:
                raise ValueError(f"it reads or writes files: {', '.join(sorted(found))}")
            config = tf.compat.v1.ConfigProto()
            config.gpu_options.allow_growth = True  # it may not have the device to itself
            self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
            with self._session.graph.as_default():
                graph = tf.compat.v1.saved_model.load(self._session, ["serve"], str(directory))
        except _DAMAGED as error:
            raise UserError(f"{directory} cannot be served: {one_line(str(error))}") from error
        self._functions = {
            name: (_names(each.inputs), _names(each.outputs))
            for name, each in graph.signature_def.items()
        }
        self.signatures = signatures_of(graph)
        self.widened = {
            name for name, each in graph.signature_def.items() if _is_widened(each.outputs)
        }
        self.metadata = _metadata(graph)

    def ask(self, signature_name: str, inputs: Tensors) -> Tensors:
        """Returns the outputs of a signature.

        Raises:
            Refused: If it does not take the inputs.
        """
        feeds, fetches = self._functions[signature_name]
        try:
            found = self._session.run(fetches, {feeds[name]: inputs[name] for name in feeds})
        except tf.errors.OpError as error:
            raise Refused(one_line(error.message), _code(error.error_code)) from error
        except (ValueError, TypeError) as error:  # of another shape than the signature has
            raise Refused(one_line(str(error))) from error
        return {name: _array(value) for name, value in found.items()}

    def warm_up(self, directory: Path) -> None:
        """Asks itself the warm-up requests of an export, so that the first real one need not wait.

        Raises:
            UserError: If one fails, which keeps TensorFlow Serving from loading the export.
        """
        path = directory / "assets.extra" / "tf_serving_warmup_requests"
        try:
            for signature_name, inputs in read_requests(path) if path.exists() else ():
                self.ask(signature_name, inputs)
        except (Refused, KeyError, tf.errors.OpError) as error:
            raise UserError(f"{path}: a warm-up request fails: {one_line(str(error))}") from error

    def serialized(self, examples: list[Example]) -> np.ndarray:
        """Returns each example as the bytes of a `tf.Example`, (B,)."""
        return np.array([_example(each).SerializeToString() for each in examples], object)


def _names(tensors) -> dict[str, str]:
    """Returns the names in the graph of a signature's tensors, by their names in the signature."""
    return {name: tensors[name].name for name in sorted(tensors)}


def read_signatures(directory: Path) -> dict[str, Signature]:
    """Returns what the functions of an export take and give, without loading it."""
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((directory / "saved_model.pb").read_bytes())
    return signatures_of(saved_model.meta_graphs[0])


def signatures_of(graph: meta_graph_pb2.MetaGraphDef) -> dict[str, Signature]:
    """Returns what the functions of a graph take and give."""
    return {
        name: Signature(_dtypes(each.inputs), _dtypes(each.outputs))
        for name, each in graph.signature_def.items()
    }


def one_line(message: str) -> str:
    """Returns the first cause of an error of TensorFlow, without where in the graph it was."""
    message = message[_BEFORE.match(message).end() :]
    return " ".join(message.partition("\n\t [[")[0].partition("\n\nOriginal stack")[0].split())


def _dtypes(tensors) -> dict[str, str]:
    """Returns the dtypes of tensors as DataTypeString gives them: "float" for DT_FLOAT."""
    names = {name: types_pb2.DataType.Name(info.dtype) for name, info in tensors.items()}
    return {name: dtype.removeprefix("DT_").lower() for name, dtype in names.items()}


def _is_widened(outputs) -> bool:
    """Returns whether an output has another size, beside that of the batch, that nothing fixes."""
    return any(size.size < 0 for info in outputs.values() for size in info.tensor_shape.dim[1:])


def _metadata(graph: meta_graph_pb2.MetaGraphDef) -> Mapping[str, Any]:
    message = SignatureDefMap(signature_def=graph.signature_def)
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _array(value: Any) -> np.ndarray:
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def _example(features: Example) -> tf.train.Example:
    found = {name: _feature(kind, values) for name, (kind, values) in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=found))


def _feature(kind: str, values: list) -> tf.train.Feature:
    return tf.train.Feature(**{f"{kind}_list": _LISTS[kind](value=values)} if kind else {})


def _code(number: int) -> Code:
    return next((code for code in Code if code == number), Code.UNKNOWN)
