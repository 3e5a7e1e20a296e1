"""Tries an export as TensorFlow Serving's stock server would: `verify_export.py EXPORT EXPECTED`.

Run in a process of its own, which imports only TensorFlow, TensorFlow Text (for the server links
its operations) and the messages of the server's API: what works here needs nothing of Regard or
Keras. EXPECTED is a JSON file with the `task`, "text", "translation" or "images", `columns` (lists
of texts or images by the name of the input: bytes, as Latin-1), what the live model answers to
them, `classes` and `scores` or `translations` and `scores`, and two `tolerances` of scores: how far
the export's may be from those of the "model", and how much padding and "company" in a batch may
change them. Writes one line of JSON, and exits with status 0 if all is well.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 (registers its operations)
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

BATCH_SIZES = (1, 7, 64)
FEATURES = {"texts": "text", "pairs": "pair"}  # of a tf.Example, by the name of the input

Columns = dict[str, list[bytes]]  # texts by the name of the input

# They call back into the Python process that made them, which a server does not have.
PYTHON_OPS = {"EagerPyFunc", "PyFunc", "PyFuncStateless"}

# tensorflow/text 2.20, tensorflow_text/core/ops: the release in tensorflow/serving's workspace.bzl.
TEXT_OPS = {
    "CaseFoldUTF8",
    "ConstrainedSequence",
    "FastBertNormalize",
    "FastWordpieceTokenizeWithOffsets",
    "FindSourceOffsets",
    "MaxSpanningTree",
    "NormalizeUTF8",
    "NormalizeUTF8WithOffsetsMap",
    "PhraseTokenize",
    "RegexSplitWithOffsets",
    "RougeL",
    "SentenceFragments",
    "SentenceFragmentsV2",
    "SentencepieceDetokenizeOp",
    "SentencepieceIdToStringOp",
    "SentencepieceOp",
    "SentencepieceStringToIdOp",
    "SentencepieceTokenizeOp",
    "SentencepieceTokenizeWithOffsetsOp",
    "SentencepieceVocabSizeOp",
    "SplitMergeTokenizeWithOffsets",
    "TFText>BoiseTagsToOffsets",
    "TFText>ByteSplitByOffsets",
    "TFText>ByteSplitWithOffsets",
    "TFText>FastSentencepieceDetokenize",
    "TFText>FastSentencepieceTokenize",
    "TFText>FastWordpieceDetokenize",
    "TFText>NgramsStringJoin",
    "TFText>OffsetsToBoiseTags",
    "TFText>PhraseDetokenize",
    "TFText>RoundRobinGenerateMasks",
    "TFText>RoundRobinTrim",
    "TFText>Utf8Binarize",
    "TFText>WhitespaceTokenizeWithOffsetsV2",
    "TokenizerFromLogits",
    "UnicodeScriptTokenizeWithOffsets",
    "WhitespaceTokenizeWithOffsets",
    "WordpieceTokenizeWithOffsets",
}


def main(export: Path, expected: dict) -> dict:
    """Makes every check; returns what to report, or raises an error that says what is wrong."""
    num_ops = check_ops(export)
    columns = {
        name: [text.encode("latin-1") for text in texts]
        for name, texts in expected["columns"].items()
    }
    task = TASKS[expected["task"]]
    # As the server does: a session, and tensors fed and fetched by their names.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(export))
        server = Server(session, meta_graph)
        check_signatures(meta_graph, task.signatures(columns, expected))
        task.check(server, columns, expected)
        num_requests = check_warmup_requests(server, export)
    if "regard" in sys.modules:
        raise RuntimeError("the export was tried in a process that had imported regard")
    return {"ops": num_ops, "texts": len(expected["scores"]), "warmup_requests": num_requests}


class Server:
    """Answers requests from a loaded SavedModel."""

    def __init__(self, session: tf.compat.v1.Session, meta_graph: meta_graph_pb2.MetaGraphDef):
        self._session = session
        self._signatures = meta_graph.signature_def

    def ask(self, signature_name: str, **inputs) -> dict[str, np.ndarray]:
        signature = self._signatures[signature_name]
        fetches = {name: info.name for name, info in signature.outputs.items()}
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return self._session.run(fetches, feeds)

    def run(self, tensor: tf.Tensor) -> np.ndarray:
        return self._session.run(tensor)

    def predict(self, columns: Columns) -> dict[str, np.ndarray]:
        inputs = {name: _strings(texts) for name, texts in columns.items()}
        return self.ask("serving_default", **inputs)

    def classify(self, columns: Columns) -> dict[str, np.ndarray]:
        rows = zip(*columns.values(), strict=True)
        examples = [_example(dict(zip(columns, row, strict=True))) for row in rows]
        return self.ask("classify", inputs=_strings(examples))


def _example(texts: dict[str, bytes]) -> bytes:
    features = {
        FEATURES[name]: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
        for name, text in texts.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _strings(values: list[bytes]) -> np.ndarray:
    return np.array(values, object)  # NumPy's own type for bytes would drop zeros at the end


def check_ops(export: Path) -> int:
    """Every operation, in every function of the graph, must be one that the stock server has."""
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((export / "saved_model.pb").read_bytes())
    graph = saved_model.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    functions = {each.signature.name for each in graph.library.function}
    ops = {node.op for node in nodes} - functions
    missing = sorted(op for op in ops if not _server_has(op))
    if missing:
        raise ValueError(f"TensorFlow Serving does not have these operations: {', '.join(missing)}")
    return len(ops)


def _server_has(op: str) -> bool:
    return op in TEXT_OPS or (hasattr(tf.raw_ops, op) and op not in PYTHON_OPS)


STRINGS, FLOATS = ("string", (None,)), ("float32", (None,))


def check_signatures(meta_graph: meta_graph_pb2.MetaGraphDef, expected: dict[str, tuple]) -> None:
    """Names, types and shapes must be as promised, with the batch as the first dimension."""
    for name, (method, inputs, outputs) in expected.items():
        signature = meta_graph.signature_def[name]
        found = (signature.method_name, _specs(signature.inputs), _specs(signature.outputs))
        if found != (f"tensorflow/serving/{method}", inputs, outputs):
            raise ValueError(f"the signature {name} is not as promised but {found}")


def _specs(tensors) -> dict[str, tuple[str, tuple]]:
    return {
        name: (tf.as_dtype(info.dtype).name, tuple(tf.TensorShape(info.tensor_shape)))
        for name, info in tensors.items()
    }


def classifier_signatures(columns: Iterable[str], expected: dict) -> dict[str, tuple]:
    table = (None, len(expected["classes"]))
    classes_and_scores = {"classes": ("string", table), "scores": ("float32", table)}
    answers = {"label": STRINGS, "score": FLOATS, **classes_and_scores}
    return {
        "serving_default": ("predict", dict.fromkeys(columns, STRINGS), answers),
        "classify": ("classify", {"inputs": STRINGS}, classes_and_scores),
    }


def check_classifier(server: Server, columns: Columns, expected: dict) -> None:
    """Both signatures must answer what the live model does, in batches of any size.

    A label then is the model's, too, unless two of its scores are equal to within the tolerance.
    """
    scores = np.array(expected["scores"], np.float32)  # (number of rows, C)
    tolerances = expected["tolerances"]
    answers = {f"predict, batches of {n}": predict_all(server, columns, n) for n in BATCH_SIZES}
    alone = answers["predict, batches of 1"]["scores"]
    for where, answer in [*answers.items(), ("classify", server.classify(columns))]:
        check_classes(answer, expected["classes"], where)
        check_scores(answer, scores, tolerances["model"], f"{where}: the model's")
        check_scores(answer, alone, tolerances["company"], f"{where}: those of a text alone")
    for answer in answers.values():
        check_label(answer)


def translator_signatures(columns: Iterable[str], expected: dict) -> dict[str, tuple]:
    answers = {"translations": STRINGS, "scores": FLOATS}
    return {"serving_default": ("predict", dict.fromkeys(columns, STRINGS), answers)}


def check_translator(server: Server, columns: Columns, expected: dict) -> None:
    """Translations and scores must be the live model's, in batches of any size.

    Where two translations are as good as each other, to within the tolerance, either will do;
    "ties" is the largest share of such.
    """
    scores = np.array(expected["scores"], np.float32)  # (number of rows,)
    translations = np.array([text.encode() for text in expected["translations"]], object)
    for size in BATCH_SIZES:
        answer, where = predict_all(server, columns, size), f"batches of {size}"
        check_scores(answer, scores, expected["tolerances"]["model"], f"{where}: the model's")
        differing = np.flatnonzero(answer["translations"] != translations)
        if len(differing) > len(translations) * expected["tolerances"]["ties"]:
            row = differing[0]
            raise ValueError(
                f"{where}: {len(differing)} translations are not the model's, the first "
                f"{answer['translations'][row][:100]} and not {translations[row][:100]}"
            )


def image_signatures(columns: Iterable[str], expected: dict) -> dict[str, tuple]:
    table = (None, len(expected["classes"]))
    answers = {
        "label": STRINGS,
        "score": FLOATS,
        "classes": ("string", table),
        "scores": ("float32", table),
    }
    pixels = {"images": ("float32", (None, None, None, 3))}
    return {
        "serving_default": ("predict", dict.fromkeys(columns, STRINGS), answers),
        "images": ("predict", pixels, answers),
    }


def check_images(server: Server, columns: Columns, expected: dict) -> None:
    """Both signatures must answer what the live model does; a bad image must be named."""
    scores = np.array(expected["scores"], np.float32)  # (number of rows, C)
    tolerances = expected["tolerances"]
    answers = {f"batches of {n}": predict_all(server, columns, n) for n in BATCH_SIZES}
    alone = answers["batches of 1"]["scores"]
    for where, answer in answers.items():
        check_classes(answer, expected["classes"], where)
        check_scores(answer, scores, tolerances["model"], f"{where}: the model's")
        check_scores(answer, alone, tolerances["company"], f"{where}: those of an image alone")
        check_label(answer)
    for row, image in enumerate(columns["image_bytes"]):
        answer = server.ask("images", images=server.run(decode(image))[np.newaxis])
        check_scores(answer, scores[row], tolerances["model"], f"image {row}, as pixels")
    check_bad_image(server, columns["image_bytes"])


def decode(image: bytes) -> tf.Tensor:
    """The pixels of an image, by what a client may use: float32, (H, W, 3), from 0 to 255."""
    if image.startswith(b"\xff\xd8"):
        pixels = tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_ACCURATE")
    else:
        pixels = tf.io.decode_image(image, channels=3, expand_animations=False)
    return tf.cast(pixels, tf.float32)


def check_bad_image(server: Server, images: list[bytes]) -> None:
    try:
        server.predict({"image_bytes": [*images[:3], b"no image"]})
    except tf.errors.InvalidArgumentError as error:
        if "[3]" not in error.message:
            raise ValueError(f"a bad image is not named: {error.message}") from error
    else:
        raise ValueError("a bad image is no error")


def predict_all(server: Server, columns: Columns, batch_size: int) -> dict[str, np.ndarray]:
    """The answers to all rows, asked for in batches of just that size."""
    num_rows = len(next(iter(columns.values())))
    batches = np.resize(np.arange(num_rows), (-(-num_rows // batch_size), batch_size))
    answers = [
        server.predict({name: [texts[row] for row in batch] for name, texts in columns.items()})
        for batch in batches  # in the last one, the first rows come again
    ]
    return {
        name: np.concatenate([answer[name] for answer in answers])[:num_rows] for name in answers[0]
    }


def check_classes(answer: dict, classes: list[str], where: str) -> None:
    names = np.tile([name.encode() for name in classes], (len(answer["scores"]), 1))
    if not np.array_equal(answer["classes"], names):
        raise ValueError(f"{where}: the classes are {answer['classes']}, not {classes}")


def check_scores(answer: dict, scores: np.ndarray, tolerance: float, whose: str) -> None:
    difference = np.abs(answer["scores"] - scores).max()
    if not difference <= tolerance:  # so written that NaN fails
        raise ValueError(f"scores differ by up to {difference:.1e} from {whose}")


def check_label(answer: dict) -> None:
    """Label and score must be those of the class with the highest of the scores."""
    rows = np.arange(len(answer["score"]))
    best = answer["scores"].argmax(axis=1)
    if (answer["label"] != answer["classes"][rows, best]).any():
        raise ValueError("a label is not the class with the highest score")
    if (answer["score"] != answer["scores"][rows, best]).any():
        raise ValueError("a score is not the highest of the scores")


def check_warmup_requests(server: Server, export: Path) -> int:
    """Every request must succeed: a single one that does not keeps the server from loading."""
    path = export / "assets.extra" / "tf_serving_warmup_requests"
    requests = list(read_requests(path))
    if not 0 < len(requests) <= 1000:  # kMaxNumRecords, saved_model_warmup_util.h
        raise ValueError(f"there are {len(requests)} warm-up requests; there may be 1 to 1,000")
    for signature_name, inputs in requests:
        server.ask(signature_name, **inputs)
    return len(requests)


def read_requests(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Pairs of a signature's name and its inputs."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    for record in tf.compat.v1.io.tf_record_iterator(str(path)):
        log = PredictionLog.FromString(record)
        if log.HasField("predict_log"):
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        else:
            request = log.classify_log.request
            examples = request.input.example_list.examples
            inputs = {"inputs": _strings([each.SerializeToString() for each in examples])}
        yield request.model_spec.signature_name, inputs


class Task(NamedTuple):
    """What is special about a kind of model: its signatures, and how its answers are checked."""

    signatures: Callable[[Iterable[str], dict], dict[str, tuple]]
    check: Callable[[Server, Columns, dict], None]


TASKS = {
    "images": Task(image_signatures, check_images),
    "text": Task(classifier_signatures, check_classifier),
    "translation": Task(translator_signatures, check_translator),
}


if __name__ == "__main__":
    try:
        report = main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")))
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": str(error)}))
        sys.exit(1)
    print(json.dumps(report))
