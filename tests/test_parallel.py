import codecs
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.data.columns import choose_columns
from regard.recipes.data.rows import Table
from regard.recipes.data.splitting import split
from regard.recipes.errors import UserError
from regard.recipes.translation.data import (
    ParallelTexts,
    read_parallel_texts,
    read_train_and_validation,
)

PAIRS = [("A dog runs.", "Ein Hund rennt."), ("two, three", "zwei, drei"), ("狗", "犬")]
SOURCES, TARGETS = map(list, zip(*PAIRS, strict=True))


@pytest.fixture
def write_two(write):
    def write_files(sources: str | bytes, targets: str | bytes):
        return write("a.en", sources), write("a.de", targets)

    return write_files


# Two files


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_two_files(write_two, end, last, mark):
    texts = (mark + end.join(side) + end * last for side in (SOURCES, TARGETS))
    source, target = write_two(*texts)
    data = read_parallel_texts(source, target)
    assert (data.sources, data.targets) == (SOURCES, TARGETS)
    assert (data.source, data.columns, data.num_skipped) == (str(source), None, 0)
    assert len(data) == 3


def test_the_two_files_may_end_their_lines_differently(write_two):
    data = read_parallel_texts(*write_two("a\r\nb", "\ufeffc\nd\n"))
    assert (data.sources, data.targets) == (["a", "b"], ["c", "d"])


def test_several_files_of_targets(write, caplog):
    source, first = write("a.en", "a\nb\nc\n"), write("1.de", "A\nB\nC\n")
    second, third = write("2.de", "Ä\n\nÇ\n"), write("3.de", "x\ny\n")
    with pytest.raises(UserError, match=r"2\.de, row 2: the target 2 is empty"):
        read_parallel_texts(source, [first, second])
    data = read_parallel_texts(source, [first, second], skip_bad_rows=True)
    assert (data.sources, data.targets, data.num_skipped) == (["a", "c"], ["A", "C"], 1)
    assert data.references == [("A", "Ä"), ("C", "Ç")]
    assert data.take([1]).references == [("C", "Ç")]
    assert read_parallel_texts(source, [first]).references is None
    with pytest.raises(UserError, match=r"a\.en and .*3\.de must have .* Received: 3 and 2 lines"):
        read_parallel_texts(source, [first, third])


def test_one_file_of_targets_to_learn_from(write):
    files = [write(name, text) for name, text in (("a", "a\nb\n"), ("b", "A\nB\n"))]
    with pytest.raises(UserError, match="learns from one target of each source"):
        read_train_and_validation(files[0], [files[1], files[1]], 0.5, None, None, 0)


def test_lines_are_kept_as_they_are(write_two):
    lines = [" a  b ", "a\tb", 'a, "b"', "a\u2028b\u0085c\x0bd\x0ce", "#"]
    data = read_parallel_texts(*write_two("\n".join(lines), "1\n2\n3\n4\n5"))
    assert data.sources == lines


def test_a_carriage_return_is_no_line_end(write_two):
    """As `wc -l` counts, and the tools that aligned the files: else all that follows is amiss."""
    data = read_parallel_texts(*write_two("a\rb\nc\nd\n", "e\nf\rg\nh\n"))
    assert (data.sources, data.targets) == (["a\rb", "c", "d"], ["e", "f\rg", "h"])


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_other_encodings(write_two, encoding):
    source, target = write_two("好\n差\n".encode(encoding), "good\nbad\n".encode(encoding))
    data = read_parallel_texts(source, target, encoding=encoding)
    assert (data.sources, data.targets) == (["好", "差"], ["good", "bad"])


def test_what_is_not_in_the_encoding(write_two):
    source, target = write_two("a\nb\n", "ä\nö\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.de, line 1: byte 0xE4 is not utf-8.*--encoding"):
        read_parallel_texts(source, target)
    assert read_parallel_texts(source, target, encoding="latin-1").targets == ["ä", "ö"]


