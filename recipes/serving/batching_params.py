"""Writes how TensorFlow Serving should form batches of an export's requests.

With `--enable_batching --enable_per_model_batching_parameters` the server reads the file in the
version's own directory (kBatchingParamsFilename); `--batching_parameters_file` takes its path.
"""

from pathlib import Path

from ...models import disk

NAME = "batching_params.pbtxt"

# The messages and defaults: servables/tensorflow/session_bundle_config.proto, BatchingParameters.
# num_batch_threads is left out: it is then as many as the server has cores.
TEXT = """\
# How TensorFlow Serving forms batches of requests. To turn it on, start the server with
#   --enable_batching --enable_per_model_batching_parameters
# or with --enable_batching --batching_parameters_file= and the path of this file.

# A request may have so many instances; more is an error.
max_batch_size { value: 1024 }
# A long request is answered in parts, so that it does not hold up the others.
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
# Nobody waits for company: a batch is what has come while all threads were busy. A server with
# an accelerator may gain by a few thousand microseconds.
batch_timeout_micros { value: 0 }
# Parts of requests that may wait; further requests are refused.
max_enqueued_batches { value: 1024 }
"""


def write_batching_params(export: Path) -> None:
    """Writes the file into the directory of a version."""
    disk.write_text(export / NAME, TEXT)
