"""Workbooks as people have them: sheets, titles, damage, and cells that are no values."""

import logging
import zipfile

import openpyxl
import pytest
from table_rows import ROWS, rows_of

from regard.recipes.errors import UserError
from regard.recipes.text.data import read_labelled_texts


def write_workbook(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_workbooks(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    rows = [["Text", "Stars", None], ["fine", 1.0], [], ["poor", 2.5], [7, True]]
    path = write_workbook(tmp_path / "a.xlsx", ("empty", []), ("Data", rows))
    assert rows_of(path) == [("fine", "1"), ("poor", "2.5"), ("7", "true")]
    assert "passed over" not in caplog.text
    path.rename(tmp_path / "b.csv")
    assert rows_of(tmp_path / "b.csv")[0] == ("fine", "1")


def test_a_bad_row_of_a_workbook_has_its_number(tmp_path):
    path = write_workbook(tmp_path / "a.xlsx", ("x", [["text", "label"], ["a", "b"], [], ["c"]]))
    with pytest.raises(UserError, match=r"a\.xlsx, row 4: the label in column 'label' is missing"):
        read_labelled_texts(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 broken", "is not a sound Excel workbook"),
        (b"\xd0\xcf\x11\xe0" * 9, r"before 2007\. Save it as \.xlsx"),
    ],
)
def test_files_that_are_no_workbooks(write, content, message):
    with pytest.raises(UserError, match=message):
        read_labelled_texts(write("a.xls", content))


@pytest.mark.parametrize("member", ["xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml"])
def test_a_workbook_with_a_damaged_part(member, tmp_path):
    book, whole = openpyxl.Workbook(), tmp_path / "whole.xlsx"
    for row in [("text", "label"), *ROWS]:
        book.active.append(row)
    book.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[: len(content) // 2] if name == member else content)
    with pytest.raises(UserError, match=r"a\.xlsx is not a sound Excel workbook"):
        read_labelled_texts(tmp_path / "a.xlsx")


def test_cells_beside_the_columns_of_a_workbook_are_counted(tmp_path, caplog):
    rows = [["text", "label"], ["a", "x", None, "see me"], ["b", "y"], ["c", "x", 3]]
    path = write_workbook(tmp_path / "a.xlsx", ("x", rows))
    with caplog.at_level("INFO", "regard"):
        assert read_labelled_texts(path).texts == ["a", "b", "c"]
    assert caplog.text.count("beside the named columns, passed over: 2, first row 2") == 1


def test_a_workbook_without_a_header(tmp_path, caplog):
    rows = [["a nice room", 1], ["a bad room", 0], ["fine", 1], ["poor", 0]]
    path = write_workbook(tmp_path / "a.xlsx", ("x", rows))
    texts = [text for text, _ in rows]
    with caplog.at_level("INFO", "regard"):
        assert read_labelled_texts(path, text_column="1", label_column="2").texts == texts
    assert "the first row is no header (--header says otherwise): columns 1 to 2" in caplog.text
    named = read_labelled_texts(path, header=True, text_column="a nice room", label_column="1")
    assert named.texts == texts[1:]


def test_an_error_of_a_formula_is_no_value(tmp_path):
    rows = [["text", "label"], ["a", "x"], ["#N/A", "y"], ["b", "#REF!"], ["c", "y"]]
    path = write_workbook(tmp_path / "a.xlsx", ("x", rows))
    found = read_labelled_texts(path, skip_bad_rows=True)
    assert (found.texts, found.labels, found.num_skipped) == (["a", "c"], ["x", "y"], 2)


# Workbooks and tables with more than a table in them


def test_sheets_that_are_passed_over_are_named(tmp_path, caplog):
    one, two = [["text", "label"], ["a", "x"], ["b", "y"]], [["text", "label"], ["c", "x"]]
    path = write_workbook(tmp_path / "a.xlsx", ("May", one), ("empty", []), ("June", two))
    with caplog.at_level("INFO", "regard"):
        assert rows_of(path) == [("a", "x"), ("b", "y")]
    assert "of 3 sheets 'May' is read (--sheet names another); passed over: 'June'" in caplog.text
    assert rows_of(path, sheet="June") == [("c", "x")]
    for name, problem in (("July", "is not there"), ("empty", "is empty")):
        with pytest.raises(UserError, match=rf"'{name}' {problem}\. Its sheets: 'May', 'empty'"):
            rows_of(path, sheet=name)
    book = openpyxl.load_workbook(path)
    book["May"].sheet_state = "hidden"
    book.save(path)
    assert rows_of(path) == [("c", "x")]


def test_merged_cells_and_hidden_rows_are_said(tmp_path, caplog):
    rows = [["text", "label"], ["a", "x"], ["b", "x"], ["c", "y"], ["d", "y"]]
    path = write_workbook(tmp_path / "a.xlsx", ("x", rows))
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("B4:B5")
    book.active.row_dimensions[3].hidden = True
    book.save(path)
    with caplog.at_level("INFO", "regard"), pytest.raises(UserError, match="row 5: the label"):
        rows_of(path)
    assert "ranges of merged cells, of which the first cell alone has a value: 1" in caplog.text
    assert "hidden rows, read as the others: 1" in caplog.text


@pytest.mark.parametrize("titles", [["Report 2024"], ["Report 2024", None], ["Report", "by us"]])
@pytest.mark.parametrize("kind", ["a.xlsx", "padded.csv", "bare.csv", "semicolons.csv"])
def test_titles_above_a_header(tmp_path, caplog, titles, kind):
    rows = [["text", "stars"], *([f"a nice room {i}", str(i % 2)] for i in range(9))]
    if kind == "a.xlsx":
        above = [[title] if title else [] for title in titles]
        path = write_workbook(tmp_path / kind, ("x", [*above, [], *rows]))
    else:
        comma = {"semicolons.csv": ";"}.get(kind, ",")
        end = comma if kind == "padded.csv" else ""
        lines = [(title or "") + end for title in [*titles, ""]] + [comma.join(row) for row in rows]
        path = tmp_path / kind
        path.write_text("\n".join(lines))
    with caplog.at_level("INFO", "regard"):
        assert rows_of(path)[0] == ("a nice room 0", "0")
    count = len(list(filter(None, titles)))
    assert f"rows above the header, passed over: {count}, first row 1, 'Report" in caplog.text