def test_a_mark_of_the_byte_order_is_no_text(write_two):
    source, target = write_two(codecs.BOM_UTF8 + b"a\n", codecs.BOM_UTF8 + b"b\n")
    assert read_parallel_texts(source, target).sources == ["a"]


@pytest.mark.parametrize(
    ("sources", "targets", "counts"),
    [
        ("a\nb\n", "c\n", "2 and 1 line"),
        ("a\nb", "c\nd\n\n", "2 and 3 lines"),
        ("a\n", "c\n" * 1234, "1 and 1,234 lines"),
    ],
)
def test_different_numbers_of_lines(write_two, sources, targets, counts):
    message = rf"a\.en and .*a\.de must have as many lines.*Received: {counts}\."
    for skip_bad_rows in (False, True):
        with pytest.raises(UserError, match=message):
            read_parallel_texts(*write_two(sources, targets), skip_bad_rows=skip_bad_rows)


@pytest.mark.parametrize(
    ("sources", "targets", "problem"),
    [
        ("a\n\nc\n", "d\ne\nf\n", "row 2: the source is empty"),
        ("a\nb\nc\n", "d\n \t\nf\n", "row 2: the target is empty"),
        ("a\n\nc\n", "d\n\nf\n", "row 2: the source is empty"),
        ("a\nb\nc\n", "d\ne\0\nf\n", "row 2: the target holds a NUL byte"),
    ],
)
def test_bad_lines(write_two, caplog, sources, targets, problem):
    source, target = write_two(sources, targets)
    with pytest.raises(UserError, match=rf"a\.en and .*a\.de, {problem}.*--skip-bad-rows"):
        read_parallel_texts(source, target)
    data = read_parallel_texts(source, target, skip_bad_rows=True)
    assert (data.sources, data.targets, data.num_skipped) == (["a", "c"], ["d", "f"], 1)
    assert f"bad rows left out: 1, first {problem}" in caplog.text


def test_only_bad_lines(write_two):
    source, target = write_two("\nb\n", "c\n\n")
    message = r"at least one text with its translation, but has only bad rows, first row 1: the so"
    with pytest.raises(UserError, match=message):
        read_parallel_texts(source, target, skip_bad_rows=True)


def test_files_that_cannot_be_read(write_two, tmp_path):
    source, target = write_two("a\n", "")
    with pytest.raises(UserError, match=r"a\.de: the file is empty"):
        read_parallel_texts(source, target)
    with pytest.raises(UserError, match=r"a\.fr: no such file"):
        read_parallel_texts(source, tmp_path / "a.fr")
    with pytest.raises(UserError, match="is a directory"):
        read_parallel_texts(source, tmp_path)


def test_columns_are_for_tables(write_two):
    for column in ("source_column", "target_column"):
        with pytest.raises(UserError, match="with two files of lines, leave them out"):
            read_parallel_texts(*write_two("a\n", "b\n"), **{column: "en"})


