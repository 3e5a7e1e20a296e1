"""Labels in the forms in which tools for annotation export JSON."""

import json
import logging

import pytest

from regard.recipes.data.formats import open_table
from regard.recipes.problem_types import MULTI_LABEL, SINGLE_LABEL
from regard.recipes.text.data import read_labelled_texts, read_like
from regard.recipes.text.sources import read_questions


@pytest.fixture
def read(tmp_path, caplog):
    caplog.set_level(logging.INFO, "regard")

    def read_records(records, name="a.jsonl", **reading):
        whole = name.endswith(".json")
        lines = json.dumps(records, indent=1) if whole else "\n".join(map(json.dumps, records))
        (tmp_path / name).write_text(lines)
        return read_labelled_texts(str(tmp_path / name), **reading)

    return read_records


def task(text, *annotators, **more):
    """Makes a task of Label Studio; of each annotator there is a choice, or several, or none."""
    annotations = []
    for chosen in annotators:
        value = {"type": "choices", "from_name": "mood", "to_name": "text"}
        result = [value | {"value": {"choices": [*chosen]}}] if chosen else []
        annotations.append({"id": 1, "was_cancelled": False, "result": result} | more)
    return {"id": 7, "data": {"text": text}, "annotations": annotations, "predictions": []}


TASKS = [
    task("good film", ["pos"]),
    task("bad film", ["neg"], ["neg"], ["pos"]),
    task("odd film", ["neg"], ["pos"]),
    task("no film"),
    task("empty film", []),
    task("fine film", ["pos"], was_cancelled=True),
    task("my film", ["pos"], ground_truth=True),
]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_label_studio(read, caplog, tmp_path, name):
    table = read(TASKS, name)
    assert (table.texts, table.labels) == (
        ["good film", "bad film", "my film"],
        ["pos", "neg", "pos"],
    )
    assert (table.text_column, table.label_column) == ("data.text", "label")
    assert (table.problem_type, table.num_skipped) == (SINGLE_LABEL, 4)
    assert "annotations of Label Studio; their labels are in column 'label'" in caplog.text
    assert "examples without an annotation, passed over: 3, first row 4" in caplog.text
    assert "as many annotators say one thing as another, passed over: 1, first row 3" in caplog.text
    again = read_like(table.describe(), str(tmp_path / name))
    assert again.labels == table.labels
    asked = read_questions({"data": {"train": table.describe()}}, str(tmp_path / name))
    assert len(list(asked.table.read(["data.text"]))) == len(TASKS)  # all of them have a text


def test_label_studio_with_several_labels_or_questions(read):
    table = read([task("a", ["x", "y"]), task("b", ["x"])])
    assert (table.problem_type, table.labels) == (MULTI_LABEL, [("x", "y"), ("x",)])
    rated = task("c", ["x"])
    stars = {"type": "rating", "from_name": "stars", "value": {"rating": 4}}
    rated["annotations"][0]["result"].append(stars)
    spans = {"type": "labels", "from_name": "ner", "value": {"labels": ["PER"], "start": 0}}
    rated["annotations"][0]["result"].append(spans)
    assert read([rated], label_column="label.stars").labels == ["4"]
    assert read([rated], label_column="label.mood").labels == ["x"]


def test_prodigy(read, caplog):
    records = [
        {"text": "good film", "label": "pos", "answer": "accept"},
        {"text": "bad film", "label": "pos", "answer": "reject"},
        {"text": "odd film", "label": "neg", "answer": "ignore"},
        {"text": "poor film", "label": "neg", "answer": "accept", "_input_hash": 5},
    ]
    table = read(records)
    assert (table.texts, table.labels) == (["good film", "poor film"], ["pos", "neg"])
    assert table.num_skipped == 2
    assert "annotations of Prodigy" in caplog.text
    assert "that the annotator did not accept, passed over: 2, first row 2" in caplog.text


def test_an_empty_object_among_annotations_is_a_bad_row(read):
    good = {"text": "good film", "label": "pos", "answer": "accept"}
    assert read([good, {}], skip_bad_rows=True).num_skipped == 1
    assert read([task("good film", ["pos"]), {}], skip_bad_rows=True).num_skipped == 1


def test_choices_of_prodigy(read):
    options = [{"id": "pos", "text": "good"}, {"id": "neg", "text": "bad"}]
    records = [
        {"text": f"film {row}", "options": options, "accept": accept, "answer": "accept"}
        for row, accept in enumerate((["pos"], ["neg"], ["pos"]))
    ]
    table = read(records)
    assert (table.problem_type, table.labels) == (SINGLE_LABEL, ["pos", "neg", "pos"])
    records[1]["accept"] = ["neg", "pos"]
    assert read(records).labels == [("pos",), ("neg", "pos"), ("pos",)]


def test_a_list_of_one_everywhere_is_one_label(read, caplog, tmp_path):
    records = [{"id": row, "text": f"film {row}", "label": ["pos"]} for row in range(1200)]
    records[1]["label"] = ["neg"]
    table = read(records)
    assert (table.problem_type, table.labels[:2]) == (SINGLE_LABEL, ["pos", "neg"])
    assert "'label' holds lists of one label each, so an example has one label" in caplog.text
    assert read(records, problem_type=MULTI_LABEL).labels[1] == ("neg",)
    assert read_like(table.describe(), str(tmp_path / "a.jsonl")).labels == table.labels
    records[1150]["label"] = ["pos", "neg"]  # behind those that are looked at first
    assert read(records).labels[1149:1151] == [("pos",), ("pos", "neg")]


@pytest.mark.parametrize(
    "record",
    [
        {"text": "a", "label": "x", "answer": "yes"},
        {"text": "a", "label": "x", "answer": ["accept"]},
        {"data": {"text": "a"}, "label": "x", "annotations": [7, {"result": 7}, {"result": [7]}]},
        {"data": {"text": "a"}, "label": "x", "annotations": [{"result": [{"type": "choices"}]}]},
        {"data": {"text": "a"}, "label": "x", "annotations": "none", "completions": []},
    ],
)
def test_what_only_looks_like_annotations_is_a_table_as_others(read, caplog, record):
    assert read([record] * 2).labels == ["x", "x"]
    assert "annotations of" not in caplog.text


def test_lines_are_rows_though_one_holds_lists(tmp_path, caplog):
    caplog.set_level(logging.INFO, "regard")
    line = '{"text": ["a", "b"], "label": ["x", "y"]}\n'
    for name, count in (("a.jsonl", 1), ("a.ndjson", 1), ("a.json", 2)):
        (tmp_path / name).write_text(line)
        table = open_table(str(tmp_path / name))
        assert len(list(table.read(["text"]))) == count
    assert "a.jsonl: its one line is a row, for so its suffix says" in caplog.text
    (tmp_path / "a.jsonl").write_text(f"[{line.strip()}]")  # one value, as it begins
    assert len(list(open_table(str(tmp_path / "a.jsonl")).read(["text"]))) == 1
