"""Files of tensors, byte for byte what safetensors writes, without a copy; and records."""

import os
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save

from regard.models.digests import Record, make_record
from regard.models.tensor_file import write_tensors


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16"])
def test_as_the_library_writes_them(dtype, tmp_path):
    random = np.random.default_rng(0)
    shapes = {"b": (3, 5), "a.ü": (7,), "empty": (0, 2), "one": ()}
    tensors = {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    tensors["turned"] = random.normal(size=(3, 5)).astype(dtype).T
    tensors = {name: np.asarray(value, order="K") for name, value in tensors.items()}
    write_tensors(tmp_path / "file", tensors, {"format": "pt"})
    contiguous = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    assert (tmp_path / "file").read_bytes() == save(contiguous, {"format": "pt"})


def test_several_types(tmp_path):
    tensors = {
        "a": np.ones(3, "uint8"),
        "b": np.arange(2.0),
        "c": np.ones(1, ml_dtypes.bfloat16),
        "d": np.arange(5, dtype="int16"),
    }
    write_tensors(tmp_path / "file", tensors, {})
    found = load_file(tmp_path / "file")
    assert {name: value.dtype for name, value in found.items()} == {
        name: value.dtype for name, value in tensors.items()
    }
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_record_of_a_path_that_is_not_utf8(tmp_path):
    source = os.fsdecode(b"reviews-\xff.csv")
    (tmp_path / "run.json").write_bytes(make_record(tmp_path, "run.json", {"source": source}))
    record = Record(tmp_path, "run.json")
    assert record.content == {"source": r"reviews-\udcff.csv"} and record.problem is None


def test_memory(tmp_path):
    tensors = {"a": np.ones(2**20, "float32"), "b": np.ones(2**20, "float32")}
    tracemalloc.start()
    write_tensors(tmp_path / "file", tensors, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**17  # of 8 MiB
