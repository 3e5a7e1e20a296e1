"""Pairs of texts from tables, and data that goes with the training data."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.errors import UserError
from regard.recipes.text.data import (
    LabelledTexts,
    read_labelled_texts,
    read_like,
    read_train_and_validation,
)

QUESTIONS = "first,second,label\nwho?,what?,no\n你好吗,好吗,yes\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", QUESTIONS),
        ("a.tsv", QUESTIONS.replace(",", "\t")),
        (
            "a.jsonl",
            '{"first": "who?", "second": "what?", "label": "no"}\n'
            '{"second": "好吗", "first": "你好吗", "label": "yes"}\n',
        ),
    ],
)
def test_pairs(write, name, content):
    table = read_labelled_texts(write(name, content), text_column="first", pair_column="second")
    assert table.texts == ["who?", "你好吗"]
    assert table.pairs == ["what?", "好吗"]
    assert table.labels == ["no", "yes"]
    assert (table.text_column, table.pair_column) == ("first", "second")


def test_pairs_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"second": ["b"], "text": ["a"], "label": ["x"]}), path)
    table = read_labelled_texts(path, pair_column="second")
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["x"])


def test_no_pairs_unless_named(write):
    table = read_labelled_texts(write("a.csv", QUESTIONS), text_column="first")
    assert (table.pairs, table.pair_column) == (None, None)


def test_the_pair_column_is_no_candidate_for_another(write):
    path = write("a.csv", QUESTIONS)
    assert read_labelled_texts(path, pair_column="second").text_column == "first"
    path = write("b.csv", "text,review,label\n1,2,3\n")
    assert read_labelled_texts(path, pair_column="text").texts == ["2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair_column": "third"}, "no column 'third'.*'first', 'second', 'label'.*--pair-column"),
        ({"pair_column": "first", "text_column": "first"}, "'first' cannot be both the text and"),
        ({"pair_column": "label", "label_column": "label"}, "'label' cannot be both the label and"),
        ({"pair_column": "label"}, "no column is known to hold the texts.*--text-column"),
    ],
)
def test_pair_columns_that_will_not_do(write, options, message):
    with pytest.raises(UserError, match=f"a.csv: .*{message}"):
        read_labelled_texts(write("a.csv", QUESTIONS), **options)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"text": "x", "label": "b"}', "is missing"),
        ('{"text": "x", "label": "b", "second": " "}', "is empty"),
        ('{"text": "x", "label": "b", "second": [7]}', "must be a string, .* not .7."),
        ('{"text": "x", "label": "b", "second": "\\u0000"}', "holds a NUL byte"),
        ('{"text": "x", "label": "b", "second": "\\ud83d"}', "holds half a character"),
    ],
)
def test_bad_second_text(write, bad, problem):
    good = '{"text": "good", "label": "a", "second": "also"}'
    path = write("a.jsonl", f"{good}\n{bad}\n")
    message = rf"a\.jsonl, row 2: the second text in column 'second' {problem}.*--skip-bad-rows"
    with pytest.raises(UserError, match=message):
        read_labelled_texts(path, pair_column="second")
    table = read_labelled_texts(path, pair_column="second", skip_bad_rows=True)
    assert (table.pairs, table.num_skipped) == (["also"], 1)


def test_fingerprint_depends_on_pairs():
    single = LabelledTexts("x.csv", ["a", "b"], ["1", "2"], "text", "label")
    # Runs remember it, so it must not change.
    known = "ea1b34619359072f936ba8d28e01f461889bbb04036f6b1d95539ff7423da8a0"
    assert single.fingerprint() == known
    paired = replace(single, pairs=["c", "d"], pair_column="second")
    swapped = replace(single, pairs=["d", "c"], pair_column="second")
    assert len({single.fingerprint(), paired.fingerprint(), swapped.fingerprint()}) == 3


def test_pairs_go_with_their_column():
    with pytest.raises(ValueError, match=r"together.*pair_column=None"):
        LabelledTexts("x.csv", ["a"], ["1"], "text", "label", pairs=["b"])


# Data that goes with the training data


TRAINED = {"text_column": "first", "label_column": "label", "pair_column": "second"}


def test_read_like_takes_the_columns_of_the_training_data(write):
    path = write("a.csv", "first,second,text,label\na,b,c,d\n")
    table = read_like(TRAINED, path)
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["d"])
    table = read_like({**TRAINED, "pair_column": None}, path)
    assert (table.texts, table.pairs) == (["a"], None)
    table = read_like({"text_column": "first", "label_column": "label"}, path)  # an older run
    assert (table.texts, table.pairs) == (["a"], None)


def test_read_like_guesses_where_the_names_differ_except_for_pairs(write):
    path = write("a.csv", "text,other,class\na,b,c\n")
    with pytest.raises(UserError, match=r"a\.csv: there is no column 'second'.*--pair-column"):
        read_like(TRAINED, path)
    table = read_like(TRAINED, path, pair_column="other")
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["c"])


def test_pairs_for_a_model_of_single_texts(write):
    trained = {**TRAINED, "pair_column": None}
    with pytest.raises(UserError, match=r"a\.csv must hold single texts.*Leave out --pair-column"):
        read_like(trained, write("a.csv", QUESTIONS), pair_column="second")


def test_train_and_validation_are_pairs_alike(write):
    train = write("train.csv", QUESTIONS)
    train, validation = read_train_and_validation(
        train, write("dev.csv", QUESTIONS.replace("who", "why")), seed=0, pair_column="second"
    )
    assert train.pairs == validation.pairs == ["what?", "好吗"]
    single = replace(validation, pairs=None, pair_column=None)
    with pytest.raises(UserError, match=r"dev\.csv must hold pairs of texts.*--pair-column"):
        read_train_and_validation(train, single, seed=0)
    with pytest.raises(UserError, match=r"no column 'second'.*--pair-column"):
        read_train_and_validation(train, write("b.csv", "text,label\na,no\n"), seed=0)


def test_pairs_are_held_out_together(write):
    rows = "".join(f"first {i},second {i},{i % 2}\n" for i in range(20))
    path = write("a.csv", f"first,second,label\n{rows}")
    parts = read_train_and_validation(path, 0.25, seed=0, pair_column="second")
    assert [len(part) for part in parts] == [15, 5]
    for part in parts:
        assert part.pairs == [text.replace("first", "second") for text in part.texts]
