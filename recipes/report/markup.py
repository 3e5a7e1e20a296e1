"""Writes pieces of HTML. What comes from data goes through `text` or `name`, which escape it."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any

from PIL import Image

from ..names import printable

SHOWN = 240  # characters of a text


def text(value: Any) -> str:
    """Returns HTML that shows a value as it is; what nobody would see is shown by its code."""
    return html.escape(printable(str(value)))


def name(value: Any) -> str:
    """Returns HTML of a name or text that is read in its own direction, cut where it is long."""
    whole = str(value)
    shown = whole if len(whole) <= SHOWN else f"{whole[:SHOWN]}…"
    return f'<bdi dir="auto">{text(shown)}</bdi>'


def paragraph(content: str, kind: str = "") -> str:
    """Returns a paragraph of HTML."""
    return f'<p class="{kind}">{content}</p>' if kind else f"<p>{content}</p>"


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Returns a list of names and values, both HTML."""
    pairs = (f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in rows)
    return f'<dl class="facts">{"".join(pairs)}</dl>'


def items(lines: Iterable[str]) -> str:
    """Returns a list of HTML."""
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def folded(summary: str, content: str) -> str:
    """Returns what is seen once its summary is chosen."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def figure(caption: str, content: str, note: str = "") -> str:
    """Returns a picture with its caption, and below it a note."""
    note = f'<p class="muted">{note}</p>' if note else ""
    return f"<figure><figcaption>{caption}</figcaption>{content}{note}</figure>"


def picture(image: Image.Image, alt: str, kind: str = "PNG") -> str:
    """Returns a picture that is in the page itself."""
    file = io.BytesIO()
    image.save(file, kind)
    source = f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<img src="{source}" alt="{text(alt)}">'


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    kinds: Sequence[str] = (),
    is_sorted: bool = False,
) -> str:
    """Returns a table of HTML in a box that scrolls; the first cell of each row names it.

    Args:
        caption: Its caption.
        head: The names of its columns.
        rows: Its cells.
        kinds: The class of each column: "number", or "" for the others. Defaults to all numbers
            but the first.
        is_sorted: Whether the page's script lets people sort and filter it.
    """
    kinds = kinds or ["", *["number"] * (len(head) - 1)]
    titles = (
        f'<th scope="col" class="{kind}">{title}</th>'
        for title, kind in zip(head, kinds, strict=True)
    )
    body = "".join(_row(cells, kinds) for cells in rows)
    mark = ' class="sorted"' if is_sorted else ""
    return (
        f'<div class="box" role="region" tabindex="0" aria-label="{html.escape(caption)}">'
        f"<table{mark}><caption>{caption}</caption><thead><tr>{''.join(titles)}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    first, *others = cells
    rest = (f'<td class="{kind}">{cell}</td>' for cell, kind in zip(others, kinds[1:], strict=True))
    return f'<tr><th scope="row">{first}</th>{"".join(rest)}</tr>'


def command(words: str) -> str:
    """Returns a command, HTML, that can be copied."""
    return f'<div class="command"><code>{words}</code></div>'
