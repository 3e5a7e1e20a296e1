"""Chooses the languages of a translator that knows several."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Self

from ..errors import UserError

LANGUAGE_CODE = "(?s)^>>.*?<<"  # of the language to translate into, as Marian's models read it
SHOWN = 8  # languages in an error


@dataclass(frozen=True)
class Languages:
    """Languages that have a token each, and those of them that are read and written.

    Attributes:
        ids: The token id of each language, by its name.
        are_both_told: Whether a source begins with the token of its own language, and a translation
            with that of its own, as in M2M100. Else, as in Marian, a source begins with the token
            of the language to translate into.
        source: The language of the sources.
        target: The language to translate into.
    """

    ids: Mapping[str, int]
    are_both_told: bool
    source: str | None = None
    target: str | None = None

    def choose(self, source: str | None, target: str | None) -> Self:
        """Returns the same with other languages, where they are given.

        Raises:
            UserError: If there is no such language, or none that can be chosen.
        """
        if source is not None and not self.are_both_told:
            raise UserError(
                "This checkpoint has no tokens of the languages that it reads: leave out "
                f"`source_language`. Received: source_language={source!r}"
            )
        for name, language in (("source_language", source), ("target_language", target)):
            if language is not None:
                self.check(language, f"`{name}`")
        return replace(self, source=source or self.source, target=target or self.target)

    def __str__(self) -> str:
        given = "as each text says" if self.target is None else self.target
        return f"{self.source} into {given}" if self.source else f"into {given}"

    def check_sources(self, texts: Iterable[str]) -> None:
        """Raises `UserError` unless it is known which language each text is to be translated into.

        A text may begin with a code, such as ">>fra<<", where the checkpoint reads such.
        """
        if self.are_both_told:
            return self._check_chosen()
        for row, text in enumerate(texts, 1):
            code = re.match(LANGUAGE_CODE, text)
            if code is not None:
                self.check(code[0][2:-2], f"The code of text {row}")
            elif self.target is None and len(self.ids) > 1:
                raise UserError(
                    f"This checkpoint writes {len(self.ids)} languages, such as {self._some()}: "
                    "choose one by --target-language, or let every text begin with a code such as "
                    f">>{min(self.ids)}<<. Received: text {row} without one: {text!r:.60}"
                )

    def _check_chosen(self) -> None:
        wanted = {"source_language": self.source, "target_language": self.target}
        missing = [name for name, value in wanted.items() if value is None]
        if missing:
            flags = " and ".join(f"--{name.replace('_', '-')}" for name in missing)
            raise UserError(
                f"This checkpoint translates between {len(self.ids)} languages, such as "
                f"{self._some()}: say which by {flags}. Received: none"
            )

    @property
    def source_ids(self) -> list[int]:
        """Returns the token ids that a source begins with."""
        name = self.source if self.are_both_told else self.target
        return [] if name is None else [self.ids[name]]

    @property
    def target_ids(self) -> list[int]:
        """Returns the token ids that a translation begins with."""
        return [self.ids[self.target]] if self.are_both_told and self.target else []

    def check(self, language: str, what: str) -> None:
        """Raises `UserError` unless there is such a language; `what` names what says it."""
        if language in self.ids:
            return
        same = [known for known in self.ids if known.startswith(language)]
        near = same or get_close_matches(language, self.ids, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near[:3]))}?" if near else ""
        raise UserError(
            f"{what} must be one of the checkpoint's {len(self.ids)} languages, such as "
            f"{self._some()}.{hint} Received: {language!r:.40}"
        )

    def _some(self) -> str:
        names = sorted(self.ids)
        step = max(1, len(names) // SHOWN)
        return ", ".join(names[::step][:SHOWN])
