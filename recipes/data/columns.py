"""Finds the columns of texts, labels and the like: by their names, else by what is in them."""

import logging
import re
import reprlib
from collections.abc import Sequence

from ..errors import UserError
from .contents import flags_among, guess_by_content
from .rows import Table

logger = logging.getLogger("regard")

# What columns are called, and, below, what they may be called where none is called so.
# fmt: off
KNOWN = {
    "text": frozenset([
        "text", "sentence", "review", "content", "comment", "document", "message", "body", "tweet",
        "utterance", "description", "文本", "句子", "评论", "评价", "内容", "正文",
    ]),
    "label": frozenset([
        "label", "sentiment", "class", "category", "target", "polarity", "topic", "intent",
        "rating", "标签", "情感", "类别", "分类",
    ]),
    "image": frozenset(["image", "path", "file", "filename", "file_name", "filepath", "图片"]),
    "source": frozenset(["source", "src", "原文", "源文"]),
    "target": frozenset(["target", "tgt", "translation", "译文", "翻译"]),
}
LIKELY = {
    "text": frozenset([
        "post", "question", "query", "headline", "title", "article", "abstract", "feedback",
        "reviewtext", "sms", "phrase", "标题",
    ]),
    "label": frozenset([
        "star", "score", "overall", "emotion", "tag", "grade", "genre", "type", "stance",
        "评分", "星级",
    ]),
}
# These number the rows, so they are never guessed to hold texts or labels.
INDEX_COLUMNS = frozenset(["", "id", "idx", "index", "unnamed: 0", "__index_level_0__"])
# A name with one of these in it is of something about a text or a label.
_ABOUT = frozenset([
    "id", "count", "length", "len", "num", "number", "date", "time", "url", "hash", "lang",
    "language", "confidence", "probability", "prob", "user", "author",
])
# fmt: on


def is_known(name: str) -> bool:
    """Returns whether a name is that of a column of any role."""
    return any(_rank(name, role) == 0 for role in KNOWN)


def choose_columns(source: str, table: Table, given: dict[str, str | None]) -> dict[str, str]:
    """Chooses a column for each role, and guesses those that are not given.

    `given` has the column of each role, or None. For a role in `KNOWN` a column is then guessed:
    the one that is called so, or has the best of such names; where one column is left for it, of
    texts and labels, that; or by what the first rows hold. Another role, such as second texts, is
    never guessed: where its column is not given, there is none.

    Raises:
        UserError: If a column cannot be told, is not there, or is to hold two things.
    """
    _check_given(source, table, given)
    free = [column for column in table.plain_columns if column not in given.values()]
    wanted = [role for role, name in given.items() if name is None and role in KNOWN]
    candidates: dict[str, list[str]] = {}
    for role in wanted:
        candidates[role] = _best_named(free, role)
        if len(candidates[role]) == 1:
            free.remove(candidates[role][0])
    named = {name for names in candidates.values() for name in names}
    taken = INDEX_COLUMNS if "label" in given else INDEX_COLUMNS | KNOWN["label"]
    left = [name for name in free if name.casefold() not in taken and name not in named]
    open_roles = [role for role in wanted if not candidates[role]]
    if "text" in given and len(open_roles) == len(left) == 1:
        candidates[open_roles[0]] = left
    elif open_roles:
        candidates |= guess_by_content(table, left, open_roles)
    chosen = {}
    for role, name in given.items():
        if name is not None:
            chosen[role] = name
        elif role in KNOWN:
            several = (
                flags_among(table, left) if role == "label" and len(candidates[role]) > 1 else []
            )
            chosen[role] = _only(source, table, candidates[role], role, several)
            message = "%s: column %r taken as the %s (--%s-column names another)"
            logger.info(message, source, chosen[role], role, role)
    return chosen


def _best_named(columns: list[str], role: str) -> list[str]:
    """Returns the columns with the best of the names that a role has; none if none has any."""
    ranks = {column: _rank(column, role) for column in columns}
    best = min((rank for rank in ranks.values() if rank is not None), default=None)
    exact = [column for column in columns if column.casefold() in KNOWN[role]]
    if exact:  # rather than a plural, such as "Comments" beside "text"
        return exact
    return [column for column in columns if ranks[column] == best is not None]


def _rank(name: str, role: str) -> int | None:
    """Returns how well a name fits a role, best at 0; None if it does not."""
    words = [word.casefold() for word in re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+(?![a-z])|\d+", name)]
    whole = name.casefold()
    for rank, known in ((0, KNOWN[role]), (3, LIKELY.get(role, frozenset()))):
        if whole in known or whole.removesuffix("s") in known:
            return rank
        if _ABOUT.isdisjoint(words) and role in LIKELY:
            singular = [word if word in known else word.removesuffix("s") for word in words]
            if singular and singular[-1] in known:
                return rank + 1
            if rank == 0 and not known.isdisjoint(singular):
                return rank + 2
    return None


def _check_given(source: str, table: Table, given: dict[str, str | None]) -> None:
    """Checks the given columns, before any guess depends on them."""
    role_of = {}
    for role, name in given.items():
        if name is None:
            continue
        _only(source, table, [name], role)
        if name in role_of:
            raise UserError(
                f"{source}: column {name!r} cannot be both the {role_of[name]} and the {role}. "
                f"Name another with --{role}-column."
            )
        role_of[name] = role


def _only(
    source: str, table: Table, candidates: list[str], role: str, flags: Sequence[str] = ()
) -> str:
    """Returns the one candidate; raises if there are none or several, or it is no single column.

    The error tells how columns of `flags` are named, if there are some.
    """
    columns, names = table.columns, sorted(set(candidates))
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
    hint = " If they are no names, pass --no-header." if table.has_header else ""
    if len(flags) > 1:
        joined = ",".join(flags)
        hint = f" Where each says of an example yes or no, pass --label-columns {joined}.{hint}"
    raise UserError(
        f"{source}: {problem}. Its columns: {listed}. Name one with --{role}-column.{hint}"
    )
