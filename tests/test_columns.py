"""Which columns are taken for texts, labels, sources and targets: by name, else by content."""

import csv
import json
import logging
from datetime import date

import pandas as pd
import pytest

from regard.recipes.data.contents import is_text
from regard.recipes.errors import UserError
from regard.recipes.text.data import read_labelled_texts, read_like
from regard.recipes.translation.data import read_parallel_texts


@pytest.fixture
def write_rows(tmp_path):
    def write_file(*rows):
        with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return tmp_path / "a.csv"

    return write_file


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["label", "text"], ("text", "label")),
        (["id", "Review", "SENTIMENT"], ("Review", "SENTIMENT")),
        (["序号", "评论", "标签"], ("评论", "标签")),
        (["text", "stars"], ("text", "stars")),
        (["words", "class"], ("words", "class")),
        (["id", "words", "class"], ("words", "class")),
        (["", "sentence", "mood"], ("sentence", "mood")),
        ([" text ", " label "], ("text", "label")),
    ],
)
def test_guessed_columns(write, caplog, columns, expected):
    caplog.set_level(logging.INFO, logger="regard")
    path = write("a.csv", ",".join(columns) + "\n" + ",".join("x" for _ in columns) + "\n")
    table = read_labelled_texts(path)
    assert (table.text_column, table.label_column) == expected
    assert f"column '{expected[0]}' taken as the text (--text-column" in caplog.text
    assert f"column '{expected[1]}' taken as the label (--label-column" in caplog.text


def test_named_columns_are_not_guessed(write, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    path = write("a.csv", "text,label,body,stars\n1,2,3,4\n")
    table = read_labelled_texts(path, text_column="body", label_column="stars")
    assert (table.texts, table.labels) == (["3"], ["4"])
    assert "taken as the" not in caplog.text


def test_one_named_column_settles_the_other(write):
    path = write("a.csv", "text,content,label\n1,2,3\n")
    assert read_labelled_texts(path, label_column="content").texts == ["1"]
    path = write("b.csv", "foo,bar\n1,2\n")
    assert read_labelled_texts(path, label_column="foo").texts == ["2"]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("foo,bar,label", {}, "no column is known to hold the texts.*'foo', 'bar'.*--text-column"),
        ("text,foo,bar", {}, "no column is known to hold the labels.*'bar'.*--label-column"),
        ("id,text", {}, "no column is known to hold the labels.*'id', 'text'.*--label-column"),
        (",text", {}, "no column is known to hold the labels.*'', 'text'.*--label-column"),
        ("text", {}, "no column is known to hold the labels"),
        ("great,pos", {}, "no column is known to hold the texts. Its columns: 'great', 'pos'"),
        ("text,review,label", {}, "'review' and 'text' could each hold the texts.*--text-column"),
        ("text,class,label", {}, "'class' and 'label' could each hold the labels.*--label-column"),
        ("text,Text,label", {}, "'Text' and 'text' could each hold the texts"),
        ("text,label", {"text_column": "txt"}, "no column 'txt'.*'text', 'label'.*--text-column"),
        ("text,label", {"label_column": "lbl"}, "no column 'lbl'.*'text', 'label'.*--label-column"),
        ("foo,bar", {"label_column": "lbl"}, "no column 'lbl'.*'foo', 'bar'.*--label-column"),
        ("text,label", {"label_column": "text", "text_column": "text"}, "'text' cannot be both"),
        ("text,label,text", {}, "2 columns are named 'text'"),
        ("text,label,label", {"label_column": "label"}, "2 columns are named 'label'"),
    ],
)
def test_columns_that_cannot_be_told(write, header, options, message):
    path = write("a.csv", f"{header}\n{','.join('x' for _ in header.split(','))}\n")
    with pytest.raises(UserError, match=f"a.csv: .*{message}"):
        read_labelled_texts(path, **options)


def test_repeated_columns_that_are_not_read_do_no_harm(write):
    assert read_labelled_texts(write("a.csv", "text,x,x,label\na,1,2,b\n")).labels == ["b"]


