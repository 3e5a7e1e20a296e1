"""Presets of KerasHub: the same numbers as there, and what is damaged or hostile is refused."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from bert_outputs import assert_close
from preset_outputs import outputs_of_preset
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from regard.recipes.errors import UserError
from regard.recipes.images.preprocessing import ImagePreprocessing
from regard.recipes.runs.checkpoints import open_checkpoint
from regard.recipes.tokenizers.opening import open_tokenizer

GOLDEN = Path(__file__).parent / "fixtures" / "keras_hub"
KINDS = ("bert", "distilbert", "roberta", "vit")


def golden(kind, file):
    return dict(np.load(GOLDEN / kind / f"{file}.npz"))


def copied(kind, tmp_path):
    return shutil.copytree(GOLDEN / kind, tmp_path / kind)


def changed(directory, file, change):
    """Changes the JSON of a file of a preset."""
    path = directory / file
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))


@pytest.mark.parametrize("kind", KINDS)
def test_computes_what_keras_hub_does(kind, tmp_path):
    inputs, expected = golden(kind, "inputs"), golden(kind, "expected")
    assert np.abs(expected["features"]).max() > 1
    outputs, model = outputs_of_preset(GOLDEN / kind, inputs)
    assert_close(outputs, expected)
    save_checkpoint(model, tmp_path)
    assert_close(outputs_of_preset(tmp_path, inputs)[0], expected, atol=1e-6)


def test_golden_files_are_small():
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*.*")) < 500_000


@pytest.mark.parametrize("kind", KINDS[:3])
def test_without_a_head(kind, tmp_path):
    directory = copied(kind, tmp_path)
    (directory / "task.json").unlink()
    checkpoint = Checkpoint(directory)
    assert checkpoint.class_names == [] and "classifier" not in checkpoint.groups
    assert ("pooler" in checkpoint.groups) == (kind == "bert")  # whose pooler is in the backbone


def test_word_pieces_are_those_of_the_preset(tmp_path):
    checkpoint, tokenizer = open_checkpoint(GOLDEN / "bert")
    texts = ["The quickest fox.", "a FOX jumped, äs[MASK]"]
    ids = [[5, 6, 7, 9, 12], [14, 9, 10, 11, 13, 1, 4]]
    assert tokenizer.tokenize(tf.constant(texts)).to_list() == ids
    assert checkpoint.arguments["vocabulary_size"] == 17
    tokenizer.save(tmp_path, 11)
    assert open_tokenizer(tmp_path).tokenize(tf.constant(texts)).to_list() == ids


@pytest.mark.slow
def test_byte_pairs_are_those_of_the_preset(tmp_path):
    tokenizer = open_checkpoint(GOLDEN / "roberta")[1]
    texts = ["ab abc<mask> a", "ba"]
    ids = [[9, 11, 7, 4, 10], [6, 5]]
    assert tokenizer.tokenize(tf.constant(texts)).to_list() == ids
    assert tokenizer.encode(tf.constant(texts), 5).to_list() == [[0, 9, 11, 7, 2], [0, 6, 5, 2]]
    tokenizer.save(tmp_path, 11)
    assert open_tokenizer(tmp_path).tokenize(tf.constant(texts)).to_list() == ids


def test_pixels_are_scaled_as_the_preset_says():
    preprocessing = ImagePreprocessing.load(GOLDEN / "vit", 12, 8)
    pixels = np.array([[[0, 51, 255]]], "uint8")
    np.testing.assert_allclose(preprocessing.normalize(pixels)[0, 0], [-1, -0.6, 1], atol=1e-6)
    assert preprocessing.resize == (12, 8) and not preprocessing.crop


def test_a_square_is_cut_out_where_keras_hub_does_so(tmp_path):
    directory = copied("vit", tmp_path)
    own = {"image_size": [8, 8], "crop_to_aspect_ratio": True, "scale": [1, 2, 4], "offset": 3}
    changed(directory, "image_converter.json", lambda state: state["config"].update(own))
    preprocessing = ImagePreprocessing.load(directory, 8, 8)
    assert preprocessing.resize == 8 and preprocessing.crop
    np.testing.assert_allclose(preprocessing.normalize([[5, 5, 5]]), [[8, 13, 23]], rtol=1e-6)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"crop_to_aspect_ratio": True}, "must be false where image_size is no square"),
        ({"pad_to_aspect_ratio": True}, "pad_to_aspect_ratio must be False, not True"),
        ({"interpolation": "gaussian"}, r"interpolation must be one of \['nearest'"),
        ({"scale": 0}, "scale must not be 0"),
        ({"scale": "1"}, "must be one number or three"),
        ({"image_size": [9, 8]}, "and the model reads"),
    ],
)
def test_preprocessing_that_is_not_done_is_refused(own, message, tmp_path):
    directory = copied("vit", tmp_path)
    changed(directory, "image_converter.json", lambda state: state["config"].update(own))
    with pytest.raises(UserError, match=message):
        ImagePreprocessing.load(directory, 12, 8)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("vocabulary.json", b'{"a": 0, "b": 2147483647}', "ids of their own, without big gaps"),
        ("vocabulary.json", b'{"a": 0, "b": true}', "ids of their own, without big gaps"),
        ("vocabulary.json", b"[1]", "ids of their own"),
        ("vocabulary.json", b"{", "cannot be used here"),
        ("merges.txt", b"A b\n", "Token `A` out of vocabulary"),
        ("merges.txt", b"a b c\n", "cannot be used here"),
    ],
)
def test_a_damaged_tokenizer_is_refused(file, change, message, tmp_path):
    directory = copied("roberta", tmp_path)
    (directory / "assets/tokenizer" / file).write_bytes(change)
    with pytest.raises(UserError, match=message):
        open_tokenizer(directory)


@pytest.mark.parametrize(
    ("kind", "file", "own", "message"),
    [
        ("bert", "config.json", {"num_layers": 10**9}, "tensors for 1000000000 layers"),
        ("bert", "config.json", {"hidden_dim": 8}, r"has shape \(17, 6\), not \(17, 8\)"),
        ("bert", "config.json", {"num_heads": 0}, "num_attention_heads must be a positive"),
        ("roberta", "config.json", {"max_sequence_length": "9"}, "must be a positive integer"),
        ("vit", "config.json", {"use_mha_bias": False}, "use_mha_bias must be True"),
        ("vit", "config.json", {"image_shape": 12}, "has shape"),
        ("vit", "task.json", {"pooling": "gap"}, "pooling must be 'token'. Received: 'gap'"),
        ("roberta", "task.json", {"activation": "relu"}, "activation must be"),
        ("roberta", "task.json", {"num_classes": 4}, "has shape"),
    ],
)
def test_configs_that_do_not_fit_are_refused(kind, file, own, message, tmp_path):
    directory = copied(kind, tmp_path)
    changed(directory, file, lambda state: state["config"].update(own))
    with pytest.raises(CheckpointError, match=message):
        Checkpoint(directory)


def test_a_class_that_is_not_read_is_named_and_never_looked_up(tmp_path):
    directory = copied("bert", tmp_path)
    name = "keras_hub>GemmaBackbone"
    changed(directory, "config.json", lambda state: state.update(registered_name=name))
    with pytest.raises(CheckpointError, match=r"must be of BertBackbone.*Received: .*Gemma"):
        Checkpoint(directory)


def rewritten(directory, change):
    """Changes the variables of a preset."""
    with h5py.File(directory / "model.weights.h5", "r+") as file:
        change(file)


DENSE = "layers/dense/vars/0"


def in_another_file(file):
    del file[DENSE]
    file[DENSE] = h5py.ExternalLink("task.weights.h5", DENSE)


def kept_outside(file):
    shape = file[DENSE].shape
    del file[DENSE]
    file.create_dataset(DENSE, shape, "float32", external=[("elsewhere.bin", 0, 4 * 36)])


def packed(file):
    del file[DENSE]
    file.create_dataset(DENSE, (6, 6), "float32", compression="gzip", chunks=(6, 6))


def virtual(file):
    del file[DENSE]
    layout = h5py.VirtualLayout((6, 6), "float32")
    layout[:] = h5py.VirtualSource("task.weights.h5", DENSE, (6, 6))
    file.create_virtual_dataset(DENSE, layout)


def never_written(file):
    del file[DENSE]
    file.create_dataset(DENSE, (6, 6), "float32")


def of_objects(file):
    del file[DENSE]
    file.create_dataset(DENSE, (6, 6), h5py.string_dtype())
    file[DENSE][...] = "a"


def not_finite(file):
    file[DENSE][0, 0] = np.nan


def of_more(file):
    file["layers/lstm/vars/0"] = np.zeros((2, 2), "float32")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_another_file, "bert.pooler.dense.weight is missing"),
        (kept_outside, "must lie in the file as it is"),
        (packed, "must lie in the file as it is"),
        (virtual, "must lie in the file as it is"),
        (never_written, "must lie in the file as it is"),
        (of_objects, "must lie in the file as it is|has dtype object"),
        (not_finite, "every weight must be finite"),
        (of_more, "layers/lstm/vars/0 is not part of the model"),
    ],
)
def test_variables_that_are_not_as_keras_writes_them_are_refused(change, message, tmp_path):
    directory = copied("bert", tmp_path)
    rewritten(directory, change)
    with pytest.raises(CheckpointError, match=message):
        outputs_of_preset(directory, golden("bert", "inputs"))


@pytest.mark.parametrize("keep", [0, 100, 5000, -1])
def test_a_file_that_is_cut_is_refused(keep, tmp_path):
    directory = copied("bert", tmp_path)
    path = directory / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"model\.weights\.h5"):
        Checkpoint(directory)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("assets/tokenizer/vocabulary.txt", "vocabulary.txt must be there"),
        ("tokenizer.json", "tokenizer.json"),
    ],
)
def test_a_preset_without_its_tokenizer_is_refused(file, message, tmp_path):
    directory = copied("bert", tmp_path)
    (directory / file).unlink()
    with pytest.raises(UserError, match=message):
        open_tokenizer(directory)


def test_float16_and_bfloat16_are_read(tmp_path):
    import ml_dtypes

    directory, inputs = copied("bert", tmp_path), golden("bert", "inputs")

    def narrow(file):
        for path, dtype in ((DENSE, "float16"), ("layers/dense/vars/1", ml_dtypes.bfloat16)):
            values = file[path][()].astype(dtype)
            del file[path]
            file.create_dataset(path, data=values)
            if dtype != "float16":
                file[path].attrs["dtype"] = "bfloat16"

    rewritten(directory, narrow)
    outputs = outputs_of_preset(directory, inputs)[0]
    assert_close(outputs, golden("bert", "expected"), atol=0.02)
