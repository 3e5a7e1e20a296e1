import random
from collections import Counter
from dataclasses import replace

import pytest

from regard.recipes.data.examples import folded
from regard.recipes.data.splitting import split, take_whole, with_validation
from regard.recipes.errors import UserError
from regard.recipes.text.data import LabelledTexts, read_train_and_validation
from regard.recipes.text.sources import read_sources


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


# Equal examples


def test_distinct_examples_are_split_as_ever():
    """Runs that held out a part before must come out the same."""
    table = table_of(["a", "b", "b"] * 10)
    held_out = split(table, 0.3, seed=5)[1]
    rows = [0, 4, 7, 10, 14, 16, 21, 26, 27]
    assert held_out.texts == [f"text {row}" for row in rows]


def coin_flips(seed, is_flipped_each_time):
    """40 texts, each ten times, whose labels nobody can know."""
    rng = random.Random(seed)
    texts = ["".join(rng.choices("abcdef ", k=30)) for _ in range(40)] * 10
    labels = [rng.choice("pn") for _ in texts]
    if not is_flipped_each_time:
        labels = labels[:40] * 10
    return LabelledTexts("coin", texts, labels, "text", "label")


def accuracy_of_looking_up(train, validation):
    """How often the label of the most alike text in the training data is right."""
    labels = {folded(text): label for text, label in zip(train.texts, train.labels, strict=True)}

    def nearest(text):
        key = folded(text)
        if key in labels:
            return labels[key]
        return labels[max(labels, key=lambda other: len(set(other[:9]) & set(key[:9])))]

    right = [nearest(t) == n for t, n in zip(validation.texts, validation.labels, strict=True)]
    return sum(right) / len(right)


@pytest.mark.parametrize("is_flipped_each_time", [False, True])
def test_what_cannot_be_learned_is_not_right_by_heart(is_flipped_each_time):
    accuracies = []
    for seed in range(60):
        rest, held_out = split(coin_flips(seed, is_flipped_each_time), 0.1, seed)
        assert (len(rest), len(held_out), len(set(held_out.texts))) == (360, 40, 4)
        accuracies.append(accuracy_of_looking_up(rest, held_out))
    assert sum(accuracies) / len(accuracies) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: f"  {text} ",
        lambda text: text.replace(" ", "\u3000\t"),
        lambda text: text.replace(" ", ""),
        lambda text: text.replace("é", "e\u0301"),
        lambda text: text.replace("!", "！"),
        lambda text: text.replace("straße", "STRASSE"),
        lambda text: "\ufeff" + text.replace(" ", "\u200b "),
    ],
)
def test_texts_that_are_nearly_equal_stay_together(change):
    texts = [f"café straße {i}!" for i in range(20)]
    data = LabelledTexts("x", [*texts, *map(change, texts)], ["a", "b"] * 20, "text", "label")
    rest, held_out = split(data, 0.2, seed=0)
    assert (len(rest), len(held_out)) == (32, 8)
    assert not set(rest.keys()) & set(held_out.keys())


def test_pairs_are_equal_in_both_texts():
    texts, pairs = ["One?", "one?", "one?", "two?"] * 5, ["yes", "YES ", "no", "yes"] * 5
    data = LabelledTexts("x", texts, ["a", "b"] * 10, "t", "l", pairs=pairs, pair_column="p")
    assert len(set(data.keys())) == 3
    rest, held_out = split(data, 0.3, seed=0)
    assert not set(rest.keys()) & set(held_out.keys())


def test_a_label_that_is_never_that_of_most_stays_in_the_rest():
    texts, labels = ["x", "x", "x", "y", "z", "u"] * 2, ["a", "a", "rare", "a", "b", "b"] * 2
    for seed in range(20):
        rest, held_out = split(LabelledTexts("x", texts, labels, "t", "l"), 0.9, seed)
        assert set(rest.labels) == {"a", "b", "rare"}
        assert not set(rest.texts) & set(held_out.texts)


def test_each_label_with_one_distinct_example():
    with pytest.raises(UserError, match=r"x\.csv: none .* only one distinct example"):
        split(LabelledTexts("x.csv", ["a", "A ", "b"], ["1", "1", "2"], "t", "l"), 0.5, seed=0)


def test_whole_groups_are_taken_as_long_as_they_fit():
    assert take_whole([[0, 1], [2, 3, 4, 5], [6], [7]], 4) == [0, 1, 6, 7]
    assert take_whole([[0, 1, 2], [3, 4]], 1) == [3, 4]


def test_equal_examples_are_said_once(caplog):
    caplog.set_level("INFO", logger="regard")
    train, validation = with_validation(coin_flips(0, is_flipped_each_time=True), 0.1, 0, None)
    clash, equal = caplog.messages
    assert "coin: equal texts stay on one side of the split: 40 of 400 are distinct, 10 t" in equal
    assert clash.startswith("coin: texts under several labels: ")
    with_validation(train, validation, 0, None)  # as a recipe does with what was read before it
    assert len(caplog.messages) == 2
    caplog.clear()
    with_validation(table_of(["a", "b"] * 20), 0.1, 0, None)
    assert not caplog.messages


def test_what_is_held_out_is_known_to_be(tmp_path):
    """From the command line too, where data is read before there is a recipe."""
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(20)))
    for validation, expected in ((0.2, True), (str(path), False)):
        data = read_sources({"train": (str(path),), "validation": validation}, seed=0)
        assert data["validation"].is_held_out is expected
        _, again = read_train_and_validation(**data, seed=0)
        assert again is data["validation"]
