"""What cells say of an example: one label, several, or a number."""

import json
import logging
import random

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.recipes.data.label_kinds import are_values
from regard.recipes.data.spelled_lists import read_list
from regard.recipes.data.splitting import split
from regard.recipes.errors import UserError
from regard.recipes.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from regard.recipes.text.data import LabelledTexts, read_labelled_texts, read_like
from regard.recipes.text.data import read_train_and_validation as read_both

FLAGS = "text,rude,long\none text,1,0\nanother,0,\na third,True,1.0\n"
SETS = [("a", "b"), (), ("b",)]
FEATURES = {"tags": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence"}}


@pytest.fixture
def write(tmp_path):
    def file(name, content):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return str(tmp_path / name)

    return file


def lines(*labels):
    return "".join(
        json.dumps({"text": f"text {n}", "tags": each}) + "\n" for n, each in enumerate(labels)
    )


def numbers(count, step=0.37):
    rows = "".join(f"text number {n},{n * step:.2f}\n" for n in range(count))
    return f"text,score\n{rows}"


def test_a_separator_makes_several_labels_of_a_cell(write):
    path = write("a.csv", 'text,label\nx,"b | a|b"\ny,\nz,b\n')
    data = read_labelled_texts(path, label_separator="|")
    assert (data.problem_type, data.labels) == (MULTI_LABEL, [("b", "a"), (), ("b",)])
    assert data.class_names() == ["a", "b"]
    described = data.describe()
    assert described["class_counts"] == {"a": 1, "b": 2}
    assert (described["num_without_label"], described["label_separator"]) == (1, "|")
    with pytest.raises(UserError, match="row 3: the label in column 'label' is empty"):
        read_labelled_texts(path)


def test_lists_are_several_labels_and_that_is_said(write, caplog):
    caplog.set_level(logging.INFO, "regard")
    data = read_labelled_texts(write("a.jsonl", lines(["a", 2.0], [], None, "a")))
    assert (data.problem_type, data.labels) == (MULTI_LABEL, [("a", "2"), (), (), ("a",)])
    assert "column 'tags' holds lists" in caplog.text and "--problem-type" in caplog.text
    with pytest.raises(UserError, match=r"row 1: the label .* must hold strings"):
        read_labelled_texts(write("b.jsonl", lines([{"a": 1}], ["b"])), problem_type=MULTI_LABEL)
    with pytest.raises(UserError, match=r"must be a string.*not \['a', 2.0\]"):
        read_labelled_texts(write("a.jsonl", lines(["a", 2.0])), problem_type=SINGLE_LABEL)


@pytest.mark.parametrize(
    ("cells", "problem_type", "labels"),
    [
        (['["a", "b"]', "[]", '["b"]'], MULTI_LABEL, SETS),  # JSON
        (["['a', 'b']", "[]", "['b']"], MULTI_LABEL, SETS),  # Python, as pandas writes it
        (["[0, 2]", "", "[2.0]"], MULTI_LABEL, [("0", "2"), (), ("2",)]),
        (["['a']", "['b']", "['a']"], SINGLE_LABEL, ["a", "b", "a"]),
        (["['a' 'b']", "['b']", "[]"], SINGLE_LABEL, ["['a' 'b']", "['b']", "[]"]),  # NumPy's
        (["[a]", "[b]", "[a]"], SINGLE_LABEL, ["[a]", "[b]", "[a]"]),
    ],
)
def test_lists_that_a_csv_spells(write, cells, problem_type, labels):
    rows = "".join(
        f'text {n},"{cell.replace(chr(34), 2 * chr(34))}"\n' for n, cell in enumerate(cells)
    )
    path = write("a.csv", f"text,labels\n{rows}")
    data = read_labelled_texts(path)
    assert (data.problem_type, data.labels) == (problem_type, labels)
    again = read_like(data.describe(), path)
    assert (again.problem_type, again.labels) == (problem_type, labels)


@pytest.mark.parametrize("cell", ["[" * 10**5 + "]" * 10**5, "[" * 900 + "]" * 900, "[1, {}]"])
def test_what_spells_no_list_of_labels(cell):
    assert read_list(cell) is None


def test_names_of_numbers_in_lists_are_in_the_files_metadata(tmp_path):
    table = pa.table({"text": ["x", "y", "z"], "tags": [[0, 1], [], [1]]})
    told = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    parquet.write_table(table.replace_schema_metadata(told), tmp_path / "a.parquet")
    assert read_labelled_texts(str(tmp_path / "a.parquet")).labels == SETS


def test_columns_of_0_and_1_are_labels(write):
    data = read_labelled_texts(write("a.csv", FLAGS), label_columns=("rude", "long"))
    assert data.labels == [("rude",), (), ("rude", "long")]
    assert data.label_column == ("rude", "long")
    for wrong, said in [
        ("2", "must be 0 or 1 in column 'rude', not '2'"),
        ("maybe", "must be 0 or 1 in column 'rude', not 'maybe'"),
    ]:
        with pytest.raises(UserError, match=f"row 2: .*{said}"):
            read_labelled_texts(
                write("b.csv", FLAGS.replace(",1,0", f",{wrong},0")), label_columns=("rude", "long")
            )
    with pytest.raises(UserError, match="there must be one column 'no'"):
        read_labelled_texts(write("a.csv", FLAGS), label_columns=("rude", "no"))
    with pytest.raises(UserError, match="two columns or more"):
        read_labelled_texts(write("a.csv", FLAGS), label_columns=("rude",))


def test_fractions_of_many_values_are_numbers_and_others_labels(write, caplog):
    caplog.set_level(logging.INFO, "regard")
    data = read_labelled_texts(write("a.csv", numbers(30)))
    assert (data.problem_type, data.labels[:3]) == (REGRESSION, [0.0, 0.37, 0.74])
    assert "fractions of many values" in caplog.text
    assert data.describe()["values"] == {"lowest": 0.0, "highest": 10.73}
    asked = read_labelled_texts(write("a.csv", numbers(30)), problem_type=SINGLE_LABEL)
    assert asked.labels[:2] == ["0", "0.37"]
    stars = [f"{half / 2}" for half in range(2, 11)] * 50  # 1, 1.5, ... 5
    assert not are_values(stars)
    assert not are_values([str(year) for year in range(1000)])  # no fractions
    assert are_values(["0,5", "1,25", "2", "3", "4,75", "5", "6", "7,5"], decimal=",")
    whole = read_labelled_texts(write("b.csv", numbers(30, 1)), problem_type=REGRESSION)
    assert whole.labels[:2] == [0.0, 1.0]


@pytest.mark.parametrize("cell", ["x", "inf", "nan", "1 2", "True"])
def test_what_is_no_number(write, cell):
    path = write("a.csv", f"text,score\none,1\ntwo,{cell}\n")
    with pytest.raises(UserError, match="row 3: the label in column 'score' must be a finite"):
        read_labelled_texts(path, problem_type=REGRESSION)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ({"label_column": "a", "label_columns": ("a", "b")}, "one column or in several"),
        ({"label_separator": ""}, "a character or more"),
        ({"label_separator": "|", "problem_type": REGRESSION}, "several labels. Received"),
        ({"problem_type": "other"}, "must be one of single_label_classification"),
    ],
)
def test_readings_that_contradict_themselves(write, reading, said):
    with pytest.raises(UserError, match=said):
        read_labelled_texts(write("a.csv", FLAGS), **reading)


