"""Tries an export as TensorFlow Serving's stock server would: `verify_export.py EXPORT EXPECTED`.

Run in a process of its own, which imports only TensorFlow, TensorFlow Text (for the server links
its operations) and the messages of the server's API: what works here needs nothing of Regard or
Keras. EXPECTED is a JSON file with

    text_ops    the server's operations of TensorFlow Text
    signatures  the method, inputs and outputs of each, with dtypes and shapes
    columns     lists of texts or images by the name of the input: bytes, as Latin-1
    features    what a tf.Example calls the inputs
    answers     what the live model answers to the columns, by the name of the output
    tolerances  how far numbers may be from those of the "model"; how much padding and "company" in
                a batch may change them; in what share of rows other texts are as good, as "ties";
                and the "least_score" of a label

Exits with status 0 if all is well; else writes what is wrong as one line of JSON.
"""

import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 (registers its operations)
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

BATCH_SIZES = (1, 7, 64)
Columns = dict[str, list[bytes]]  # texts or images, by the name of the input
Answer = dict[str, np.ndarray]  # by the name of the output

# They call back into the Python process that made them, which a server does not have.
PYTHON_OPS = {"EagerPyFunc", "PyFunc", "PyFuncStateless"}
MUST_COMPILE = "_XlaMustCompile"  # what jit_compile=True makes an attribute of a function


def main(export: Path, expected: dict) -> None:
    """Makes every check; raises an error that says what is wrong."""
    check_ops(export, expected["text_ops"])
    latin = expected["columns"].items()
    columns = {name: [value.encode("latin-1") for value in values] for name, values in latin}
    answers = {name: _array(values) for name, values in expected["answers"].items()}
    # As the server does: a session, and tensors fed and fetched by their names.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(export))
        server = Server(session, meta_graph, expected["features"])
        check_signatures(meta_graph, expected["signatures"])
        check_all_answers(server, columns, expected["signatures"], answers, expected["tolerances"])
        check_warmup_requests(server, export)
    if "regard" in sys.modules:
        raise RuntimeError("the export was tried in a process that had imported regard")


def _array(values: list) -> np.ndarray:
    """Makes an array of numbers, or of texts as bytes, of a list, or of one of shorter rows."""
    if values and isinstance(values[0], list):
        return _stacked([_array(row)[np.newaxis] for row in values])
    if values and isinstance(values[0], str):
        return _strings([text.encode() for text in values])
    return np.array(values, np.float32)


