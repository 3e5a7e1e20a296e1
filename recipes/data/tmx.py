"""Opens translation memories: TMX, a column for each language."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from xml.etree import ElementTree

from ..errors import UserError
from .bounds import DEEPEST, BoundedXml, check_line
from .files import open_binary
from .rows import Row, Table

_LANGUAGE = ("{http://www.w3.org/XML/1998/namespace}lang", "lang")

logger = logging.getLogger("regard")


def open_tmx(source: str) -> Table:
    """Opens a translation memory; its columns are the languages, that of its sources first.

    Raises:
        UserError: If it is not sound.

    References:
        TMX 1.4b, https://www.gala-global.org/tmx-14b
    """
    first, units = "", Counter()
    for element in _elements(source):
        if _tag(element) == "header":
            first = _language(element.get("srclang", ""))
        else:
            units[tuple(_segments(element))] += 1
    languages = list(dict.fromkeys(name for names in units for name in names))
    if not languages:
        raise UserError(f"{source} holds no translation units: elements `tu` with a `tuv` each.")
    named = _merged(source, units, languages)
    columns = list(dict.fromkeys(named.values()))
    columns.sort(key=lambda name: name != named.get(first, first))  # the rest as they come
    return Table(columns, partial(_read, source, named), has_gaps=True)


def _merged(source: str, units: Counter, languages: list[str]) -> dict[str, str]:
    """Returns what to call each language: variants of one that share no unit are one, and said."""
    counts = Counter()
    for names, count in units.items():
        counts.update(dict.fromkeys(names, count))
    groups = defaultdict(list)
    for name in languages:
        groups[name.partition("-")[0]].append(name)
    named = {name: name for name in languages}
    for language, variants in groups.items():
        if len(variants) > 1 and all(len({*variants} & {*names}) < 2 for names in units):
            named |= dict.fromkeys(variants, language)
            listed = ", ".join(f"{name} ({counts[name]:,})" for name in variants)
            logger.info("%s: taken as one language, %s, by units: %s", source, language, listed)
    return named


def _read(source: str, named: dict[str, str], names: Sequence[str]) -> Iterator[Row]:
    units = (element for element in _elements(source) if _tag(element) == "tu")
    for row, unit in enumerate(units, start=1):
        segments = {named[name]: text for name, text in _segments(unit).items()}
        yield row, "", [segments.get(name) for name in names]


def _segments(unit: ElementTree.Element) -> dict[str, str]:
    """Returns the text of each language in a unit, the first where it has several."""
    segments: dict[str, str] = {}
    for variant in unit.iterfind(".//{*}tuv"):
        language = _language(next(filter(None, map(variant.get, _LANGUAGE)), ""))
        segment = variant.find("{*}seg")
        if segment is not None:
            segments.setdefault(language, _text(segment))
    return segments


def _language(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _tag(element: ElementTree.Element) -> str:
    """Returns the name of an element, without that of a namespace."""
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element) -> str:
    """Returns the text in an element; what other programs' tags hold is not of it."""
    parts = [element.text or ""]
    for child in element:
        parts += [_text(child) if _tag(child) == "hi" else "", child.tail or ""]
    return "".join(parts)


def _elements(source: str) -> Iterator[ElementTree.Element]:
    """Yields the header and each unit, one at a time in memory."""
    with open_binary(source) as file:
        body, xml, begun, depth = None, BoundedXml(file, source), 0, 0
        try:
            for event, element in ElementTree.iterparse(xml, events=("start", "end")):
                depth += 1 if event == "start" else -1
                if depth > DEEPEST:
                    raise UserError(
                        f"{source} is not a sound TMX file: its elements lie more than {DEEPEST} "
                        "deep in each other."
                    )
                if event == "start":
                    body = element if _tag(element) == "body" else body
                    check_line(xml.count - begun, f"{source}, unit")
                elif _tag(element) in ("header", "tu"):
                    yield element
                    begun = xml.count
                    if body is not None:
                        body.clear()
        except ElementTree.ParseError as error:
            raise UserError(f"{source} is not a sound TMX file ({error}).") from error
