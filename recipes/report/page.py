"""Writes a run's report: one page, without network, with all that is known of a training.

It has no times, so that an interrupted training which went on leaves the same page. What cannot be
drawn is said on the page and never stops a training.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...models import disk
from ..attention.page import WEB as SHARED
from ..pages import fill_page
from ..runs.description import data_name
from ..runs.directories import REPORT_PAGE
from ..tasks import TASKS
from .markup import text

WEB = Path(__file__).parent / "web"

LOST = '<p class="warning">This could not be drawn. The log says why.</p>'

logger = logging.getLogger("regard")


class Section(NamedTuple):
    """Holds a part of a report.

    Attributes:
        title: Its title.
        make: Returns its content, HTML in which all that comes from data is escaped.
    """

    title: str
    make: Callable[[], str]

    @property
    def id(self) -> str:
        """Returns what links call it."""
        return "-".join(self.title.lower().split())


def write_page(
    directory: Path,
    metadata: dict[str, Any],
    sections: Sequence[Section],
    data: Callable[[], Any] = lambda: None,
) -> None:
    """Writes `index.html` into the folder of a report, which is made if it is missing.

    Args:
        directory: The folder.
        metadata: What `run.json` will hold.
        sections: The parts of the page, in their order.
        data: Returns what the page's script reads, for JSON. Defaults to nothing.
    """
    noun, name = TASKS[metadata["task"]].noun, data_name(metadata)
    template, style, script = (
        (WEB / file).read_text(encoding="utf-8")
        for file in ("report.html", "report.css", "report.js")
    )
    page = fill_page(
        template,
        f"{noun} of {name} · regard report",
        (SHARED / "theme.css").read_text(encoding="utf-8") + style,
        script,
        made(data, None),
        heading=f"{text(noun[0].upper() + noun[1:])} of <bdi>{text(name)}</bdi>",
        contents="".join(f'<li><a href="#{each.id}">{each.title}</a></li>' for each in sections),
        sections="".join(map(_section, sections)),
    )
    directory.mkdir(parents=True, exist_ok=True)
    disk.write_bytes(directory / REPORT_PAGE, page.encode("utf-8", "replace"))


def _section(section: Section) -> str:
    content = made(section.make, LOST)
    head = f'<h2 id="{section.id}-title">{section.title}</h2>'
    labelled = f'id="{section.id}" aria-labelledby="{section.id}-title"'
    return f'<section class="card" {labelled}>{head}{content}</section>\n'


def made(make: Callable[[], Any], otherwise: Any) -> Any:
    """Returns what a function makes, or something else where it fails: a report is no training."""
    try:
        return make()
    except Exception as error:
        logger.warning("A part of the report could not be drawn: %s", error or type(error).__name__)
        logger.debug("How that came about:", exc_info=True)
        return otherwise
