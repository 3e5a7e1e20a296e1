"""Tells which whole words are in texts, as a WordPiece tokenizer that folds case sees them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import BertWordPieceTokenizer

from .pieces import MAX_WORD_CHARACTERS, is_too_long
from .vocabulary import is_unspaced


class Words:
    """Cuts texts into words, as `WordPieceTokenizer` does before it looks for pieces in them.

    Args:
        split_chinese: Whether each Chinese character is a word of its own. Defaults to True.
    """

    def __init__(self, split_chinese: bool = True):
        self.split_chinese = split_chinese
        learner = BertWordPieceTokenizer(handle_chinese_chars=split_chinese)
        self._normalize = learner.normalizer.normalize_str
        self._cut = learner.pre_tokenizer.pre_tokenize_str

    def split(self, text: str) -> list[str]:
        """Returns the words of a text, in lower case and without accents."""
        if text.isascii() and text.isalnum():
            return [text.lower()]
        return [word for word, _ in self._cut(self._normalize(text))]

    def token_of(self, text: str) -> str | None:
        """Returns the one word that a text is; None if it is none or several, or too long."""
        words = self.split(text)
        if len(words) != 1 or len(words[0]) > MAX_WORD_CHARACTERS or is_too_long(words[0]):
            return None
        return words[0]

    def ranked(self, texts: Iterable[str]) -> list[str]:
        """Returns all words of texts, each once, the most frequent first."""
        counts: Counter[str] = Counter()
        for part, times in Counter(part for text in texts for part in text.split(" ")).items():
            for word in self.split(part):
                counts[word] += times
        return [word for word, _ in counts.most_common()]

    def added(self, pieces: Sequence[str], words: Iterable[str]) -> list[str]:
        """Returns the pieces of a vocabulary, and behind them the words that it does not have yet.

        A word that may come right behind another one has a form for that, too.
        """
        forms = ([word, f"##{word}"] if self._follows(word) else [word] for word in words)
        return list(dict.fromkeys([*pieces, *(form for some in forms for form in some)]))

    def _follows(self, word: str) -> bool:
        return is_unspaced(word) and not (self.split_chinese and len(word) == 1)


def word_of(piece: str) -> str | None:
    """Returns the word that a piece stands for; None if it goes on with one that began before it.

    Where words are written without spaces, as in Chinese, any piece is a word.
    """
    if not piece.startswith("##"):
        return piece
    return piece[2:] if is_unspaced(piece[2:]) else None
