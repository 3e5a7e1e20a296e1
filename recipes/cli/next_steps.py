"""Says how an export is served and asked, in commands that can be copied."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

PORT = 8501  # of TensorFlow Serving's REST API
EXAMPLE = "Not bad at all."
_BATCHING = "--enable_batching --enable_per_model_batching_parameters"


def after_export(version: Path, inputs: Mapping[str, str], flags: Sequence[str] = ()) -> list[str]:
    """Returns the commands that go on from a version of an export.

    Args:
        version: Its directory.
        inputs: What it is asked with: dtypes by the names of inputs.
        flags: What the server should be started with.
    """
    folder = Path(os.path.abspath(version)).parent
    name = folder.name
    docker = [
        f"docker run --rm -p {PORT}:{PORT}",
        f"-v {shlex.quote(f'{folder}:/models/{name}')} -e {shlex.quote(f'MODEL_NAME={name}')}",
        *("tensorflow/serving", *flags),
    ]
    return [
        "Next, for production:",
        f"  {' '.join(docker)}",
        f"(for many clients at once add {_BATCHING}), or, to try it here:",
        f"  regard serve {shlex.quote(str(version.parent))}",
        "Either answers:",
        f"  {ask(f'http://localhost:{PORT}', name, inputs)}",
    ]


def ask(address: str, name: str, inputs: Mapping[str, str]) -> str:
    """Returns the command that asks a model's Predict API for one example."""
    url = shlex.quote(f"{address}/v1/models/{quote(name, safe='')}:predict")
    if "image_bytes" in inputs:
        body = '{"instances": [{"image_bytes": {"b64": "%s"}}]}'
        return f"printf '{body}' \"$(base64 < IMAGE | tr -d '\\n')\" | curl -d @- {url}"
    only = len(inputs) == 1
    instance = EXAMPLE if only else dict.fromkeys(sorted(inputs, reverse=True), EXAMPLE)
    return f"curl -d {shlex.quote(json.dumps({'instances': [instance]}))} {url}"
