"""Writes warm-up requests, which TensorFlow Serving asks an export while it loads.

They are `assets.extra/tf_serving_warmup_requests`, a TFRecord file of `PredictionLog` messages.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ...models import disk

Columns = dict[str, Sequence[bytes]]  # the texts of a batch, by the name of the input

# The inputs of `serving_default`, and the features of a tf.Example that `classify` reads for them.
FEATURES = {"texts": "text", "pairs": "pair"}
BATCH_SIZES = (1, 8)  # texts


def write_warmup_requests(export: Path, requests: Iterable[PredictionLog]) -> None:
    """Writes the requests that keep the first real ones from waiting for lazy set-up."""
    path = export / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    disk.watch("write", path)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request.SerializeToString())


def warmup_batches(examples: Columns) -> Iterator[Columns]:
    """Yields batches of several sizes, of short examples and of long ones."""
    by_length = sorted(zip(*examples.values(), strict=True), key=lambda row: sum(map(len, row)))
    for batch_size in BATCH_SIZES:
        for rows in (by_length, by_length[::-1]):  # shortest, then longest
            batch = zip(*islice(cycle(rows), batch_size), strict=True)
            yield dict(zip(examples, batch, strict=True))


# No model is named: its name is the server's choice, and saved_model_warmup.cc does not look at it.
def predict_request(columns: Columns) -> PredictionLog:
    """Makes a request of `serving_default`."""
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "serving_default"
    for name, texts in columns.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(texts, tf.string))
    return log


def classify_request(columns: Columns) -> PredictionLog:
    """Makes a request of `classify`."""
    log = PredictionLog()
    request = log.classify_log.request
    request.model_spec.signature_name = "classify"
    for row in zip(*columns.values(), strict=True):
        example = request.input.example_list.examples.add()
        for name, text in zip(columns, row, strict=True):
            example.features.feature[FEATURES[name]].bytes_list.value.append(text)
    return log
