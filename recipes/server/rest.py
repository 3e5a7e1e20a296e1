"""Answers the requests of TensorFlow Serving's REST API, without HTTP and without TensorFlow.

Paths, answers and refusals are those of `tensorflow_serving/model_servers/http_rest_api_handler.cc`
and of what it calls. There is one model of one version, and no label.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import numpy as np

from .json_answers import write_classes, write_columns, write_error, write_rows, write_values
from .json_examples import Example, read_examples
from .json_tensors import Tensors, read_tensors
from .json_text import read_object
from .status import Code, Refused

DEFAULT_SIGNATURE = "serving_default"
# kPredictionApiGegex and kModelStatusApiRegex in http_rest_api_util.cc
_WHICH = r"(?:(?:/versions/(?P<version>[0-9]+))|(?:/labels/(?P<label>[^/:]+)))?"
_ASK = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)", re.IGNORECASE
)
_TELL = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<method>metadata))?", re.IGNORECASE
)


class Signature(NamedTuple):
    """Holds what a function of a model takes and gives: dtypes by the names of tensors."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


class Model(Protocol):
    """Knows the functions of one version of a model.

    Attributes:
        signatures: What its functions take and give, by their names.
        metadata: All that is known of them, as JSON of the message SignatureDefMap.
    """

    signatures: Mapping[str, Signature]
    metadata: Mapping[str, Any]

    def serialized(self, examples: list[Example]) -> np.ndarray:
        """Returns each example as the bytes of a `tf.Example`, (B,)."""


class Target(NamedTuple):
    """Holds what a path names: a model, perhaps a version of it, and what is wanted of it."""

    name: str
    version: int | None
    label: str | None
    method: str


class RestApi:
    """Answers requests for one version of a model.

    Args:
        model: What is known of the model.
        ask: Takes the name of a signature and its inputs, and gives its outputs; raises `Refused`
            if it cannot take them.
        name: What the model is called in paths.
        version: Its number.
    """

    def __init__(
        self, model: Model, ask: Callable[[str, Tensors], Tensors], name: str, version: int
    ):
        self._model = model
        self._ask = ask
        self._name = name
        self._version = version

    def answer(self, verb: str, path: str, body: bytes = b"") -> tuple[int, str]:
        """Returns the HTTP status and the JSON that answer a request.

        Args:
            verb: "GET", "POST" or another verb of HTTP.
            path: The path, as it came: quoted, and without a query.
            body: What came with it.
        """
        try:
            if not path.lower().startswith("/v1/"):
                raise Refused(f"Not Found: {path}", Code.NOT_FOUND)
            target = _target(verb, path)
            if verb == "GET":
                answer = self._metadata if target.method == "metadata" else self._status
                return 200, json.dumps(answer(target), ensure_ascii=False)
            answers = {
                "predict": self._predict,
                "classify": self._classify,
                "regress": self._regress,
            }
            return 200, answers[target.method](target, read_object(body))
        except Refused as refusal:
            return refusal.http_status, write_error(str(refusal))

    def _status(self, target: Target) -> dict[str, Any]:
        if target.name != self._name:
            raise Refused(f"Could not find any versions of model {target.name}", Code.NOT_FOUND)
        if target.version not in (None, self._version):
            raise Refused(
                f"Could not find version {target.version} of model {target.name}", Code.NOT_FOUND
            )
        state = {"version": str(self._version), "state": "AVAILABLE"}
        status = {"error_code": "OK", "error_message": ""}
        return {"model_version_status": [{**state, "status": status}]}

    def _metadata(self, target: Target) -> dict[str, Any]:
        self._check(target)
        spec = {"name": self._name, "signature_name": "", "version": str(self._version)}
        return {"model_spec": spec, "metadata": {"signature_def": self._model.metadata}}

    def _predict(self, target: Target, document: dict[str, Any]) -> str:
        name = _signature_name(document)
        self._check(target)
        if name not in self._model.signatures:
            raise Refused(f'Serving signature name: "{name}" not found in signature def')
        inputs = self._model.signatures[name].inputs
        if not inputs:
            raise Refused(f"Failed to get input map for signature: {name}")
        tensors, is_row = read_tensors(document, inputs)
        answer = self._ask(name, tensors)
        return write_rows(answer) if is_row else write_columns(answer)

    def _classify(self, target: Target, document: dict[str, Any]) -> str:
        answer, count = self._ask_examples(target, document, _check_classify)
        found = {name: answer.get(name) for name in ("classes", "scores")}
        shapes = [each.shape for each in found.values() if each is not None]
        for shape in shapes:
            if len(shape) != 2:
                raise Refused(
                    f"Expected Tensor shape: [batch_size num_classes] but got {list(shape)}"
                )
            if shape[0] != count:
                raise Refused(f"Expected output batch size of {count}. Got: {shape[0]}")
        if len(set(shapes)) > 1:
            raise Refused(f"Tensors class and score should match in dim_size(1). Got {shapes}")
        return write_classes(*found.values())

    def _regress(self, target: Target, document: dict[str, Any]) -> str:
        answer, count = self._ask_examples(target, document, _check_regress)
        values = answer["outputs"]
        if values.shape not in ((count,), (count, 1)):
            raise Refused(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
                f"{list(values.shape)}"
            )
        return write_values(values.reshape(-1))

    def _ask_examples(self, target: Target, document, check) -> tuple[Tensors, int]:
        """Asks a function of examples, if it is what `check` wants of one."""
        name, examples = _signature_name(document), read_examples(document)
        self._check(target)
        if name not in self._model.signatures:
            raise Refused(f"No signature was found with the name: {name}")
        check(name, self._model.signatures[name])
        answer = self._ask(name, {"inputs": self._model.serialized(examples)})
        return answer, len(examples)

    def _check(self, target: Target) -> None:
        """Refuses another model, another version and every label."""
        if target.label is not None:
            raise Refused(f"Unrecognized servable version label: {target.label}")
        if target.name == self._name and target.version in (None, self._version):
            return
        wanted = f"Latest({target.name})"
        if target.version is not None:
            wanted = f"Specific({target.name}, {target.version})"
        raise Refused(f"Servable not found for request: {wanted}", Code.NOT_FOUND)


