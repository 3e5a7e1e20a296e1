"""Excel workbooks that are written: what comes back, and what has no room in one."""

import datetime
from decimal import Decimal

import openpyxl
import pytest

from regard import UserError
from regard.recipes.data import sheet_writing
from regard.recipes.data.writing import open_writer

ADDED = {"label": str, "score": float}
DAY = datetime.datetime(2026, 11, 30, 12)


def written(path, columns, rows):
    """What a spreadsheet has of rows, each with the same answer."""
    with open_writer(path, columns, ADDED) as writer:
        writer.write(rows, [["good", 0.5]] * len(rows))
    return [list(row) for row in openpyxl.load_workbook(path).active.values]


def test_types_stay(tmp_path):
    rows = [[1, 2.5, True, None, DAY, "好"], [-1, 0.0, False, "", DAY, " two\nlines "]]
    names, first, second = written(tmp_path / "a.xlsx", list("uvwxyz"), rows)
    assert names == [*"uvwxyz", "label", "score"]
    assert first == [1, 2.5, True, None, DAY, "好", "good", 0.5]
    assert second == [-1, 0.0, False, None, DAY, " two\nlines ", "good", 0.5]


def test_what_excel_has_no_type_for_is_text(tmp_path):
    zoned = DAY.replace(tzinfo=datetime.UTC)
    rows = [[float("nan"), Decimal("1.50"), zoned, [1, "a"], b"\xff"]]
    _, row = written(tmp_path / "a.xlsx", list("vwxyz"), rows)
    assert row[:5] == ["nan", Decimal("1.5"), str(zoned), '[1, "a"]', "/w=="]


@pytest.mark.parametrize("text", ["=1+1", "+1", "@SUM(A1)", '=HYPERLINK("x")', "-2"])
def test_no_text_becomes_a_formula(text, tmp_path):
    written(tmp_path / "a.xlsx", [text], [[text]])
    for cell in (
        cell for row in openpyxl.load_workbook(tmp_path / "a.xlsx").active for cell in row
    ):
        assert cell.data_type != "f"
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").active["A2"].value == text


def test_control_characters_are_spelled(tmp_path, caplog):
    rows = written(tmp_path / "a.xlsx", ["x"], [["a\tb"], ["a\x00b\x1b"], ["\x01"]])
    assert [row[0] for row in rows[1:]] == ["a\tb", "a_x0000_b_x001B_", "_x0001_"]
    assert "cells with control characters, spelled as _x0001_: 2, first row 2" in caplog.text


def test_a_text_without_room(tmp_path):
    fits = "x" * sheet_writing.LONGEST_CELL
    assert written(tmp_path / "a.xlsx", ["x"], [[fits]])[1][0] == fits
    with pytest.raises(UserError, match=r"32,767 characters at most. Received: 32,768 in row 2"):
        written(tmp_path / "b.xlsx", ["x"], [["a"], [fits + "x"]])
    assert not (tmp_path / "b.xlsx").exists()


def test_more_rows_than_a_sheet_has(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet_writing, "MOST_ROWS", 3)
    assert len(written(tmp_path / "a.xlsx", ["x"], [["a"], ["b"]])) == 3
    with pytest.raises(UserError, match=r"3 rows at most, and there are more: write .csv"):
        written(tmp_path / "b.xlsx", ["x"], [["a"], ["b"], ["c"]])


def test_no_digit_of_a_long_number_changes(tmp_path):
    numbers = [10**15, 10**15 + 1, -570306133677760513]
    rows = written(tmp_path / "a.xlsx", ["x"], [[number] for number in numbers])
    assert [row[0] for row in rows[1:]] == [10**15, str(numbers[1]), str(numbers[2])]
