"""Rows that the tests of formats write, and how they read them again."""

from regard.recipes.text.data import read_labelled_texts

ROWS = [("good film", "pos"), ("bad film, alas", "neg"), ('"好片"; ja', "pos")]


def rows_of(source, **reading):
    table = read_labelled_texts(source, **reading)
    return list(zip(table.texts, table.labels, strict=True))
