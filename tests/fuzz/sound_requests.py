"""Makes sound settings, records of runs and requests, and reads them."""

import json
from functools import cache


def read_yaml(path):
    from regard.recipes.runs.config import read_config

    read_config(path, ["epochs", "columns", "train", "learning_rate"])


def read_tf_config(path):
    from regard.recipes.devices.cluster import read_cluster

    read_cluster({"TF_CONFIG": path.read_text("utf-8", "surrogateescape")})


def tf_config():
    cluster = {"chief": ["a:1"], "worker": ["b:2", "[::1]:3"]}
    return {"a": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}).encode()}


def yaml_files():
    text = "epochs: 3\ntrain: [a.csv, 'b.csv']\nlearning-rate: 1.0e-3 # so\ncolumns: &a {x: 1}\n"
    return {"config.yaml": text.encode()}


def run_json():
    data = {
        "source": "a.csv",
        **{"text_column": "text", "label_column": "label", "pair_column": None},
        **{"num_examples": 2, "num_skipped": 0, "sha256": "00", "class_counts": {"a": 1, "b": 1}},
    }
    run = {
        **{"task": "text", "seconds": 3.6, "finished": "2026-01-31T12:00:00+00:00"},
        **{"settings": {"epochs": 1, "max_sequence_length": 9, "learning_rate": 1e-3}},
        **{"given": {"epochs": 1}, "class_names": ["a", "b"], "versions": {"keras": "3"}},
        "data": {"train": data, "validation": data},
    }
    return {"run.json": json.dumps(run).encode()}


def read_run_json(path):
    from regard.recipes.runs.metadata import read_metadata

    read_metadata(path.parent)


# Requests.


def requests():
    texts = {"instances": ["good", {"b64": "Z29vZA=="}], "signature_name": "serving_default"}
    columns = {"inputs": {"texts": ["a", "b"], "ids": [[1, 2], [3, 4]]}, "signature_name": "two"}
    examples = {"context": {"x": 1.5}, "examples": [{"texts": ["a"], "n": 3}, {"texts": "b"}]}
    named = {"instances": [{"texts": "a", "ids": [1, 2]}, {"texts": "b", "ids": [3, 4]}]}
    bodies = {
        "a:predict": texts,
        "b:predict": columns,
        "c:classify": examples,
        "d:regress": examples,
    }
    bodies["e:predict"] = {**named, "signature_name": "two"}
    bodies["f:attend"] = {"model": "m", "inputs": {"image_bytes": {"b64": "QUJD"}}}
    return {name: json.dumps(body).encode() for name, body in bodies.items()}


class _Model:
    """Stands in for a SavedModel: it gives what it takes."""

    def __init__(self):
        from regard.recipes.server.rest import Signature

        self.metadata = {}
        classes = {"classes": "string", "scores": "float"}
        self.signatures = {
            "serving_default": Signature({"texts": "string"}, {"texts": "string"}),
            "two": Signature({"texts": "string", "ids": "int32"}, {"texts": "string"}),
            "classify": Signature({"inputs": "string"}, classes),
        }

    def serialized(self, examples):
        import numpy as np

        return np.array([b"x"] * len(examples), object)


@cache
def _server():
    from regard.recipes.errors import UserError
    from regard.recipes.server.dispatch import Dispatch
    from regard.recipes.server.http import application
    from regard.recipes.server.playground import Playground, Shown
    from regard.recipes.server.rest import RestApi

    def attend(image):
        raise UserError(f"{image!r} is no image")

    page = Playground([Shown("m", 1, "image", attend)])
    api = RestApi(_Model(), lambda _, inputs: inputs, "m", 1)
    return application(Dispatch(page, {"m": api}).answer)


def ask(path):
    """Asks a server, packed by gzip too; raises if it knows no answer (500), or gives no JSON."""
    import asyncio

    body, method = path.read_bytes(), path.name.rpartition(":")[2]
    for headers in ([], [(b"content-encoding", b"gzip")]):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message, sent=sent):
            sent.append(message)

        target = "/playground/attend" if method == "attend" else f"/v1/models/m:{method}"
        scope = {"type": "http", "method": "POST", "path": target, "raw_path": target.encode()}
        asyncio.run(_server()({**scope, "query_string": b"", "headers": headers}, receive, send))
        if sent[0]["status"] >= 500:
            raise AssertionError(sent[1]["body"][:300])
        json.loads(sent[1]["body"].decode("utf-8", "replace"))
