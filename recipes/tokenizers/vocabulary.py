"""Learns a WordPiece vocabulary from the user's own texts."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import BertWordPieceTokenizer

from .pieces import MAX_WORD_CHARACTERS, SPECIAL_TOKENS, is_too_long

# Where Chinese is not split, a clause is a word; few have as many characters.
MAX_CLAUSE_CHARACTERS = 1000
_NOT_CHINESE = r"[^\W\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]"  # but a letter

# Thai, Lao, Burmese, Khmer, Japanese and Chinese, as far as they are written without spaces.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


def has_spaces(texts: Sequence[str]) -> bool:
    """Returns whether nine in ten characters of texts are of scripts with spaces between words."""
    unspaced = characters = 0
    for text in texts:
        unspaced += len(_UNSPACED.findall(text))
        characters += len(text) - text.count(" ")
    return unspaced <= 0.1 * characters


def is_unspaced(text: str) -> bool:
    """Returns whether all characters of a text are of scripts without spaces between words."""
    return bool(text) and len(_UNSPACED.findall(text)) == len(text)


def learn_vocabulary(
    texts: Sequence[str],
    size: int = 8000,
    min_frequency: int = 2,
    lowercase: bool = True,
    split_chinese: bool = True,
) -> list[str]:
    """Learns a WordPiece vocabulary with Hugging Face's `tokenizers`.

    The same texts always give the same pieces with the same ids. The learner alone would not: it
    breaks ties by the order in which it met the characters, which changes from run to run. So a
    first pass finds the characters, and a second one learns with the characters in a fixed order.

    Args:
        texts: The training texts.
        size: Number of pieces to learn, special tokens included. Every character that is frequent
            enough is a piece in any case, so there can be more. Defaults to 8,000.
        min_frequency: How often a character, or a pair of pieces, must occur to become a piece.
            Words with rarer characters teach the model the meaning of [UNK]. Defaults to 2.
        lowercase: Whether to fold case and drop accents first. Defaults to True.
        split_chinese: Whether each Chinese character is a word of its own. If not, pieces may have
            several Chinese characters. Every character is then a piece, however rare, since an
            unknown one would make its whole clause unknown. Defaults to True.

    Returns:
        The pieces in the order of their ids: special tokens, then the rest, sorted.
    """
    options = {"lowercase": lowercase, "handle_chinese_chars": split_chinese}
    texts = [_long_word(split_chinese).sub(" ", text) for text in texts]
    words = Counter(word for text in texts for word in text.split(" "))  # the most come often
    characters = _learn_pieces(words, 0, min_frequency, options, [])
    rare: set[str] = set()
    if split_chinese:
        normalizer = BertWordPieceTokenizer(**options).normalizer
        counts: Counter[str] = Counter()
        for word, number in words.items():
            for character in normalizer.normalize_str(word):
                counts[character] += number
        rare = {piece for piece in characters if counts[piece[-1]] < min_frequency}
    else:
        characters |= {start + piece[-1] for piece in characters for start in ("", "##")}
    pieces = _learn_pieces(texts, size + len(rare), min_frequency, options, sorted(characters))
    return [*SPECIAL_TOKENS, *sorted(each for each in pieces - rare if not is_too_long(each))]


def _long_word(split_chinese: bool) -> re.Pattern:
    """Makes a pattern of words that are too long to know; learning is quadratic in their length."""
    if split_chinese:
        letter, longest = _NOT_CHINESE, MAX_WORD_CHARACTERS
    else:
        letter, longest = r"\w", MAX_CLAUSE_CHARACTERS
    return re.compile(rf"{letter}{{{longest + 1},}}")


def _learn_pieces(
    texts: Iterable[str], size: int, min_frequency: int, options: dict[str, bool], first: list[str]
) -> set[str]:
    """Learns pieces with `tokenizers`, beginning with `first`; special ones are left out."""
    learner = BertWordPieceTokenizer(**options)
    learner.train_from_iterator(
        texts,
        vocab_size=size,
        min_frequency=min_frequency,
        limit_alphabet=sys.maxunicode,
        special_tokens=[*SPECIAL_TOKENS, *first],
        show_progress=False,
    )
    return set(learner.get_vocab()) - set(SPECIAL_TOKENS)