# Tables


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'source,target\nA dog runs.,Ein Hund rennt.\n"two, three","zwei, drei"\n狗,犬\n'),
        ("a.tsv", "\ufeffsource\ttarget\r\n" + "".join(f"{a}\t{b}\r\n" for a, b in PAIRS)),
        ("a.tsv", "id\tTarget\tSRC\n" + "".join(f"7\t{b}\t{a}\n" for a, b in PAIRS)),
        ("a.jsonl", "\n".join(json.dumps({"src": a, "translation": b, "n": 1}) for a, b in PAIRS)),
        ("a.jsonl", "\n".join(json.dumps({"译文": b, "原文": a}) for a, b in PAIRS)),
    ],
)
def test_tables_with_columns_that_are_known(write, caplog, name, content):
    caplog.set_level(logging.INFO, logger="regard")
    data = read_parallel_texts(write(name, content))
    assert (data.sources, data.targets) == (SOURCES, TARGETS)
    for column, role in zip(data.columns, ("source", "target"), strict=True):
        assert f"column {column!r} taken as the {role} (--{role}-column names another)" in (
            caplog.text
        )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'en,de,note\nA dog runs.,Ein Hund rennt.,\n"two, three","zwei, drei",\n狗,犬,\n'),
        ("a.tsv", "de\ten\n" + "".join(f"{b}\t{a}\n" for a, b in PAIRS)),
        ("a.jsonl", "\n".join(json.dumps({"en": a, "de": b}) for a, b in PAIRS)),
    ],
)
def test_tables_with_columns_that_are_named(write, caplog, name, content):
    caplog.set_level(logging.INFO, logger="regard")
    path = write(name, content)
    data = read_parallel_texts(path, source_column="en", target_column="de")
    assert (data.sources, data.targets, data.columns) == (SOURCES, TARGETS, ("en", "de"))
    assert data.source == str(path)
    turned = read_parallel_texts(path, source_column="de", target_column="en")
    assert (turned.sources, turned.targets) == (TARGETS, SOURCES)
    assert not caplog.text


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"target": TARGETS, "source": SOURCES}), path)
    data = read_parallel_texts(path)
    assert (data.sources, data.targets) == (SOURCES, TARGETS)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"source": "a"}, "the target in column 'target' is missing"),
        ({"source": "", "target": "b"}, "the source in column 'source' is empty"),
        (
            {"source": "a", "target": [7]},
            r"the target in column 'target' must be a string, .* not \[7\]",
        ),
        ({"source": "a", "target": None}, "the target in column 'target' is missing"),
        ({"source": "\ud83d", "target": "b"}, "the source in column 'source' holds half a char"),
        ([1], r"the line must be a JSON object, not \[1\]"),
    ],
)
def test_bad_rows(write, row, problem):
    good = {"source": "good", "target": "gut"}
    path = write("a.jsonl", "\n".join(map(json.dumps, (good, row))))
    with pytest.raises(UserError, match=rf"a\.jsonl, row 2: {problem}.*--skip-bad-rows"):
        read_parallel_texts(path)
    data = read_parallel_texts(path, skip_bad_rows=True)
    assert (data.sources, data.targets, data.num_skipped) == (["good"], ["gut"], 1)


def test_only_bad_rows(write):
    path = write("a.csv", "source,target\n,b\na,\n")
    with pytest.raises(UserError, match="but has only bad rows, first row 2: the source"):
        read_parallel_texts(path, skip_bad_rows=True)
    with pytest.raises(UserError, match="one text with its translation, but has no rows"):
        read_parallel_texts(write("b.csv", "source,target\n"))


# Columns


def choose_parallel_columns(source, columns, source_column, target_column):
    given = {"source": source_column, "target": target_column}
    table = Table(columns, lambda names: iter(()))
    return tuple(choose_columns(source, table, given).values())


def test_one_column_given_and_the_other_guessed(caplog):
    caplog.set_level(logging.INFO, logger="regard")
    assert choose_parallel_columns("x", ["en", "target"], "en", None) == ("en", "target")
    assert choose_parallel_columns("x", ["src", "de"], None, "de") == ("src", "de")
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "x: column 'target' taken as the target",
        "x: column 'src' taken as the source",
    ]


def test_a_column_that_is_given_is_not_guessed_as_the_other():
    assert choose_parallel_columns("x", ["target", "tgt"], "target", None) == ("target", "tgt")
    assert choose_parallel_columns("x", ["source", "src"], None, "src") == ("source", "src")


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        (["en", "de"], (None, None), "no column is known to hold the sources.*'en', 'de'"),
        (["source", "de"], (None, None), "no column is known to hold the targets.*--target-column"),
        (["source", "src", "target"], (None, None), "'source' and 'src' could each hold the sour"),
        (["src", "tgt", "target"], (None, None), "'target' and 'tgt' could each hold the targets"),
        (["en", "de"], ("fr", "de"), "there is no column 'fr'.*'en', 'de'.*--source-column"),
        (["en", "de"], ("en", "EN"), "there is no column 'EN'.*--target-column"),
        (["en", "de"], ("en", "en"), "column 'en' cannot be both the source and the target"),
        (["en", "en", "de"], ("en", "de"), "2 columns are named 'en'"),
        (["source", "source", "target"], (None, None), "2 columns are named 'source'"),
    ],
)
def test_columns_that_will_not_do(columns, given, message):
    with pytest.raises(UserError, match=f"x: {message}"):
        choose_parallel_columns("x", columns, *given)