class Server:
    """Answers requests from a loaded SavedModel."""

    def __init__(self, session: tf.compat.v1.Session, meta_graph, features: dict[str, str]):
        self._session = session
        self._signatures = meta_graph.signature_def
        self._features = features

    def ask(self, signature_name: str, **inputs) -> Answer:
        """Asks a signature."""
        signature = self._signatures[signature_name]
        fetches = {name: info.name for name, info in signature.outputs.items()}
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return self._session.run(fetches, feeds)

    def predict(self, columns: Columns) -> Answer:
        """Asks `serving_default`."""
        inputs = {name: _strings(texts) for name, texts in columns.items()}
        return self.ask("serving_default", **inputs)

    def predict_all(self, columns: Columns, batch_size: int) -> Answer:
        """Asks `serving_default` for all rows, in batches of just that size."""
        num_rows = len(next(iter(columns.values())))
        batches = np.resize(np.arange(num_rows), (-(-num_rows // batch_size), batch_size))
        parts = ({n: [c[row] for row in rows] for n, c in columns.items()} for rows in batches)
        answers = _joined(list(map(self.predict, parts)))  # in the last, first rows come again
        return {name: each[:num_rows] for name, each in answers.items()}

    def classify(self, columns: Columns) -> Answer:
        """Asks `classify`, with a tf.Example for each row."""
        rows = zip(*columns.values(), strict=True)
        examples = [self._example(dict(zip(columns, row, strict=True))) for row in rows]
        return self.ask("classify", inputs=_strings(examples))

    def _example(self, texts: dict[str, bytes]) -> bytes:
        features = {
            self._features[name]: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
            for name, text in texts.items()
        }
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    def see(self, images: list[bytes]) -> Answer:
        """Asks `images`, with the pixels of one image at a time."""
        pixels = (self._session.run(decode(image)) for image in images)
        return _joined([self.ask("images", images=each[np.newaxis]) for each in pixels])


def _joined(answers: list[Answer]) -> Answer:
    return {name: _stacked([answer[name] for answer in answers]) for name in answers[0]}


def _stacked(arrays: list[np.ndarray]) -> np.ndarray:
    """Joins rows of several arrays, shorter ones padded as answers for a batch are."""
    if arrays[0].ndim == 2:
        width, are_texts = max(a.shape[1] for a in arrays), any(a.dtype == object for a in arrays)
        kind, filling = (object, b"") if are_texts else (arrays[0].dtype, 0)
        rows = ((each.astype(kind), ((0, 0), (0, width - each.shape[1]))) for each in arrays)
        arrays = [np.pad(*each, constant_values=filling) for each in rows]
    return np.concatenate(arrays)


def _strings(values: list[bytes]) -> np.ndarray:
    return np.array(values, object)  # NumPy's own type for bytes would drop zeros at the end


def decode(image: bytes) -> tf.Tensor:
    """Decodes an image by what a client may use: float32, (H, W, 3), from 0 to 255."""
    if image.startswith(b"\xff\xd8"):
        pixels = tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_ACCURATE")
    else:
        pixels = tf.io.decode_image(image, channels=3, expand_animations=False)
    return tf.cast(pixels, tf.float32)


def check_ops(export: Path, text_ops: list[str]) -> None:
    """Checks that the stock server has every operation of every function, and runs it."""
    ops = ops_of(export) - set(text_ops)
    known = {op for op in ops - PYTHON_OPS if hasattr(tf.raw_ops, op) or "Xla" in op}
    if missing := sorted(ops - known):
        raise ValueError(f"TensorFlow Serving does not have these operations: {', '.join(missing)}")
    # Without --xla_cpu_compilation_enabled the server calls DisableXlaCompilation: main.cc.
    if compiled := compiled_parts(export):
        raise ValueError(
            "TensorFlow Serving runs these only with XLA, which it has turned off: "
            f"{', '.join(compiled)}. Leave out jit_compile=True."
        )


def ops_of(export: Path) -> set[str]:
    """Returns the names of all operations of an export, those within functions too."""
    nodes, functions = _parts(export)
    return {node.op for node in nodes} - {each.signature.name for each in functions}


def compiled_parts(export: Path) -> list[str]:
    """Returns the names of the operations and functions that XLA must compile."""
    nodes, functions = _parts(export)
    marked = {each.signature.name for each in functions if each.attr[MUST_COMPILE].b}
    return sorted(marked | {node.op for node in nodes if "Xla" in node.op})


def _parts(export: Path) -> tuple[list, list]:
    """Returns the nodes of a graph, those within functions too, and its functions."""
    content = (export / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    functions = list(graph.library.function)
    return [*graph.node, *(node for each in functions for node in each.node_def)], functions


def check_signatures(meta_graph: meta_graph_pb2.MetaGraphDef, expected: dict[str, list]) -> None:
    """Checks that names, types and shapes are as promised, the batch first."""
    for name, (method, *promised) in expected.items():
        signature = meta_graph.signature_def[name]
        found = [_specs(signature.inputs), _specs(signature.outputs)]
        if [signature.method_name, *found] != [f"tensorflow/serving/{method}", *promised]:
            raise ValueError(f"the signature {name} is not as promised but {found}")


def _specs(tensors) -> dict[str, list]:
    return {
        name: [tf.as_dtype(info.dtype).name, tf.TensorShape(info.tensor_shape).as_list()]
        for name, info in tensors.items()
    }


def check_all_answers(
    server: Server, columns: Columns, signatures: dict, expected: Answer, tolerances: dict
) -> None:
    """Checks that every signature answers as the live model does, in batches of any size."""
    answers = {f"batches of {size}": server.predict_all(columns, size) for size in BATCH_SIZES}
    if "classify" in signatures:
        answers["classify"] = server.classify(columns)
    for where, answer in answers.items():
        check_answer(answer, expected, tolerances, where)
        check_company(answer, answers["batches of 1"], expected, tolerances, where)
    if "images" in signatures:
        check_answer(server.see(columns["image_bytes"]), expected, tolerances, "as pixels")
        check_bad_image(server, columns["image_bytes"])


def check_answer(answer: Answer, expected: Answer, tolerances: dict, where: str) -> None:
    """Checks an answer against the live model's.

    Texts may differ in a share of the rows where another is as good. A label must be that of the
    highest score.
    """
    for name, values in expected.items():
        if values.dtype == object:
            check_texts(answer[name], values, tolerances.get("ties", 0.0), f"{where}: {name}")
        else:
            check_numbers(answer[name], values, tolerances["model"], f"{where}: the model's {name}")
    if "label" in answer:
        check_label(answer, tolerances.get("least_score", 0.0))


def check_company(
    answer: Answer, alone: Answer, expected: Answer, tolerances: dict, where: str
) -> None:
    """Checks that what else is in a batch changes the answer to a row by hardly anything."""
    for name, values in expected.items():
        if values.dtype != object and "company" in tolerances:
            whose = f"{where}: those of a row alone"
            check_numbers(answer[name], alone[name], tolerances["company"], whose)


def check_texts(found: np.ndarray, expected: np.ndarray, share: float, where: str) -> None:
    """Checks that texts are the expected ones, but for a share of the rows."""
    if found.shape != expected.shape:
        raise ValueError(f"{where} have the shape {found.shape}, not {expected.shape}")
    differing = np.flatnonzero((found != expected).reshape(len(found), -1).any(axis=1))
    if len(differing) > len(expected) * share:
        first, wanted = found[differing[0]], expected[differing[0]]
        said = f"the first {first!r:.200} and not {wanted!r:.200}"
        raise ValueError(f"{where}: {len(differing)} are not the model's, {said}")


def check_numbers(found: np.ndarray, expected: np.ndarray, tolerance: float, whose: str) -> None:
    """Checks that numbers are the expected ones, to within a tolerance."""
    if not (difference := np.abs(found - expected).max()) <= tolerance:  # so written that NaN fails
        raise ValueError(f"scores differ by up to {difference:.1e} from {whose}")


def check_label(answer: dict, least_score: float = 0.0) -> None:
    """Checks that label and score are of the highest score, the label empty below the least."""
    rows, best = np.arange(len(answer["score"])), answer["scores"].argmax(axis=1)
    labels = np.where(answer["score"] >= least_score, answer["classes"][rows, best], b"")
    if (answer["label"] != labels).any():
        raise ValueError("a label is not the class with the highest score")
    if (answer["score"] != answer["scores"][rows, best]).any():
        raise ValueError("a score is not the highest of the scores")


def check_bad_image(server: Server, images: list[bytes]) -> None:
    """Checks that an image that cannot be decoded is an error, which says which it is."""
    try:
        server.predict({"image_bytes": [*images[:3], b"no image"]})
    except tf.errors.InvalidArgumentError as error:
        if "[3]" not in error.message:
            raise ValueError(f"a bad image is not named: {error.message}") from error
    else:
        raise ValueError("a bad image is no error")


def check_warmup_requests(server: Server, export: Path) -> None:
    """Checks that every request succeeds: one that does not keeps a server from loading."""
    requests = list(read_requests(export / "assets.extra" / "tf_serving_warmup_requests"))
    if not 0 < len(requests) <= 1000:  # kMaxNumRecords, saved_model_warmup_util.h
        raise ValueError(f"there are {len(requests)} warm-up requests; there may be 1 to 1,000")
    for signature_name, inputs in requests:
        server.ask(signature_name, **inputs)


def read_requests(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields the name of a signature and its inputs for each request."""
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


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")))
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": str(error)}))
        sys.exit(1)
