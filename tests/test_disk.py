"""Writes, flushes and renames: done, and seen before they are done."""

import pytest

from regard.models import disk


@pytest.fixture
def seen(monkeypatch):
    """All that was to be done so far."""
    seen = []
    monkeypatch.setattr(disk, "watch", lambda what, path: seen.append((what, str(path))))
    return seen


def test_each_is_seen_before_it_is_done(seen, tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("old")
    disk.write_text(new, "ü\r\n")
    assert new.read_bytes() == b"\xc3\xbc\r\n"
    disk.flush(new)
    disk.rename(new, old)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_bytes() == b"\xc3\xbc\r\n"
    assert seen == [
        ("write", str(new)),
        ("flush", str(new)),
        ("rename", str(old)),
        ("flush", str(tmp_path)),
    ]


def test_text_that_is_written_in_parts(seen, tmp_path):
    with disk.create(tmp_path / "file", encoding="utf-16-le", newline="") as file:
        file.write("a\n")
        file.flush()
        file.write("b")
    assert (tmp_path / "file").read_bytes() == "a\nb".encode("utf-16-le")
    assert seen == [("write", str(tmp_path / "file"))] * 2


def test_one_that_fails_is_not_done(monkeypatch, tmp_path):
    def fail(what, path):
        raise OSError(28, "No space left on device")

    disk.write_text(tmp_path / "file", "a")
    monkeypatch.setattr(disk, "watch", fail)
    with pytest.raises(OSError, match="No space"):
        disk.rename(tmp_path / "file", tmp_path / "other")
    with pytest.raises(OSError, match="No space"):
        disk.flush(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OSError, match="No space"):
        disk.write_text(tmp_path / "file", "b")


def test_all_of_a_directory(seen, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    disk.flush_all(tmp_path)
    paths = tmp_path / "folder", tmp_path / "folder" / "file", tmp_path
    assert seen == [("flush", str(path)) for path in paths]
