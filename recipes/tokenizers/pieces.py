"""Names BERT's special tokens, and checks the pieces and added tokens of a vocabulary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from tokenizers import AddedToken

MAX_WORD_CHARACTERS = 100  # longer words are [UNK], as in google-research/bert, tokenization.py
MAX_PIECE_BYTES = 256  # tensorflow/text, fast_wordpiece_tokenizer_model_builder.cc


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


def is_too_long(piece: str) -> bool:
    """Returns whether a piece has more bytes than TensorFlow Text can look up."""
    return len(piece.removeprefix("##").encode()) > MAX_PIECE_BYTES


def check_vocabulary(
    vocabulary: Sequence[str], special_tokens: SpecialTokens, added: Mapping[str, AddedToken]
) -> None:
    """Refuses a vocabulary that lacks a special token, or has a piece twice or one too long."""
    known = set(vocabulary)
    missing = [name for name in special_tokens.all if name not in known and name not in added]
    if missing or special_tokens.unk not in known:
        raise ValueError(
            f"A vocabulary must hold the special tokens {', '.join(special_tokens.all)}. "
            f"Missing: {', '.join(missing or [special_tokens.unk])}"
        )
    if len(known) < len(vocabulary):
        twice = sorted(piece for piece, count in Counter(vocabulary).items() if count > 1)
        raise ValueError(f"A vocabulary must hold each piece once. Received twice: {twice[:5]}")
    strange = [piece for piece in vocabulary if not piece or "\0" in piece]
    if strange:  # a NUL ends a string in C
        raise ValueError(f"A piece must have a character, and no NUL. Received: {strange[0]!r:.80}")
    long = [piece for piece in vocabulary if is_too_long(piece)]
    if long:
        raise ValueError(
            f"A piece must have at most {MAX_PIECE_BYTES} bytes. Received: {long[0]!r:.80}"
        )


def check_added_tokens(tokens: Iterable[AddedToken]) -> None:
    """Refuses what Hugging Face's tokenizers can do and regular expressions of RE2 cannot."""
    for token in tokens:
        if token.single_word or not token.content or token.content.strip() != token.content:
            raise ValueError(
                "An added token must have no `single_word`, and no space around it. "
                f"Received: {token!r}"
            )


def check_marked_words(words: Mapping[str, str], max_word_characters: int) -> None:
    """Refuses added tokens whose words in a text are alike, or too long to look up."""
    counts = Counter(words.values())
    alike = [content for content, word in words.items() if counts[word] > 1]
    if alike:
        raise ValueError(
            f"Added tokens must differ by more than case or accents. Received: {alike}"
        )
    for content, word in words.items():
        if not word or len(word) > max_word_characters or is_too_long(word):
            raise ValueError(
                f"An added token must have 1 to {max_word_characters - 2} characters, and at most "
                f"{MAX_PIECE_BYTES - 8} bytes. Received: {content!r}"
            )