def _target(verb: str, path: str) -> Target:
    pattern = {"POST": _ASK, "GET": _TELL}.get(verb)
    match = pattern and pattern.fullmatch(path)
    if not match:
        raise Refused(f"Malformed request: {verb} {path}")
    parts = match.groupdict()
    if verb == "GET" and parts["name"] is None:
        raise Refused("Missing model name in request.")
    version = parts["version"] and int(parts["version"])
    if version is not None and version >= 2**63:
        raise Refused(f"Failed to convert version: {version} to numeric.")
    label = parts["label"] and unquote(parts["label"])
    return Target(unquote(parts["name"]), version, label, (parts["method"] or "").lower())


def _signature_name(document: dict[str, Any]) -> str:
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise Refused(
            f"JSON Value: {json.dumps(name)} not formatted correctly. 'signature_name' key must "
            "be a string value."
        )
    return name or DEFAULT_SIGNATURE


def _check_classify(name: str, signature: Signature) -> None:
    """Refuses a signature that gives no classes: PreProcessClassification in classifier.cc."""
    if len(signature.inputs) != 1:
        raise Refused("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise Refused(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise Refused(f"No classification inputs found in SignatureDef: {name}")
    if not {"classes", "scores"} & signature.outputs.keys():
        raise Refused(
            "Expected classification signature outputs to contain at least one of "
            f'"classes" or "scores". Signature was: {name}'
        )
    for output, dtype in (("classes", "string"), ("scores", "float")):
        found = signature.outputs.get(output, dtype)
        if found != dtype:
            raise Refused(f"Expected {output} Tensor of {dtype}. Got: {found}")


def _check_regress(name: str, signature: Signature) -> None:
    """Refuses a signature that gives no numbers: PreProcessRegression in regressor.cc."""
    if len(signature.inputs) != 1:
        raise Refused("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise Refused("Expected one output Tensor.")
    if "inputs" not in signature.inputs:
        raise Refused(f"No regression inputs found in SignatureDef: {name}")
    if "outputs" not in signature.outputs:
        raise Refused(f"No regression outputs found in SignatureDef: {name}")
    if signature.outputs["outputs"] != "float":
        raise Refused(f"Expected output Tensor of float. Got: {signature.outputs['outputs']}")
