"""What `run.json` and other JSON must be, digests or none: one clear error, and no other."""

import copy
import json
import logging
import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_info import METADATA, PRETRAINED, TRANSLATION, write_run

from regard.models.checkpoint_files import read_headers
from regard.models.json_files import CheckpointError, parse_json, read_json
from regard.recipes.errors import UserError
from regard.recipes.runs.description import describe_run
from regard.recipes.runs.listing import find_runs, format_description, format_runs
from regard.recipes.runs.metadata import check_class_names, read_metadata

HUGE = 10**400


def with_settings(**changes):
    return {"settings": {**METADATA["settings"], **changes}}


def with_train(**changes):
    return {"data": {"train": {**METADATA["data"]["train"], **changes}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"task": "poetry"},
            "must be one of text, masked_lm, translation, images, tokens, not 'poetry'",
        ),
        ({"task": ["text"]}, "`task` must be one of"),
        ({"settings": []}, "`settings` must be dict. Received: []"),
        (with_settings(max_sequence_length=None), "`settings.max_sequence_length` must be int"),
        (with_settings(max_sequence_length=2), "`max_sequence_length` must be at least 3"),
        (with_settings(max_sequence_length=True), "`settings.max_sequence_length` must be int"),
        (with_settings(max_sequence_length="256"), "`settings.max_sequence_length` must be int"),
        (with_settings(epochs=-HUGE), "`epochs` must be at least 1"),
        (with_settings(epochs=1.5), "`epochs` must be int | None. Received: epochs=1.5"),
        (with_settings(dropout=1.0), "`dropout` must be in [0, 1)"),
        (with_settings(long_texts="all"), "`long_texts` must be one of cut, head-tail, windows"),
        (with_settings(xla="no"), "`xla` must be bool | None"),
        (with_settings(checkpoint=7), "`checkpoint` must be str | None"),
        ({"class_names": "ab"}, "`class_names` must be"),
        ({"class_names": ["a", "a"]}, "`class_names` must be names. Received: ['a', 'a']"),
        ({"class_names": []}, "`class_names` must be names"),
        ({"class_names": ["a", 1]}, "`class_names` must be names"),
        ({"class_names": [[["a"]]]}, "`class_names` must be names"),
        ({"finished": "yesterday"}, "`finished` must be a date and time"),
        ({"finished": 7}, "`finished` must be str"),
        ({"seconds": "7"}, "`seconds` must be"),
        ({"versions": ["1"]}, "`versions` must be dict"),
        ({"given": 1}, "`given` must be dict"),
        ({"data": {}}, "there must be `data.train.text_column`"),
        (with_train(text_column=7), "`data.train.text_column` must be str | list"),
        (with_train(num_examples="many"), "`data.train.num_examples` must be int"),
        (with_train(sources=[1]), "`data.train.sources` must be names"),
        (with_train(pair_column=["b"]), "`data.train.pair_column` must be"),
    ],
)
def test_what_a_run_says_must_make_sense(changes, message, tmp_path):
    write_run(tmp_path / "run", {**METADATA, **changes})
    with pytest.raises(UserError, match=r"run\.json does not describe a run as `regard`") as error:
        read_metadata(tmp_path / "run")
    assert message in str(error.value)


def test_settings_of_other_versions(tmp_path):
    """Those that are not known, that there were not, and that had no value."""
    settings = {"max_sequence_length": 8, "magic": {"x": 1}, "label_smoothing": None}
    write_run(tmp_path / "run", {**METADATA, "settings": settings})
    assert read_metadata(tmp_path / "run")["settings"] == settings


def test_sizes_of_images_are_lists_in_json(tmp_path):
    run = {"task": "images", "settings": {"image_size": [192, 256]}, "class_names": ["a", "b"]}
    for size in ([192, 256], 224, None):
        (tmp_path / "run.json").write_text(json.dumps({**run, "settings": {"image_size": size}}))
        assert read_metadata(tmp_path)["settings"]["image_size"] == size
    for size in ([192], [192, 2.5], {"height": 1}, "224"):
        (tmp_path / "run.json").write_text(json.dumps({**run, "settings": {"image_size": size}}))
        with pytest.raises(UserError, match="`image_size` must be"):
            read_metadata(tmp_path)


