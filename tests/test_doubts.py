"""What is said of data whose figures mislead."""

import pytest

from image_files import encode, picture
from regard import UserError
from regard.recipes.data.doubts import warn_of_labels
from regard.recipes.data.splitting import with_validation
from regard.recipes.images.data import LabelledImages
from regard.recipes.text.data import LabelledTexts, read_labelled_texts, read_train_and_validation
from regard.recipes.translation.data import ParallelTexts


def table(texts, labels, source="x.csv"):
    return LabelledTexts(source, list(texts), list(labels), "text", "label")


def beside(train, validation, caplog):
    """The lines on data to learn from and data to validate on."""
    with_validation(train, validation, 0, None)
    return caplog.messages


TRAIN = table(["Good room.", "bad room", "bad food", "good food"], "pnnp", "train.csv")


def test_what_stands_in_the_training_data_is_counted(caplog):
    validation = table(["good food!", "GOOD  room.", "bad room", "odd"], "ppnn", "dev.csv")
    assert beside(TRAIN.take(range(4)), validation, caplog) == [
        "train.csv is validated on its own training data, 2 of 4 examples, first 'GOOD  room.': "
        "the figures flatter"
    ]


def test_nothing_is_said_of_data_that_is_sound(caplog):
    assert beside(TRAIN.take(range(4)), table(["so good", "so bad"], "pn"), caplog) == []


def test_it_is_said_once_of_the_same_data(caplog):
    train, validation = TRAIN.take(range(4)), TRAIN.take([0, 1])
    assert len(beside(train, validation, caplog)) == 1
    assert len(beside(train, validation, caplog)) == 1
    assert len(beside(train.take(range(4)), validation, caplog)) == 2  # that is other data


def test_pairs_are_compared_as_pairs(caplog):
    def pairs(*pairs):
        first, second = map(list, zip(*pairs, strict=True))
        return LabelledTexts("x", first, ["a", "b"], "t", "l", pairs=second, pair_column="second")

    train = pairs(("one", "two"), ("three", "four"))
    assert beside(train, pairs(("one", "four"), ("two", "one")), caplog) == []
    assert (
        "1 of 2 examples, first 'ONE'"
        in beside(train, pairs(("ONE", "two"), ("five", "six")), caplog)[0]
    )


def test_translations_are_compared_by_their_sources(caplog):
    train = ParallelTexts("train.en", ["A dog.", "A cat."], ["Ein Hund.", "Eine Katze."])
    other = ParallelTexts("dev.en", ["a dog.", "A fox."], ["Der Hund.", "Ein Fuchs."])
    assert "1 of 2 examples, first 'a dog.'" in beside(train, other, caplog)[0]


def test_sources_that_are_equal_stay_together():
    sources = ["A dog.", "a  dog.", "A cat.", "A fox."] * 5
    data = ParallelTexts("x", sources, [f"target {i}" for i in range(20)])
    for seed in range(10):
        rest, held_out = with_validation(data, 0.25, seed, None)
        assert not set(rest.keys()) & set(held_out.keys())
        assert len(held_out) == 5


def test_images_are_compared_by_what_they_hold(caplog):
    """Even before their digests are taken."""

    def images(*seeds):
        contents = [encode(picture(seed=seed)) for seed in seeds]
        names, labels = [f"image {n}" for n in range(len(seeds))], ["a", "b"] * (len(seeds) // 2)
        return LabelledImages("memory", names, labels, [], contents=contents)

    assert "1 of 2 examples, first image 1: " in beside(images(1, 2), images(3, 1), caplog)[0]
    for seed in range(10):
        rest, held_out = with_validation(images(*range(10), *range(10)), 0.2, seed, None)
        assert len(held_out) == 4
        assert not set(rest.contents) & set(held_out.contents)


def test_one_text_under_several_labels(caplog):
    warn_of_labels(table(["fine", "odd", "Fine ", "odd", "fine"], "nppno"))
    assert caplog.messages == ["x.csv: texts under several labels: 2, first 'fine' (n, o, p)"]


@pytest.mark.parametrize("other", ["Very Good", "very  good", "verygood", "ｖｅｒｙ good"])
def test_labels_that_are_hardly_two(other, caplog):
    warn_of_labels(table("abc", ["very good", other, "bad"]))
    (line,) = caplog.messages
    assert "labels that differ by case, white space or Unicode form alone: 1, first " in line
    assert repr("very good") in line
    assert repr(other) in line


def test_classes_with_no_validation_example(caplog):
    train = table("abcdefg", ["x", "y", "z", "x", "y", "z", "w"])
    assert beside(train, table("hi", "xy", "dev.csv"), caplog) == [
        "dev.csv: classes with no validation example, which macro-F1 leaves out: 2 (w, z)"
    ]


def test_a_class_of_equal_texts_cannot_be_held_out(caplog):
    with_validation(table(["same"] * 10 + list("abcdefghij"), "y" * 10 + "n" * 10), 0.2, 0, None)
    assert caplog.messages == [
        "x.csv: classes with no validation example, which macro-F1 leaves out: 1 (y)"
    ]


def test_lines_on_many_and_long_things_are_short(caplog):
    labels = [f"label {i}" for i in range(100)]
    warn_of_labels(table(["very long " * 1000] * 100, labels))
    beside(table("abc" * 34, [*labels, "x", "x"]), table("z", "x"), caplog)
    assert "(label 0, label 1, label 10, label 11, label 12, ...)" in caplog.text
    assert max(map(len, caplog.messages)) < 250


def test_files_are_read_with_a_word_on_them(tmp_path, caplog):
    """Each finding is one line, also where the recipe takes what the command line has read."""
    (tmp_path / "train.csv").write_text(
        "text,label\nfine,p\nFine,n\nbad,n\ngood,P\nso,p\nworse,n\n"
    )
    (tmp_path / "dev.csv").write_text("text,label\nfine,p\nodd,n\n")
    parts = read_train_and_validation(tmp_path / "train.csv", tmp_path / "dev.csv", seed=0)
    read_train_and_validation(*parts, seed=0)
    lines = [line.replace(f"{tmp_path}/", "") for line in caplog.messages]
    assert lines == [
        "train.csv: texts under several labels: 1, first 'fine' (n, p)",
        "train.csv: labels that differ by case, white space or Unicode form alone: 1, first "
        "'P' and 'p'",
        "train.csv is validated on its own training data, 1 of 2 examples, first 'fine': "
        "the figures flatter",
        "dev.csv: classes with no validation example, which macro-F1 leaves out: 1 (P)",
    ]
    caplog.clear()
    read_labelled_texts(tmp_path / "train.csv")
    assert len(caplog.messages) == 2


def test_a_label_that_a_run_could_not_hold():
    with pytest.raises(UserError, match=r"x.csv: a label must be text.*Received: 'b\\udcff'\."):
        table(["x", "y"], ["a", "b\udcff"]).class_names()