def test_json_columns_are_those_of_all_lines(write):
    path = write("a.jsonl", '{"text": "a", "n": 1, "m": 2}\n{"text": "b", "label": "x"}\n')
    with pytest.raises(UserError, match=r"row 1: the label in column 'label' is missing"):
        read_labelled_texts(path)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["stars", "text"], ("text", "stars")),
        (["Score", "Summary", "Text"], ("Text", "Score")),
        (["Class Index", "Title", "Description"], ("Description", "Class Index")),
        (
            ["tweet_id", "airline_sentiment", "airline_sentiment_confidence", "name", "text"],
            ("text", "airline_sentiment"),
        ),
        (["id", "comment_text", "label"], ("comment_text", "label")),
        (["texts", "labels"], ("texts", "labels")),
        (["text", "label", "label_text"], ("text", "label")),
        (["text", "label_text"], ("text", "label_text")),
        (["Review Text", "Title", "Rating", "Age"], ("Review Text", "Rating")),
        (["reviewText", "overallRating", "asin"], ("reviewText", "overallRating")),
        (["text_id", "text", "text_length", "topicLabel"], ("text", "topicLabel")),
        (["headline", "genre", "date"], ("headline", "genre")),
    ],
)
def test_columns_by_names_that_people_give(write, columns, expected):
    path = write("a.csv", ",".join(columns) + "\n" + ",".join("x" for _ in columns) + "\n")
    table = read_labelled_texts(path)
    assert (table.text_column, table.label_column) == expected


def texts(count, words=6):
    return [" ".join(["number", str(i), *["word"] * words]) for i in range(count)]


def test_columns_by_what_they_hold(write_rows, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    rows = [[("ham", "spam")[i % 3 == 0], text, "", i, ""] for i, text in enumerate(texts(30))]
    table = read_labelled_texts(write_rows(["v1", "v2", "v3", "v4", "v5"], *rows))
    assert (table.text_column, table.label_column) == ("v2", "v1")
    assert "column 'v2' taken as the text" in caplog.text
    assert "column 'v1' taken as the label" in caplog.text


def test_of_two_columns_of_texts_the_plainly_longer_is_taken(write_rows):
    short, long = texts(30, 3), texts(30, 20)
    rows = [[short[i], long[i], i % 2] for i in range(30)]
    table = read_labelled_texts(write_rows(["a", "b", "c"], *rows))
    assert (table.text_column, table.label_column) == ("b", "c")
    rows = [[short[i], short[-i], i % 2] for i in range(30)]
    with pytest.raises(UserError, match="'a' and 'b' could each hold the texts"):
        read_labelled_texts(write_rows(["a", "b", "c"], *rows))


def test_two_columns_that_could_hold_labels_are_not_guessed(write_rows):
    rows = [[text, i % 2, i % 3] for i, text in enumerate(texts(30))]
    with pytest.raises(UserError, match="'b' and 'c' could each hold the labels"):
        read_labelled_texts(write_rows(["a", "b", "c"], *rows))


def test_languages_are_sources_and_targets_in_their_order(write_rows):
    rows = [[i, f"good {i}", f"gut {i}"] for i in range(9)]
    pairs = read_parallel_texts(write_rows(["nr", "en", "de"], *rows))
    assert pairs.columns == ("en", "de")
    rows = [[*row, f"bon {row[0]}"] for row in rows]
    with pytest.raises(UserError, match="no column is known to hold the sources"):
        read_parallel_texts(write_rows(["nr", "en", "de", "fr"], *rows))
    pairs = read_parallel_texts(write_rows(["nr", "en", "de"], *rows[:0], *[r[:3] for r in rows]))
    assert pairs.targets[0] == "gut 0"


# A text in several columns


def test_texts_of_several_columns_are_joined(write, tmp_path):
    lines = ["subject,body,label", "Hello,dear you,a", ",only a body,b", "only a subject,,a"]
    path = write("a.csv", "\n".join(lines) + "\n")
    table = read_labelled_texts(path, text_column=("subject", "body"))
    assert table.texts == ["Hello\ndear you", "only a body", "only a subject"]
    assert table.num_skipped == 0
    description = json.loads(json.dumps(table.describe()))
    assert description["text_column"] == ["subject", "body"]
    other = write("b.csv", "label,body,subject\na,second,first\n")
    assert read_like(description, other).texts == ["first\nsecond"]


def test_a_text_that_is_empty_in_all_columns_is_a_bad_row(write):
    path = write("a.csv", "subject,body,label\nx,y,a\n,,b\n")
    with pytest.raises(UserError, match=r"row 3: the text in column 'subject \+ body' is empty"):
        read_labelled_texts(path, text_column=["subject", "body"])
    with pytest.raises(UserError, match=r"there is no column 'title'"):
        read_labelled_texts(path, text_column=["subject", "title"])


# Numbers and times among texts

VALUES = ["7", "2.5", "true", "2024-05-01", "a film"]
TYPED = [7, 2.5, True, date(2024, 5, 1), "a film"]


def rows_of(values):
    return [{"text": value, "label": label} for value, label in zip(values, "ababa", strict=False)]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".parquet", ".json"])
