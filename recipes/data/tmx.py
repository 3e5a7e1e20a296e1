"""Opens translation memories: TMX, a column for each language."""

from collections.abc import Iterator, Sequence
from functools import partial
from xml.etree import ElementTree

from ..errors import UserError
from .bounds import DEEPEST, BoundedXml, check_line
from .files import open_binary
from .rows import Row, Table

_LANGUAGE = ("{http://www.w3.org/XML/1998/namespace}lang", "lang")


def open_tmx(source: str) -> Table:
    """Opens a translation memory; its columns are the languages, that of its sources first.

    Raises:
        UserError: If it is not sound.

    References:
        TMX 1.4b, https://www.gala-global.org/tmx-14b
    """
    languages: dict[str, None] = {}
    first = ""
    for element in _elements(source):
        if element.tag == "header":
            first = element.get("srclang", "").lower()
        elif element.tag == "tu":
            languages |= dict.fromkeys(_segments(element))
    if not languages:
        raise UserError(f"{source} holds no translation units: elements `tu` with a `tuv` each.")
    columns = sorted(languages, key=lambda name: name != first)  # the rest as they come
    return Table(columns, partial(_read, source))


def _read(source: str, names: Sequence[str]) -> Iterator[Row]:
    units = (element for element in _elements(source) if element.tag == "tu")
    for row, unit in enumerate(units, start=1):
        segments = _segments(unit)
        yield row, "", [segments.get(name) for name in names]


def _segments(unit: ElementTree.Element) -> dict[str, str]:
    """Returns the text of each language in a unit."""
    segments = {}
    for variant in unit.iter("tuv"):
        language = next(filter(None, map(variant.get, _LANGUAGE)), "").lower()
        segment = variant.find("seg")
        if segment is not None:
            segments[language] = _text(segment)
    return segments


def _text(element: ElementTree.Element) -> str:
    """Returns the text in an element; what other programs' tags hold is not of it."""
    parts = [element.text or ""]
    for child in element:
        parts += [_text(child) if child.tag == "hi" else "", child.tail or ""]
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
                    body = element if element.tag == "body" else body
                    check_line(xml.count - begun, f"{source}, unit")
                elif element.tag in ("header", "tu"):
                    yield element
                    begun = xml.count
                    if body is not None:
                        body.clear()
        except ElementTree.ParseError as error:
            raise UserError(f"{source} is not a sound TMX file ({error}).") from error
