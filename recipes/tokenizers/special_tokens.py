"""Names BERT's five special tokens."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class SpecialTokens:
    """Holds the names that a checkpoint gives to BERT's five special tokens."""

    pad: str = "[PAD]"
    unk: str = "[UNK]"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"

    @property
    def all(self) -> tuple[str, ...]:
        """Returns all five."""
        return astuple(self)


SPECIAL_TOKENS = SpecialTokens().all