def test_numbers_and_times_are_texts_as_they_are_spelled(tmp_path, caplog, suffix):
    caplog.set_level(logging.INFO, "regard")
    path = tmp_path / f"a{suffix}"
    frame = pd.DataFrame(rows_of(TYPED[:2] if suffix == ".parquet" else TYPED))
    match suffix:
        case ".csv":
            pd.DataFrame(rows_of(VALUES)).to_csv(path, index=False)
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case _:
            rows = rows_of([*TYPED[:3], VALUES[3], VALUES[4]])
            lines = map(json.dumps, rows)
            path.write_text("\n".join(lines) if suffix == ".jsonl" else json.dumps(rows))
    expected = ["7.0", "2.5"] if suffix == ".parquet" else VALUES
    expected = [text.removesuffix(".0") for text in expected]
    assert read_labelled_texts(str(path)).texts == expected
    count = 2 if suffix == ".parquet" else 3
    assert f"'text' that are numbers or times, taken as texts: {count}, first 7" in caplog.text


def test_a_column_of_times_is_none_of_texts(write_rows):
    times = [f"2024/01/{day:02} 3:15:{day:02} PM GMT+1" for day in range(1, 21)]
    answers = [f"It was fine, day {day}" for day in range(1, 21)]
    rows = zip(times, answers, ["1", "5"] * 10, strict=True)
    table = read_labelled_texts(write_rows(("Timestamp", "How was it?", "Rating"), *rows))
    assert (table.text_column, table.label_column) == ("How was it?", "Rating")


@pytest.mark.parametrize("text", ["ปลาทูตัวใหญ่", "नमस्ते दुनिया", "房间很干净，服务也好", "a-b c/d e"])
def test_texts_in_any_script_are_texts(text):
    assert is_text([f"{text} {chr(97 + number)}" for number in range(20)], shortest=1)


def test_several_columns_of_flags_are_named_in_the_error(write_rows):
    rows = ((f"some words, number {n}", n % 2, n % 3 == 0, 0) for n in range(24))
    path = write_rows(("comment_text", "rude", "threat", "rare"), *map(_as_cells, rows))
    advice = "--label-columns rude,threat,rare"
    with pytest.raises(UserError, match=f"'rude' and 'threat' could each hold.*{advice}"):
        read_labelled_texts(path)
    read = read_labelled_texts(path, label_columns=("rude", "threat", "rare"))
    assert read.labels[0] == ("threat",)


def _as_cells(row):
    return [each if isinstance(each, str) else int(each) for each in row]


def test_the_overall_rating_of_a_review(write):
    rows = (
        {"reviewText": f"Works, {n}.", "helpful": [n % 2, 2], "overall": 5.0 - n % 2}
        for n in range(12)
    )
    path = write("reviews.json", "".join(json.dumps(row) + "\n" for row in rows))
    table = read_labelled_texts(path)
    assert (table.text_column, table.label_column) == ("reviewText", "overall")
    assert set(table.labels) == {"4", "5"}
