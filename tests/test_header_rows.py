"""Rows below a header that describe its columns, as surveys export them, are no examples."""

import logging

import openpyxl
import pytest

from regard.recipes.data.formats import open_table
from regard.recipes.settings import TableLayout
from regard.recipes.text.data import read_labelled_texts

ANSWERS = [("It broke within a week.", "bad"), ("I would buy it again.", "good")] * 6
SURVEY = [
    ["Respondent ID", "Start Date", "IP Address", "What do you think?", "How was it?"],
    ["", "", "", "Open-Ended Response", "Response"],
    *(
        [str(118_000 + row), f"03/{row + 1:02}/2024 10:00:00 AM", "10.0.0.1", text, label]
        for row, (text, label) in enumerate(ANSWERS)
    ),
]
OBJECTS = [
    ["StartDate", "Progress", "Q1", "Q2"],
    ["Start Date", "Progress", "What do you think\nof it?", "How was it?"],
    ['{"ImportId":"startDate"}', '{"ImportId":"progress"}', *['{"ImportId":"QID1"}'] * 2],
    *(["2024-03-01 10:00:00", "100", *answer] for answer in ANSWERS),
]
OTHER_WORDS = [[*row] for row in SURVEY]
OTHER_WORDS[1] = ["", "", "", "Freitext", "Auswahl"]
KINDS = [["review", "stars"], ["string", "category"], *map(list, ANSWERS[:4])]


def quoted(rows, delimiter=","):
    return "".join(
        delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows
    )


def write(path, rows):
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([cell or None for cell in row])
        book.save(path)
    else:
        path.write_text(quoted(rows, "\t" if path.suffix == ".tsv" else ","))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
@pytest.mark.parametrize(
    ("rows", "columns", "count"),
    [
        (SURVEY, SURVEY[0][3:], 1),
        (OTHER_WORDS, SURVEY[0][3:], 1),
        (OBJECTS, ["Q1", "Q2"], 2),
        (KINDS, KINDS[0], 1),
    ],
)
def test_rows_that_describe_columns_are_left_out(tmp_path, caplog, suffix, rows, columns, count):
    caplog.set_level(logging.INFO, "regard")
    path = write(tmp_path / f"survey{suffix}", rows)
    reading = dict(zip(("text_column", "label_column"), columns, strict=True))
    table = read_labelled_texts(str(path), **reading)
    assert table.texts == [row[-2] for row in rows[1 + count :]]
    assert table.class_names() == ["bad", "good"]
    assert f"describe its columns, left out: {count}, row 2" in caplog.text
    first, *_ = open_table(str(path)).read(columns)
    assert first[0] == 2 + count or suffix == ".csv"  # a quoted end of a line


def test_a_question_that_is_long_is_a_header_still(tmp_path):
    rows = [[*OBJECTS[0][:2], "Tell us all that you thought of it. " * 5, "Q2"], *OBJECTS[1:]]
    table = open_table(str(write(tmp_path / "a.csv", rows)))
    assert table.columns[2].startswith("Tell us") and table.has_header
    rows = [
        [*SURVEY[0][:3], "Tell us all that you thought of it. " * 5, "How was it?"],
        *SURVEY[1:],
    ]
    table = open_table(str(write(tmp_path / "b.csv", rows)))
    assert table.has_header and len(list(table.read(["How was it?"]))) == len(ANSWERS)


def test_boxes_to_tick_have_their_answers_in_the_second_row(tmp_path):
    boxes = [["Which?", ""], ["By phone", "By mail"], *[["By phone", ""], ["", "By mail"]] * 6]
    rows = [[*row, *ticked] for row, ticked in zip(SURVEY, boxes, strict=True)]
    table = open_table(str(write(tmp_path / "a.csv", rows)))
    assert len(list(table.read(["How was it?"]))) == len(ANSWERS)


@pytest.mark.parametrize(
    "row",
    [
        ["", "", "", "It broke.", "bad"],  # a label that others have
        ["", "03/01/2024", "", "It broke.", "worst"],  # one number alone is missing
        ["7", "03/01/2024", "", "Open-Ended Response", "bad"],
    ],
)
def test_an_example_that_lacks_something_stays(tmp_path, row):
    path = write(tmp_path / "a.csv", [SURVEY[0], row, *SURVEY[2:]])
    assert len(list(open_table(str(path)).read(["How was it?"]))) == len(ANSWERS) + 1


@pytest.mark.parametrize(
    "rows",
    [
        [["text", "label"], ["good film", "Text"], ["bad film", "pos"]],
        [["text", "label"], ["Text", "string"]],
        [["text", "label"], ['{"a": 1}', '{"b": 2}'], ['{"a": 2}', '{"b": 2}']],
        [["text", "label"], ['{"a": 1}', ""], ["bad film", "pos"]],
    ],
)
def test_in_doubt_a_row_is_an_example(tmp_path, rows):
    table = open_table(str(write(tmp_path / "a.csv", rows)))
    assert len(list(table.read(table.columns))) == len(rows) - 1


def test_without_a_header_nothing_is_left_out(tmp_path):
    path = write(tmp_path / "a.csv", SURVEY)
    assert len(list(open_table(str(path), TableLayout(header=False)).read(["1"]))) == len(SURVEY)
