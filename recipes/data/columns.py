"""Finds the columns of texts, labels and the like; guesses where there is one sensible guess."""

import logging
import reprlib

from ..errors import UserError

logger = logging.getLogger("regard")

# fmt: off
TEXT_COLUMNS = frozenset([
    "text", "sentence", "review", "content", "comment", "document", "message", "body", "tweet",
    "utterance", "description", "文本", "句子", "评论", "评价", "内容", "正文",
])
LABEL_COLUMNS = frozenset([
    "label", "sentiment", "class", "category", "target", "polarity", "topic", "intent", "rating",
    "标签", "情感", "类别", "分类",
])
# fmt: on
SOURCE_COLUMNS = frozenset(["source", "src", "原文", "源文"])
TARGET_COLUMNS = frozenset(["target", "tgt", "translation", "译文", "翻译"])
IMAGE_COLUMNS = frozenset(["image", "path", "file", "filename", "file_name", "filepath", "图片"])
# These number the rows, so they are never guessed to hold texts or labels.
INDEX_COLUMNS = frozenset(["", "id", "idx", "index", "unnamed: 0", "__index_level_0__"])


def choose_columns(
    source: str,
    columns: list[str],
    text_column: str | None,
    label_column: str | None,
    pair_column: str | None,
) -> tuple[str, str]:
    """Chooses the columns of texts and labels, and guesses those that are not given.

    Args:
        source: The table, for messages.
        columns: Its columns.
        text_column: The column of the texts, if given.
        label_column: The column of the labels, if given.
        pair_column: The column of the second texts, if there are any: it is never guessed.

    Raises:
        UserError: If a column cannot be told, is not there, or is to hold two things.
    """
    _check_given(source, columns, {"text": text_column, "label": label_column, "pair": pair_column})
    free = [name for name in columns if name not in (text_column, label_column, pair_column)]
    texts = _known(free, TEXT_COLUMNS) if text_column is None else [text_column]
    labels = _known(free, LABEL_COLUMNS) if label_column is None else [label_column]
    named = [name for name in _without_index(columns) if name != pair_column]
    if len(named) == 2 and len(texts) + len(labels) == 1:
        other = [name for name in named if name not in texts + labels]
        texts, labels = texts or other, labels or other
    chosen = _only(source, columns, texts, "text"), _only(source, columns, labels, "label")
    if text_column is None:
        _log_guess(source, chosen[0], "text")
    if label_column is None:
        _log_guess(source, chosen[1], "label")
    return chosen


def choose_text_column(source: str, columns: list[str], text_column: str | None) -> str:
    """Chooses the column of texts in a table that needs no labels, and guesses it if not given.

    Args:
        source: The table, for messages.
        columns: Its columns.
        text_column: The column of the texts, if given.

    Raises:
        UserError: If the column cannot be told, or is not there.
    """
    if text_column is not None:
        return _only(source, columns, [text_column], "text")
    candidates = _known(columns, TEXT_COLUMNS)
    others = [name for name in _without_index(columns) if name.casefold() not in LABEL_COLUMNS]
    if not candidates and len(others) == 1:
        candidates = others
    chosen = _only(source, columns, candidates, "text")
    _log_guess(source, chosen, "text")
    return chosen


def choose_parallel_columns(
    source: str, columns: list[str], source_column: str | None, target_column: str | None
) -> tuple[str, str]:
    """Chooses the columns of sources and targets, and guesses those that are not given.

    Args:
        source: The table, for messages.
        columns: Its columns.
        source_column: The column of the sources, if given.
        target_column: The column of the targets, if given.

    Raises:
        UserError: If a column cannot be told, is not there, or is to hold both.
    """
    given = {"source": source_column, "target": target_column}
    return _choose_both(source, columns, given, (SOURCE_COLUMNS, TARGET_COLUMNS))


def choose_image_columns(
    source: str, columns: list[str], image_column: str | None, label_column: str | None
) -> tuple[str, str]:
    """Chooses the columns of images' paths and labels, and guesses those that are not given.

    Args:
        source: The table, for messages.
        columns: Its columns.
        image_column: The column of the paths, if given.
        label_column: The column of the labels, if given.

    Raises:
        UserError: If a column cannot be told, is not there, or is to hold both.
    """
    given = {"image": image_column, "label": label_column}
    return _choose_both(source, columns, given, (IMAGE_COLUMNS, LABEL_COLUMNS))


def _choose_both(
    source: str,
    columns: list[str],
    given: dict[str, str | None],
    known: tuple[frozenset[str], frozenset[str]],
) -> tuple[str, str]:
    """Chooses two columns by role; one that is not given is found by the names known for it."""
    _check_given(source, columns, given)
    chosen = []
    for (role, name), names in zip(given.items(), known, strict=True):
        free = [column for column in columns if column not in given.values()]
        chosen.append(_only(source, columns, [name] if name else _known(free, names), role))
        if name is None:
            _log_guess(source, chosen[-1], role)
    return chosen[0], chosen[1]


def _check_given(source: str, columns: list[str], given: dict[str, str | None]) -> None:
    """Checks the given columns, before any guess depends on them."""
    role_of = {}
    for role, name in given.items():
        if name is None:
            continue
        _only(source, columns, [name], role)
        if name in role_of:
            raise UserError(
                f"{source}: column {name!r} cannot be both the {role_of[name]} and the {role}. "
                f"Name another with --{role}-column."
            )
        role_of[name] = role


def _known(columns: list[str], names: frozenset[str]) -> list[str]:
    return [column for column in columns if column.casefold() in names]


def _without_index(columns: list[str]) -> list[str]:
    return [column for column in columns if column.casefold() not in INDEX_COLUMNS]


def _only(source: str, columns: list[str], candidates: list[str], role: str) -> str:
    """Returns the one candidate; raises if there are none or several, or it is no single column."""
    names = sorted(set(candidates))
    if not names:
        problem = f"no column is known to hold the {role}s"
    elif len(names) > 1:
        problem = f"{' and '.join(map(repr, names))} could each hold the {role}s"
    elif names[0] not in columns:
        problem = f"there is no column {names[0]!r}"
    elif columns.count(names[0]) > 1:
        raise UserError(
            f"{source}: {columns.count(names[0])} columns are named {names[0]!r}. "
            "Give each its own name."
        )
    else:
        return names[0]
    listed = ", ".join(map(reprlib.repr, columns))
    raise UserError(f"{source}: {problem}. Its columns: {listed}. Name one with --{role}-column.")


def _log_guess(source: str, column: str, role: str) -> None:
    message = "%s: column %r taken as the %s (--%s-column names another)"
    logger.info(message, source, column, role, role)
