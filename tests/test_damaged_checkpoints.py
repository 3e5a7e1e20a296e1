"""Checkpoints that are damaged, hostile or of another kind: one clear error each, and no more."""

import copy
import json
import os
import random
import re
import resource
import shutil
import struct
import time
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regard.models import TextClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError

GOLDEN = Path(__file__).parent / "fixtures" / "bert"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
GIB = 2**30


@pytest.fixture
def directory(tmp_path):
    """A checkpoint of 1 layer with a pooler and a classifier of 3 classes, whole."""
    return shutil.copytree(GOLDEN / "classifier", tmp_path / "checkpoint")


def refusal(directory):
    """The one line that says why a checkpoint is refused, soon and with little memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(CheckpointError) as error:
            Checkpoint(directory)
        seconds, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 5
    assert peak < 2**26
    return one_line(error.value)


def one_line(error):
    message = str(error)
    assert message.isprintable(), "a name in a file must not reach the terminal as it is"
    assert len(message) < 8000
    return message


def is_refused(directory):
    """The same, for the many: whether it is, and nothing but `CheckpointError`."""
    try:
        Checkpoint(directory)
    except CheckpointError as error:
        return bool(one_line(error))
    return False


@contextmanager
def address_space(extra):
    """Lets the process ask for so many bytes more and no further: an allocation then fails."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # not Linux: `tracemalloc` watches alone
        yield
        return
    used = int(statm.read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def rewrite(directory, change):
    tensors = load_file(directory / WEIGHTS)
    change(tensors)
    save_file(tensors, directory / WEIGHTS, metadata={"format": "pt"})


def edit_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_header(directory, header, size=0, data=b""):
    """A file of weights that says what it holds, and holds some data or a hole of so many bytes."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open(directory / WEIGHTS, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)
        file.truncate(8 + len(header) + len(data) + size)


def split(directory):
    """The header of a file of weights, and the data after it."""
    whole = (directory / WEIGHTS).read_bytes()
    header_size = struct.unpack("<Q", whole[:8])[0]
    return whole[8 : 8 + header_size], whole[8 + header_size :]


def write_index(directory, files):
    (directory / WEIGHTS).unlink()
    (directory / INDEX).write_text(json.dumps({"weight_map": files}))


def test_what_does_not_fit_is_all_named_at_once(directory):
    def change(tensors):
        del tensors["classifier.bias"]
        tensors["classifier.scale"] = np.zeros(3, "float32")
        tensors["bert.pooler.dense.bias"] = np.zeros(5, "float32")
        tensors["bert.embeddings.LayerNorm.bias"] = np.zeros(10, "int32")
        tensors["bert.embeddings.LayerNorm.weight"] = np.zeros(10, "float64")
        tensors["embeddings.word_embeddings.weight"] = np.zeros((31, 10), "float32")
        tensors["bert.encoder.layer.0.output.LayerNorm.gamma"] = np.zeros(10, "float32")

    rewrite(directory, change)
    message = refusal(directory)
    assert f"{directory} must hold the tensors that its config.json describes" in message
    assert "classifier.bias is missing" in message
    assert "classifier.scale is not part of the model" in message
    assert "bert.pooler.dense.bias has shape (5,), not (10,)" in message
    assert "bert.embeddings.LayerNorm.bias has dtype I32, not F32/F16/BF16" in message
    assert "bert.embeddings.LayerNorm.weight has dtype F64, not F32/F16/BF16" in message
    assert "; embeddings.word_embeddings.weight is not part of the model" in message
    assert re.search(r"0\.output\.LayerNorm\.\w+ is .*0\.output\.LayerNorm\.\w+ once more", message)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_not_finite_is_all_named_at_once(value, dtype, directory):
    def change(tensors):
        for name in ("bert.pooler.dense.weight", "classifier.bias"):
            tensors[name] = tensors[name].astype(dtype)
            tensors[name].flat[-1] = value

    rewrite(directory, change)
    with pytest.raises(CheckpointError, match="must be finite") as error:
        TextClassifier.from_checkpoint(directory)
    assert "in: bert.pooler.dense.weight; classifier.bias. What trained it" in str(error.value)


@pytest.mark.parametrize("group", ["classifier", "pooler", "masked-LM head"])
def test_a_head_that_the_architecture_has_may_not_be_missing(group, tmp_path):
    name = "pretraining" if group == "masked-LM head" else "classifier"
    prefix = {"classifier": "classifier.", "pooler": "bert.pooler."}.get(group, "cls.predictions.")
    directory = shutil.copytree(GOLDEN / name, tmp_path / name)

    def change(tensors):
        for tensor in [tensor for tensor in tensors if tensor.startswith(prefix)]:
            del tensors[tensor]

    rewrite(directory, change)
    assert f"{prefix}" in refusal(directory)
    edit_config(directory, architectures=["BertModel"])
    if group == "pooler":  # a classifier on another pooler would be wrong, and nobody would know
        assert "bert.pooler.dense.weight is missing" in refusal(directory)
    else:
        assert group not in Checkpoint(directory).groups


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "deberta"}, "type 'deberta' is not read; of texts BERT, DistilBERT,"),
        ({"model_type": "roberta-prelayernorm"}, "and RoBERTa is the nearest"),
        ({"architectures": ["BertForTokenClassification"], "is_decoder": True}, "is_decoder must"),
        ({"architectures": "BertModel"}, "architectures must be a list, not 'BertModel'"),
        ({"architectures": 7}, "architectures must be a list, not 7"),
        ({"architectures": [["BertModel"]]}, "the architecture must be one of"),
        ({"hidden_act": "laplace"}, "hidden_act must be one of 'gelu', 'relu', "),
        ({"hidden_act": {"gelu": 1}}, "not {'gelu': 1}"),
        ({"hidden_act": None}, "hidden_act must be one of"),
        ({"position_embedding_type": "relative_key"}, "must be 'absolute', not 'relative_key'"),
        ({"is_decoder": True}, "is_decoder must be False, not True"),
        ({"add_cross_attention": True}, "add_cross_attention must be False, not True"),
        ({"vocab_size": 31.0}, "vocab_size must be a positive integer, not 31.0"),
        ({"vocab_size": True}, "vocab_size must be a positive integer, not True"),
        ({"vocab_size": None}, "vocab_size must be a positive integer, not None"),
        ({"hidden_size": 0}, "hidden_size must be a positive integer, not 0"),
        ({"num_attention_heads": 3}, "a multiple of num_attention_heads, not 10 of 3"),
        ({"hidden_dropout_prob": 1}, "hidden_dropout_prob must be a number in [0, 1), not 1"),
        ({"hidden_dropout_prob": float("nan")}, "in [0, 1), not nan"),
        ({"layer_norm_eps": "1e-12"}, "layer_norm_eps must be a number in [0, 1), not '1e-12'"),
        ({"layer_norm_eps": False}, "layer_norm_eps must be a number in [0, 1), not False"),
        ({"layer_norm_eps": -1e-12}, "layer_norm_eps must be a number in [0, 1), not -1e-12"),
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "a name of its own"),
        ({"id2label": {"0": "a", "2": "b"}}, "a name of its own"),
        ({"id2label": {"0": 0, "1": 1, "2": 2}}, "id2label is {'0': 0, '1': 1, '2': 2}"),
        ({"id2label": ["a", "b", "c"]}, "id2label is ['a', 'b', 'c']"),
        ({"id2label": {}}, "id2label is {}"),
        ({"id2label": None, "num_labels": -1}, "num_labels is -1"),
        ({"id2label": None, "num_labels": "3"}, "num_labels is '3'"),
        ({"id2label": None, "num_labels": 10**12}, "classifier.weight has shape (3, 10)"),
        ({"id2label": {"0": "a", "1": "b"}}, "classifier.weight has shape (3, 10), not (2, 10)"),
        ({"num_hidden_layers": 10**9}, "25 tensors for 1000000000 layers"),
        ({"num_hidden_layers": 2}, "bert.encoder.layer.1.attention.self.query.weight is missing"),
        ({"vocab_size": 10**12}, "has shape (31, 10), not (1000000000000, 10)"),
        ({"hidden_size": 10**30, "num_attention_heads": 1}, "not (1" + "0" * 30),
        ({"intermediate_size": 10**400}, "intermediate.dense.weight has shape (17, 10), not (1000"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_config_of_another_model(changes, message, directory):
    edit_config(directory, **changes)
    assert message in refusal(directory)


def test_everything_wrong_in_a_config_is_named_at_once(directory):
    edit_config(directory, is_decoder=True, hidden_act="mish", vocab_size=-1)
    message = refusal(directory)
    for value in ("True", "'mish'", "-1"):
        assert value in message


@pytest.mark.parametrize("depth", [900, 980, 100_000])
@pytest.mark.parametrize("name", ["hidden_act", "id2label", "vocab_size", "architectures", "x"])
def test_deep_nesting(name, depth, directory):
    edit_config(directory, **{name: "HERE"})
    path = directory / "config.json"
    path.write_text(path.read_text().replace('"HERE"', "[" * depth + "]" * depth))
    if name != "x" or depth == 100_000:
        assert "config.json" in refusal(directory)
    else:  # nobody reads it, so it may be as deep as the parser goes
        is_refused(directory)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "config.json must be a file"),
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[1]", "must hold a JSON object. Received: [1]"),
        (b"null", "must hold a JSON object. Received: None"),
        (b"\xff\xfe{}", "is not JSON: 'utf-8' codec"),
        (b"\x80\x04\x95", "is not JSON: 'utf-8' codec"),  # how a pickle begins
        (b"9" * 5000, "is not JSON: Exceeds the limit"),
        (b'{"id2label": {"0": "\\ud800"}}', "is not JSON: 'utf-8' codec can't encode"),
        (b" " * (2**23 + 1), "must have at most 8388608 bytes of JSON. Received: 8388609 bytes"),
    ],
    ids=["absent", "empty", "cut", "list", "null", "utf-16", "pickle", "number", "half", "large"],
)
def test_a_config_that_is_none(content, message, directory):
    (directory / "config.json").unlink()
    if content is not None:
        (directory / "config.json").write_bytes(content)
    assert message in refusal(directory)


def test_what_is_not_a_file_is_not_waited_for(directory):
    for name in ("config.json", WEIGHTS):
        path = directory / name
        path.rename(directory / "away")
        for make in (os.mkdir, lambda p: os.symlink("/dev/zero", p), os.mkfifo):
            make(path)
            assert f"{name} must be a file" in refusal(directory)
            path.rmdir() if path.is_dir() else path.unlink()
        (directory / "away").rename(path)
    assert not is_refused(directory)


def test_no_weights(directory):
    (directory / WEIGHTS).unlink()
    message = refusal(directory)
    assert "there is no model.safetensors" in message
    assert "on the hub, it was not downloaded: it is a pickle" in message


def test_only_a_pickle(directory):
    (directory / WEIGHTS).unlink()
    (directory / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    message = refusal(directory)
    assert "only pytorch_model.bin, a pickle, which may run any program" in message
    assert f"torch.load('{directory}/pytorch_model.bin', map_location='cpu', weights" in message
    assert f"'{directory}/model.safetensors'" in message


def test_weights_of_another_framework(directory):
    tensors = load_file(directory / WEIGHTS)
    save_file(tensors, directory / WEIGHTS, metadata={"format": "tf"})
    assert "the format in its metadata must be 'pt'. Received: {'format': 'tf'}" in refusal(
        directory
    )
    save_file(tensors, directory / WEIGHTS)  # as a tool that writes no metadata does
    assert not is_refused(directory)


def test_truncated_anywhere(directory):
    whole = (directory / WEIGHTS).read_bytes()
    offsets = {*range(16), *np.linspace(16, len(whole) - 1, 200, dtype=int)}
    assert len(offsets) > 200
    assert {offset < 8 + len(split(directory)[0]) for offset in offsets} == {True, False}
    for offset in sorted(offsets):
        (directory / WEIGHTS).write_bytes(whole[:offset])
        assert "is not a whole safetensors file" in refusal(directory), offset
    (directory / WEIGHTS).write_bytes(whole + b"\0")
    assert "is not a whole safetensors file" in refusal(directory)


def test_a_bit_flipped_anywhere_in_the_header(tmp_path):
    """None is taken for whole, not even in the padding: every byte there has a meaning."""
    directory = shutil.copytree(GOLDEN / "encoder", tmp_path / "checkpoint")
    header, data = split(directory)
    write_header(directory, header + 8 * b" ", data=data)
    whole = (directory / WEIGHTS).read_bytes()
    header_size = len(header) + 8
    assert not is_refused(directory)
    with open(directory / WEIGHTS, "r+b", buffering=0) as file:
        for place in range(8 + header_size):
            for bit in range(8):
                file.seek(place)
                file.write(bytes([whole[place] ^ 1 << bit]))
                assert is_refused(directory), (place, bit)
            file.seek(place)
            file.write(whole[place : place + 1])
    assert (directory / WEIGHTS).read_bytes() == whole
    assert not is_refused(directory)


def test_a_bit_flipped_in_what_nobody_reads(directory):
    """Metadata beside the format says nothing: the tensors are the same, or there is an error."""
    header, data = split(directory)
    entry = b'"pt","made_by":"someone"'
    assert b'"pt"' in header
    header = header.replace(b'"pt"', entry)
    place = header.index(b"someone")
    outcomes = []
    for position, bit in np.ndindex(len(b"someone"), 8):
        damaged = bytearray(header)
        damaged[place + position] ^= 1 << bit
        write_header(directory, bytes(damaged), data=data)
        outcomes.append(is_refused(directory))
        if not outcomes[-1]:
            for name, tensor in load_file(GOLDEN / "classifier" / WEIGHTS).items():
                np.testing.assert_array_equal(load_file(directory / WEIGHTS)[name], tensor)
    assert {*outcomes} == {True, False}


HUGE = {"dtype": "F32", "shape": [GIB], "data_offsets": [0, 4 * GIB]}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"x": HUGE}, "is not a whole safetensors file"),
        ({"x": {**HUGE, "data_offsets": [0, 900]}}, "is not a whole safetensors file"),
        ({"x": {**HUGE, "shape": [2**62, 2**62]}}, "is not a whole safetensors file"),
        ({"x": {**HUGE, "shape": [2**62], "data_offsets": [0, 0]}}, "is not a whole safetensors"),
        ({"x": {**HUGE, "shape": [-1]}}, "is not a whole safetensors file"),
        ({"x": {**HUGE, "dtype": "F99"}}, "is not a whole safetensors file"),
        ({"__metadata__": {"format": 7}}, "is not a whole safetensors file"),
        (b"[" * 100_000, "is not a whole safetensors file"),
        (b"\xff" * 900, "is not a whole safetensors file"),
    ],
)
def test_four_gibibytes_in_a_kilobyte(header, message, directory):
    write_header(directory, header, size=900)
    with address_space(GIB):
        assert message in refusal(directory)


def test_four_gibibytes_that_the_config_asks_for_too(directory):
    edit_config(directory, vocab_size=GIB // 10)
    shape = {"dtype": "F32", "shape": [GIB // 10, 10], "data_offsets": [0, GIB // 10 * 40]}
    write_header(directory, {"bert.embeddings.word_embeddings.weight": shape}, size=900)
    with address_space(GIB):
        assert "is not a whole safetensors file" in refusal(directory)


def test_four_gibibytes_of_nothing(directory):
    """The file is as long as its header says, but the config knows a table of 31 rows."""
    header = {"bert.embeddings.word_embeddings.weight": {**HUGE, "shape": [GIB // 8, 8]}}
    write_header(directory, header, size=4 * GIB)
    assert (directory / WEIGHTS).stat().st_size > 4 * GIB
    assert f"weight has shape ({GIB // 8}, 8), not (31, 10)" in refusal(directory)


@pytest.mark.parametrize("length", [2**23 + 1, 2**40, 2**63, 2**64 - 1])
def test_a_header_of_any_length(length, directory):
    (directory / WEIGHTS).write_bytes(struct.pack("<Q", length) + b"{}")
    with address_space(GIB):
        assert f"at most 8388608 bytes of JSON. Received: {length} bytes" in refusal(directory)


def test_names_are_shown_safely(directory):
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    write_header(
        directory, {"\x1b[2J\n" + "x" * 10_000: empty} | {str(i): empty for i in range(99)}
    )
    message = refusal(directory)
    assert r"\x1b[2J\nxxx" in message
    assert "xxx... is not part" not in message
    assert "; and " in message


def test_a_shard_that_the_index_does_not_name_and_the_reverse(directory):
    tensors = load_file(directory / WEIGHTS)
    del tensors["classifier.bias"]
    save_file(tensors, directory / "model-1.safetensors", metadata={"format": "pt"})
    files = dict.fromkeys(tensors, "model-1.safetensors")
    write_index(directory, {**files, "classifier.bias": "model-1.safetensors"})
    assert "classifier.bias in model-1.safetensors" in refusal(directory)
    del files["classifier.weight"]
    (directory / INDEX).write_text(json.dumps({"weight_map": files}))
    assert "classifier.weight in model-1.safetensors" in refusal(directory)
    write_names = {**files, "classifier.weight": "model-2.safetensors"}
    (directory / INDEX).write_text(json.dumps({"weight_map": write_names}))
    assert "model-2.safetensors must be a file" in refusal(directory)


@pytest.mark.parametrize(
    "file",
    [
        "..",
        ".",
        "",
        "/",
        "../checkpoint/away",
        "/etc/passwd",
        "./away",
        "away/",
        "a/../away",
        "a/away",
    ],
)
def test_an_index_that_points_elsewhere(file, directory):
    (directory / "a").mkdir()
    shutil.copy(directory / WEIGHTS, directory / "away")
    shutil.copy(directory / WEIGHTS, directory / "a" / "away")
    names = load_file(directory / WEIGHTS)
    write_index(directory, dict.fromkeys(names, file))
    message = refusal(directory)
    assert "must lie beside it" in message or "must be a file" in message
    (directory / INDEX).write_text(json.dumps({"weight_map": dict.fromkeys(names, "away")}))
    assert not is_refused(directory)


@pytest.mark.parametrize(
    "weight_map",
    [None, [], "model.safetensors", {}, {"x": 7}, {"x": None}, {"x": {"y": 1}}, {"x": "a\0b"},
     {"x": "y" * 5000}, {"x": "\ud800"}, {"\ud800": "x"}, {"x": "\x1b[2J"}],
)  # fmt: skip
def test_an_index_that_is_none(weight_map, directory):
    write_index(directory, weight_map)
    assert refusal(directory)


def test_links(directory, tmp_path):
    """The hub's cache is made of links to files elsewhere; one to itself or to nothing is none."""
    (directory / WEIGHTS).rename(tmp_path / "blob")
    os.symlink(tmp_path / "blob", directory / WEIGHTS)
    assert not is_refused(directory)
    for target in (directory / WEIGHTS, tmp_path / "nothing"):
        (directory / WEIGHTS).unlink()
        os.symlink(target, directory / WEIGHTS)
        assert refusal(directory)


JUNK = [None, True, False, -1, 0, 1, 2, 1.5, 1e400, float("nan"), 10**30, "", "x", "gelu", "bert",
        [], [[]], ["x"], {}, {"0": "a"}, {"0": {}}, [None], "BertModel"]  # fmt: skip


def test_configs_with_keys_lost_and_values_swapped(directory):
    """Seeded: 500 times one to three keys are lost, get a stranger's value or each other's."""
    rng = random.Random(7)
    path = directory / "config.json"
    whole = json.loads(path.read_text())
    refused = 0
    for _ in range(500):
        config = copy.deepcopy(whole)
        for name in rng.sample(sorted(whole), rng.randint(1, 3)):
            values = [rng.choice(JUNK), config[rng.choice(sorted(config))], "gone"]
            config[name] = rng.choice(values)
            if config[name] == "gone":
                del config[name]
        path.write_text(json.dumps(config))
        refused += is_refused(directory)
    assert 150 < refused < 450, "some keys say nothing here, and some have a default"


@pytest.mark.parametrize("name", ["config.json", INDEX])
def test_json_with_bytes_changed(name, directory):
    names = load_file(directory / WEIGHTS)
    shutil.copy(directory / WEIGHTS, directory / "weights")
    write_index(directory, dict.fromkeys(names, "weights"))
    whole = (directory / name).read_bytes()
    rng = random.Random(7)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] = rng.randrange(256)
        (directory / name).write_bytes(damaged)
        refused += is_refused(directory)
    assert refused > 100
