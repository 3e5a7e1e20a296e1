"""Reads the tags of words as entities, in whatever scheme they are, and names a model's classes."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"
# What prefixes of other schemes are in BIOES: of BILOU the last and the unit, of BMES the middle.
_BIOES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I"}
_PREFIXED = re.compile(r"([BIESLUM])[-_](.+)", re.DOTALL)


class Tag(NamedTuple):
    """Holds the tag of a word.

    Attributes:
        prefix: B, I, E or S: the entity's first word, one within, its last, its only one.
        kind: What the entity is; empty outside of entities.
    """

    prefix: str
    kind: str


_NONE = Tag("", "")


def read_tag(tag: str) -> Tag:
    """Reads a tag; one without a prefix is I."""
    if tag == OUTSIDE:
        return _NONE
    found = _PREFIXED.fullmatch(tag)
    return Tag(_BIOES[found[1]], found[2]) if found else Tag("I", tag)


def is_tag(text: str) -> bool:
    """Returns whether a text is O, or has a prefix as tags have."""
    return text == OUTSIDE or _PREFIXED.fullmatch(text) is not None


def entities_of(tags: Iterable[str]) -> list[tuple[int, int, str]]:
    """Returns the entities of the words of a sentence: first word, the word after the last, kind.

    One begins at B and S, after E and S, and where the kind is another than that of the word
    before. So IOB1, IOB2 and BIOES are all read, as `seqeval` reads them by default.

    References:
        Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", section 2.2,
        https://arxiv.org/abs/cs/0306050
    """
    found, start, before = [], 0, _NONE
    for place, tag in enumerate([*map(read_tag, tags), _NONE]):
        begins = _begins(tag, before)
        if before.kind and (begins or not tag.kind):
            found.append((start, place, before.kind))
        if begins:
            start = place
        before = tag
    return found


def _begins(tag: Tag, before: Tag) -> bool:
    if not tag.kind:
        return False
    return tag.prefix in "BS" or tag.kind != before.kind or before.prefix in "ES"


def scheme_of(sentences: Iterable[Sequence[str]]) -> str:
    """Returns, in words, the scheme of the tags of some sentences."""
    prefixes: set[str] = set()
    firsts: set[str] = set()  # of entities that none of the same kind stands right before
    is_bare = False
    for tags in sentences:
        before = _NONE
        for text in tags:
            tag = read_tag(text)
            is_bare = is_bare or not is_tag(text)
            if tag.kind:
                prefixes.add(tag.prefix)
                if tag.kind != before.kind:
                    firsts.add(tag.prefix)
            before = tag
    if is_bare:
        return "tags without prefixes"
    if prefixes & {"E", "S"}:
        return "BIOES"
    if "I" not in firsts:
        return "IOB2"
    return "IOB1" if firsts == {"I"} else "IOB1 and IOB2 together"


def class_names(kinds: Iterable[str]) -> list[str]:
    """Returns the classes of a model of entities, in IOB2: O, then B and I of each kind."""
    return [OUTSIDE, *(f"{prefix}-{kind}" for kind in sorted(kinds) for prefix in "BI")]


def kinds_of(names: Iterable[str]) -> list[str]:
    """Returns the kinds of entities that classes are of, each once."""
    kinds = (read_tag(name).kind for name in names)
    return list(dict.fromkeys(filter(None, kinds)))