# Translations that are none


def test_the_same_file_twice(write):
    path = write("a.en", "a\nb\n")
    with pytest.raises(UserError, match=r"a\.en: every source is its own translation"):
        read_parallel_texts(path, path)


def test_a_copy_of_the_sources(write):
    path = write("a.csv", "source,target\na,a\nb,b\n")
    with pytest.raises(UserError, match=r"a\.csv: every source is its own translation"):
        read_parallel_texts(path)


def test_some_translations_are_their_sources(write_two):
    data = read_parallel_texts(*write_two("OK\nYes\n", "OK\nJa\n"))
    assert data.targets == ["OK", "Ja"]


# Holding out


def made(count):
    sources, targets = ([f"{side} {i}" for i in range(count)] for side in ("source", "target"))
    return ParallelTexts("x.en", sources, targets, ("a", "b"), num_skipped=3)


@pytest.mark.parametrize(
    ("count", "fraction", "expected"),
    [(100, 0.05, 5), (100, 0.25, 25), (2, 0.01, 1), (2, 0.99, 1), (30, 0.999, 29), (3, 0.5, 2)],
)
def test_a_part_is_held_out(count, fraction, expected):
    data = made(count)
    rest, held_out = split(data, fraction, seed=1)
    assert (len(rest), len(held_out)) == (count - expected, expected)
    for part in (rest, held_out):
        assert part.sources == sorted(part.sources, key=data.sources.index)
        assert part.targets == [text.replace("source", "target") for text in part.sources]
        assert (part.source, part.columns) == ("x.en", ("a", "b"))
    assert {*rest.sources} | {*held_out.sources} == {*data.sources}
    assert (rest.num_skipped, held_out.num_skipped) == (3, 0)


def test_the_seed_decides_what_is_held_out():
    first = split(made(100), 0.2, seed=1)
    assert split(made(100), 0.2, seed=1) == first
    assert split(made(100), 0.2, seed=2)[1].sources != first[1].sources


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none(fraction):
    with pytest.raises(UserError, match=rf"between 0 and 1\. Received: {fraction}\."):
        split(made(10), fraction, seed=0)


def test_one_pair_cannot_be_split():
    with pytest.raises(UserError, match=r"x\.en: there must be at least two sources\. Received: 1"):
        split(made(1), 0.5, seed=0)


def test_pairs_of_one_source_cannot_be_split():
    data = ParallelTexts("x.en", ["A dog.", "a dog. "], ["Ein Hund.", "Der Hund."])
    with pytest.raises(UserError, match=r"two sources\. Received: 1, counting equal ones"):
        split(data, 0.5, seed=0)


def test_fingerprint_depends_on_texts_and_their_order_alone():
    data = ParallelTexts("x.en", ["a", "b"], ["c", "d"])
    # Runs remember it, so it must not change.
    known = "be65a3825b8ef61a57fcf9556cf06be59c54e496fae0f6c62723fd5bbbb5ed44"
    same = ParallelTexts("y.csv", ["a", "b"], ["c", "d"], ("a", "b"), 7)
    assert data.fingerprint() == same.fingerprint() == known
    others = [
        (["c", "d"], ["a", "b"]),
        (["b", "a"], ["d", "c"]),
        (["a", "b"], ["d", "c"]),
        (["ab", ""], ["c", "d"]),
        (["a"], ["b", "c", "d"]),
    ]
    assert known not in {ParallelTexts("x.en", *sides).fingerprint() for sides in others}