def test_data_like_the_training_data_has_labels_of_its_kind(write):
    for path, reading, labels in [
        (write("a.csv", "text,label\nx,a|b\ny,\nz,b\n"), {"label_separator": "|"}, SETS),
        (write("b.csv", "text,a,b\nx,1,1\ny,0,0\nz,0,1\n"), {"label_columns": ("a", "b")}, SETS),
        (write("c.csv", "text,s\nx,1\ny,2\n"), {"problem_type": REGRESSION}, [1.0, 2.0]),
        (write("d.csv", numbers(30)), {"problem_type": SINGLE_LABEL}, None),
    ]:
        trained = json.loads(json.dumps(read_labelled_texts(path, **reading).describe()))
        again = read_like(trained, path)
        assert again.labels == (labels or read_labelled_texts(path, **reading).labels)


def test_what_there_is_nothing_to_learn_from(write):
    with pytest.raises(UserError, match=r"several labels needs at least two labels.*only 'a'"):
        read_both(write("a.jsonl", lines(["a"], [], ["a"])), 0.5, 0)
    with pytest.raises(UserError, match=r"at least two numbers to tell\. Received: only 3"):
        read_both({"text": ["x", "y"], "label": [3, 3]}, 0.5, 0, problem_type=REGRESSION)


def test_several_labels_are_held_out_in_proportion():
    """The rarest, too; and none is held out whole."""
    draw = random.Random(0)
    shares = {"a": 0.5, "b": 0.2, "c": 0.05, "d": 0.02}
    labels = [
        tuple(name for name, share in shares.items() if draw.random() < share) for _ in range(500)
    ]
    labels += [("once",)]
    texts = [f"text {number}" for number in range(len(labels))]
    whole = LabelledTexts("x", texts, labels, "text", "label", problem_type=MULTI_LABEL)
    learned, held_out = split(whole, 0.2, 0)
    assert len(held_out) == 100
    counts, held = (each.describe()["class_counts"] for each in (whole, held_out))
    assert set(learned.class_names()) == set(whole.class_names())
    for name in shares:
        assert held[name] == pytest.approx(counts[name] / 5, abs=max(2, 0.06 * counts[name]))


def test_numbers_are_held_out_by_chance():
    labels = [number / 3 for number in range(90)]
    texts = [f"text {number}" for number in range(90)]
    whole = LabelledTexts("x", texts, labels, "text", "label", problem_type=REGRESSION)
    learned, held_out = split(whole, 0.2, 0)
    assert (len(learned), len(held_out)) == (72, 18)
    assert min(held_out.labels) < 10 and max(held_out.labels) > 20
