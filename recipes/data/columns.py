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

# fmt: off
KNOWN = {
    "text": TEXT_COLUMNS, "label": LABEL_COLUMNS, "image": IMAGE_COLUMNS,
    "source": SOURCE_COLUMNS, "target": TARGET_COLUMNS,
}
# fmt: on


def choose_columns(source: str, columns: list[str], given: dict[str, str | None]) -> dict[str, str]:
    """Chooses a column for each role, and guesses those that are not given.

    `given` has the column of each role, or None. For a role in `KNOWN` a column is then guessed by
    its name; where that leaves one column, and of texts and labels one, they go together. Another
    role, such as second texts, is never guessed: where its column is not given, there is none.

    Raises:
        UserError: If a column cannot be told, is not there, or is to hold two things.
    """
    _check_given(source, columns, given)
    free = [column for column in columns if column not in given.values()]
    candidates = {
        role: [column for column in free if column.casefold() in KNOWN[role]]
        for role, name in given.items()
        if name is None and role in KNOWN
    }
    taken = INDEX_COLUMNS if "label" in given else INDEX_COLUMNS | LABEL_COLUMNS
    guessed = {name for names in candidates.values() for name in names}
    left = [name for name in free if name.casefold() not in taken and name not in guessed]
    open_roles = [role for role, names in candidates.items() if not names]
    if "text" in given and len(open_roles) == len(left) == 1:
        candidates[open_roles[0]] = left
    chosen = {}
    for role, name in given.items():
        if name is not None:
            chosen[role] = name
        elif role in KNOWN:
            chosen[role] = _only(source, columns, candidates[role], role)
            message = "%s: column %r taken as the %s (--%s-column names another)"
            logger.info(message, source, chosen[role], role, role)
    return chosen


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
