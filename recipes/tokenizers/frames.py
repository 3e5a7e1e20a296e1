"""Says which special tokens go around a text and around two, and puts them there."""

from dataclasses import dataclass

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from .pieces import SpecialTokens


@dataclass(frozen=True)
class Frame:
    """Holds the special tokens that go around a text, and around two.

    Attributes:
        start_id: The token before the first text.
        end_id: The token after each text.
        num_between: How many of the latter stand between two texts: 1 as in BERT, 2 as in RoBERTa.
        second_segment: The segment of a second text: 1 as in BERT, 0 as in RoBERTa.
    """

    start_id: int
    end_id: int
    num_between: int = 1
    second_segment: int = 1

    def num_special(self, num_texts: int) -> int:
        """Returns the number of these tokens around a text, or around two."""
        return 2 if num_texts == 1 else 2 + self.num_between


def set_frame(backend: Tokenizer, names: SpecialTokens, num_between: int) -> None:
    """Makes a tokenizer enclose texts as BERT does, or with two tokens between them as RoBERTa."""
    second = 2 - num_between  # the segment: with two tokens between texts there is but one
    backend.post_processor = TemplateProcessing(
        single=[names.cls, "$A", names.sep],
        pair=[names.cls, "$A", *[names.sep] * num_between, f"$B:{second}", f"{names.sep}:{second}"],
        special_tokens=[(name, backend.token_to_id(name)) for name in (names.cls, names.sep)],
    )


def read_frame(backend: Tokenizer, names: SpecialTokens) -> Frame:
    """Reads the special tokens around texts from what a tokenizer makes of its mask.

    Raises:
        ValueError: If there are others than [CLS] text [SEP] and one or two [SEP] between texts.
    """
    backend.no_truncation()
    backend.no_padding()
    pair = backend.encode(names.mask, names.mask)
    num_between = len(pair.tokens) - 4
    single = [names.cls, names.mask, names.sep]
    second = [*[names.sep] * (num_between - 1), names.mask, names.sep]
    segments = [0] * len(pair.tokens)
    if 1 in pair.type_ids:
        segments = [0] * 3 + [1] * len(second)
    received = (backend.encode(names.mask).tokens, pair.tokens, pair.type_ids)
    if received != (single, single + second, segments) or num_between not in (1, 2):
        raise ValueError(
            f"a text must be encoded as {single}, and two with one or two {names.sep} between "
            f"them. Received: {received}"
        )
    ids = [backend.token_to_id(name) for name in (names.cls, names.sep)]
    return Frame(*ids, num_between, segments[-1])
