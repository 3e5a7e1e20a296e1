from collections import Counter
from dataclasses import replace

import pytest

from regard.recipes.data.splitting import split
from regard.recipes.errors import UserError
from regard.recipes.text.data import LabelledTexts


def table_of(labels: list[str]) -> LabelledTexts:
    return LabelledTexts(
        "x.csv", [f"text {i}" for i in range(len(labels))], labels, "text", "label"
    )


def test_split_is_stratified_and_keeps_file_order():
    table = table_of(["a"] * 60 + ["b"] * 30 + ["c"] * 10)
    rest, held_out = split(table, 0.2, seed=1)
    assert Counter(held_out.labels) == {"a": 12, "b": 6, "c": 2}
    assert sorted(rest.texts + held_out.texts) == sorted(table.texts)
    for part in (rest, held_out):
        rows = [table.texts.index(text) for text in part.texts]
        assert rows == sorted(rows)
        assert part.labels == [table.labels[row] for row in rows]


def test_split_depends_on_the_seed_alone():
    table = table_of(["a", "b"] * 50)
    assert split(table, 0.1, seed=7) == split(table, 0.1, seed=7)
    assert split(table, 0.1, seed=7) != split(table, 0.1, seed=8)


def test_split_keeps_a_row_of_each_label_in_the_rest():
    rest, held_out = split(table_of(["a"] * 20 + ["b", "b", "c"]), 0.99, seed=0)
    assert Counter(rest.labels) == {"a": 1, "b": 1, "c": 1}
    assert Counter(held_out.labels) == {"a": 19, "b": 1}


def test_split_of_many_small_labels_holds_out_the_fraction():
    labels = [str(i) for i in range(100) for _ in range(3)]
    rest, held_out = split(table_of(labels), 0.1, seed=0)
    assert (len(rest), len(held_out)) == (270, 30)
    assert max(Counter(held_out.labels).values()) == 1
    assert set(held_out.labels) != set(split(table_of(labels), 0.1, seed=1)[1].labels)


def test_split_holds_out_at_least_one_row():
    assert len(split(table_of(["a", "a", "b"]), 0.01, seed=0)[1]) == 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 1.5, float("nan")])
def test_split_fraction_out_of_range(fraction):
    with pytest.raises(UserError, match=f"between 0 and 1. Received: {fraction}"):
        split(table_of(["a", "a"]), fraction, seed=0)


def test_split_of_single_rows():
    with pytest.raises(UserError, match=r"x\.csv: none can be held out"):
        split(table_of(["a", "b"]), 0.5, seed=0)


def test_split_keeps_pairs_beside_their_texts():
    table = table_of(["a", "b"] * 20)
    pairs = [text.upper() for text in table.texts]
    parts = split(replace(table, pairs=pairs, pair_column="second"), 0.3, seed=0)
    assert [len(part) for part in parts] == [28, 12]
    for part in parts:
        assert part.pairs == [text.upper() for text in part.texts]
        assert part.pair_column == "second"


def test_skipped_rows_count_once():
    rest, held_out = split(replace(table_of(["a", "b"] * 20), num_skipped=3), 0.3, seed=0)
    assert (rest.num_skipped, held_out.num_skipped) == (3, 0)