def test_classes_must_be_those_of_the_checkpoint():
    check_class_names({"class_names": ["a", "b"]}, ["a", "b"])
    check_class_names({}, [])
    for said, names in ((["b", "a"], ["a", "b"]), (None, ["a"]), (["a"], [])):
        with pytest.raises(UserError, match="must name the same classes in the same order"):
            check_class_names({"class_names": said}, names)


def test_a_length_must_be_one_that_the_model_has():
    from regard.recipes.runs.run import LanguageRun

    model = SimpleNamespace(config={"max_sequence_length": 8})
    LanguageRun(model, None, with_settings(max_sequence_length=8))
    with pytest.raises(ValueError, match=r"at most the model's 8\. Received: 9"):
        LanguageRun(model, None, with_settings(max_sequence_length=9))


JUNK = [None, True, -1, 0, 1.5, 1e308, HUGE, "", "x", "2024-01-01", "0001-01-01T00:00:00+14:00",
        [], [[]], ["x"], {}, {"0": "a"}, {"train": 1}, [None]]  # fmt: skip


def test_entries_lost_and_swapped(tmp_path, caplog):
    """Seeded: whatever is in `run.json` and `metrics.json`, it is told or refused."""
    caplog.set_level(logging.ERROR, "regard")
    rng = random.Random(3)
    runs = [(METADATA, {"accuracy": 0.5}), (TRANSLATION, {"bleu": 1.0}), (PRETRAINED, {})]
    refused = 0
    for number in range(300):
        metadata, metrics = copy.deepcopy(runs[number % len(runs)])
        for _ in range(rng.randint(1, 2)):
            holder = rng.choice([metadata, metrics, *_dicts(metadata)])
            name = rng.choice([*holder, "accuracy"])
            holder[name] = rng.choice(JUNK)
            if rng.random() < 0.2:
                del holder[name]
        run = tmp_path / str(number)
        write_run(run, metadata, metrics)
        (run / "model/model.safetensors").unlink()
        try:
            format_description(describe_run(run))
        except UserError:
            refused += 1
    format_runs(find_runs(tmp_path))
    assert 50 < refused < 290


def _dicts(value):
    for each in value.values():
        if isinstance(each, dict):
            yield each
            yield from _dicts(each)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "one of each name. Received several of: 'c'"),
        ("[" * 100_000, "more than 50 levels"),
        ('{"a":' * 100_000, "more than 50 levels"),
        ('{"a": ' + "[" * 50 + "]" * 50 + "}", "more than 50 levels"),
        ('{"a": NaN}', "must be finite. Received: NaN"),
        ('{"a": [-Infinity]}', "must be finite. Received: -Infinity"),
        ('{"a": 1e999}', "must be finite. Received: 1e999"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ('{"a": "', "Unterminated string"),
        ("9" * 5000, "Exceeds the limit"),
    ],
)
def test_json_means_one_thing_and_is_safe(content, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_json(content.encode(), finite=True)
    write_run(tmp_path / "run")
    (tmp_path / "run/run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json does not describe a run"):
        read_metadata(tmp_path / "run")


def test_json_as_deep_and_as_large_as_it_may_be(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": ' + "[" * 48 + "]" * 48 + "}")
    assert read_json(path)["a"]
    path.write_text('{"a": "' + "x" * 2**23 + '"}')
    with pytest.raises(CheckpointError, match="must have at most 8388608 bytes of JSON"):
        read_json(path)


def test_a_tensor_that_is_named_twice(tmp_path):
    """In a header, or in two files with one index."""
    path = tmp_path / "model.safetensors"
    entry = '"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'
    header = f"{{{entry}, {entry}}}".encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    assert load_file(path)["a"].tolist() == [0, 0]  # the library does not mind
    with pytest.raises(CheckpointError, match=r"safetensors: its header .* several of: 'a'"):
        read_headers(tmp_path)
    path.unlink()
    for name in ("x", "y"):
        save_file({"a": np.zeros(2, "float32")}, tmp_path / name)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "x", "a": "y"}}')
    with pytest.raises(CheckpointError, match="several of: 'a'"):
        read_headers(tmp_path)
    save_file({"b": np.zeros(2, "float32"), "a": np.zeros(2, "float32")}, tmp_path / "y")
    index.write_text('{"weight_map": {"a": "x", "b": "y"}}')
    with pytest.raises(CheckpointError, match="They differ in: a in y"):
        read_headers(tmp_path)
