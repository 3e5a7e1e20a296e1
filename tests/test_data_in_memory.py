"""Data in memory: what is taken, and what is said of the rest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regard.recipes.data.memory import texts_of
from regard.recipes.errors import UserError
from regard.recipes.text.data import read_labelled_texts


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "x"), ("b", "y"), 5], r"at position 2: 5"),
        ([{"text": "a", "label": "x"}, ("b", "y")], r"at position 1: \('b', 'y'\)"),
        ([("a", "x"), ("b", "y", "z")], r"at position 1: \('b', 'y', 'z'\)"),
        (["text alone"], r"at position 0: 'text alone'"),
        ([("a", "x"), (None, "y")], r"row 1: the text in column 'text' is missing"),
        ([], "holds no rows"),
    ],
)
def test_a_bad_row_has_a_position(rows, said):
    for data in (iter(rows), (row for row in rows)):
        with pytest.raises(UserError, match=said):
            read_labelled_texts(data)


@pytest.mark.parametrize("data", [None, 5, object(), Path("a.csv"), b"a", "a"])
def test_what_is_no_texts(data):
    with pytest.raises(TypeError, match=r"`texts` must be a list, a generator.*Received: texts="):
        texts_of(data)


def test_bytes_are_texts():
    assert texts_of([b"caf\xc3\xa9", "a"]) == ["café", "a"]
    assert texts_of([(b"a", "b")]) == [("a", "b")]
    assert texts_of(np.array([b"a", b"b"])) == ["a", "b"]
    assert texts_of(pd.Series([b"a", "b"])) == ["a", "b"]


def test_frames_with_categories_and_missing_values():
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": ["x", "y", "x"]})
    labels = frame["label"].astype("category")
    assert read_labelled_texts(frame.assign(label=labels)).labels == ["x", "y", "x"]
    assert texts_of(frame["text"].astype("category")) == ["a", "b", "c"]
    missing = frame.assign(label=pd.array([1, None, 2], "Int64"))
    with pytest.raises(UserError, match="row 1: the label in column 'label' is missing"):
        read_labelled_texts(missing)
    with pytest.raises(UserError, match="The text at position 1 is missing"):
        texts_of(pd.Series(["a", pd.NA], dtype="string"))


def test_a_column_that_is_named_twice():
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(UserError, match=r"must be named once\. Received twice: 'text'"):
        read_labelled_texts(frame, text_column=("text", "text"))
