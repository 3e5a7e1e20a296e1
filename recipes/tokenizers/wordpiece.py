"""Tokenizes as BERT does, inside the TensorFlow graph.

Every operation here is one that the stock TensorFlow Serving binary has, so that the very same
graph prepares text in training and behind a server.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import AddedToken

from ..errors import UserError
from .backend import write_tokenizer
from .checkpoint_files import ANOTHER, UNLIMITED
from .encoder import EncoderTokenizer
from .files import read_tokenizer
from .frames import Frame
from .normalization import END, START, BertNormalization
from .offsets import Located, TracedNormalization
from .pieces import (
    MAX_WORD_CHARACTERS,
    SpecialTokens,
    check_added_tokens,
    check_marked_words,
    check_vocabulary,
)

_MARKED = f"{START}[^{END}]*{END}"
_RESERVED = rf"[\x00{START}{END}]"  # not for texts: these two, and what ends a string in C
# google-research/bert, tokenization.py, in RE2's syntax
_SPACE = r"[\t-\r\x{85}\p{Z}]"
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"


class WordPieceTokenizer(EncoderTokenizer):
    """Turns strings into token ids exactly as BERT does, with TensorFlow operations alone.

    Special tokens that are written in a text, "[MASK]" say, are found before anything else is done
    to it, as Hugging Face's tokenizers do.

    Args:
        vocabulary: The pieces in the order of their ids.
        normalization: How to clean texts and fold their case. Defaults to that of BERT, uncased.
        special_tokens: Names of the five special tokens. Defaults to BERT's names.
        added_tokens: Further tokens to find in a text, or some of the five with other flags. Those
            that `vocabulary` lacks get the ids after it.
        max_word_characters: Longer words are unknown. Defaults to 100.
        model_max_length: The longest text that the checkpoint's files allow, in tokens; for
            information only. Defaults to `UNLIMITED`, a number above any length.
        num_between: How many [SEP] stand between two texts: 1 as in BERT, where the second is a
            segment of its own, or 2 as in MPNet, where it is not. Defaults to 1.

    Raises:
        ValueError: If a special token is missing, a piece occurs twice, or an added token asks for
            what cannot be done exactly.

    Example:
        >>> tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "good", "##ness"])
        >>> tokenizer.encode(tf.constant(["Goodness! [MASK]"]), max_sequence_length=8).to_list()
        [[2, 5, 6, 1, 4, 3]]

    References:
        Devlin et al., "BERT", https://github.com/google-research/bert/blob/master/tokenization.py
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        normalization: BertNormalization | None = None,
        *,
        special_tokens: SpecialTokens | None = None,
        added_tokens: Iterable[AddedToken] = (),
        max_word_characters: int = MAX_WORD_CHARACTERS,
        model_max_length: int = UNLIMITED,
        num_between: int = 1,
    ):
        self.normalization = normalization or BertNormalization()
        self._traced = TracedNormalization(self.normalization)
        self.special_tokens = special_tokens or SpecialTokens()
        self.max_word_characters = max_word_characters
        self.model_max_length = model_max_length
        self._take_pieces(vocabulary, added_tokens)
        ids = {piece: index for index, piece in enumerate(self.vocabulary)}
        names = self.special_tokens
        frame = Frame(ids[names.cls], ids[names.sep], num_between, 2 - num_between)
        super().__init__(self._token_ids, frame, ids[names.pad], ids[names.mask])
        self._prepare_search(ids)

    def _take_pieces(self, vocabulary: Sequence[str], tokens: Iterable[AddedToken]) -> None:
        """Checks the pieces and the added tokens, and sets the vocabulary that they make up."""
        added = {token.content: token for token in tokens}
        check_vocabulary(vocabulary, self.special_tokens, added)
        check_added_tokens(added.values())
        for name in self.special_tokens.all:
            added.setdefault(name, AddedToken(name, special=True))
        self.added_tokens = list(added.values())
        self.base_vocabulary = list(vocabulary)
        self.vocabulary = list(dict.fromkeys([*vocabulary, *added]))
        self.is_continuation = np.array([piece.startswith("##") for piece in self.vocabulary])

    def _prepare_search(self, ids: dict[str, int]) -> None:
        """Sets the patterns that find special tokens in a text, and the ids of all pieces."""
        contents = [token.content for token in self.added_tokens]
        normalized = [text.decode() for text in self.normalization(tf.constant(contents)).numpy()]
        words = {
            token.content: text.strip(" ") if token.normalized else f"{START}{text}{END}"
            for token, text in zip(self.added_tokens, normalized, strict=True)
        }
        check_marked_words(words, self.max_word_characters)
        self._raw = _any_of(each.content for each in self.added_tokens if not each.normalized)
        self._normalized = _any_of(
            words[each.content] for each in self.added_tokens if each.normalized
        )
        # A special token comes before a piece that reads the same.
        ids_of_words = {piece: ids[piece] for piece in self.base_vocabulary}
        ids_of_words |= {word: ids[content] for content, word in words.items()}
        self._ids = np.array([*ids_of_words.values()], np.int32)
        self._word_pieces = tf_text.FastWordpieceTokenizer(
            vocab=list(ids_of_words),
            token_out_type=tf.int32,
            unknown_token=self.special_tokens.unk,
            no_pretokenization=True,
            max_bytes_per_word=4 * self.max_word_characters,  # a UTF-8 character has at most 4
        )

    def split_words(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Cleans texts (B,) and splits them into words and single punctuation marks (B, None).

        A special token is one word. If it is looked for in the text as written, as BERT's five are,
        private characters mark it.
        """
        kept = self._kept
        return tf_text.regex_split(
            self.normalization(self._marked(texts)), f"{kept}|{_SPACE}+", kept
        )

    @property
    def _kept(self) -> str:
        """Returns the pattern of what stands for itself."""
        return "|".join(filter(None, [_MARKED, self._normalized, _PUNCTUATION]))

    def _marked(self, texts: tf.Tensor) -> tf.Tensor:
        """Makes texts (B,) sound UTF-8, and marks the special tokens that they have as written."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, _RESERVED, "\ufffd")
        if self._raw:
            texts = tf.strings.regex_replace(texts, f"({self._raw})", rf"{START}\1{END}")
        return texts

    def _short(self, words: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Makes words that are too long unknown; returns all, and which (N,) were short enough."""
        lengths = tf.strings.length(words.flat_values, unit="UTF8_CHAR")
        is_short = lengths <= self.max_word_characters
        short = tf.where(is_short, words.flat_values, self.special_tokens.unk)
        return words.with_flat_values(short), is_short

    def _token_ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        words, _ = self._short(self.split_words(texts))
        pieces = self._word_pieces.tokenize(words).merge_dims(-2, -1)
        return pieces.with_flat_values(tf.gather(self._ids, pieces.flat_values))

    def _locate(self, texts: tf.Tensor) -> Located:
        cleaned, kept = self._traced(self._marked(texts)), self._kept
        words, *limits = tf_text.regex_split_with_offsets(cleaned.texts, f"{kept}|{_SPACE}+", kept)
        first, last = (each.flat_values for each in limits)  # bytes (N,)
        short, is_short = self._short(words)
        pieces, *limits = self._word_pieces.tokenize_with_offsets(short)  # (B, None, None)
        words_of = pieces.values.value_rowids()
        from_, to = (tf.cast(each.flat_values, tf.int64) for each in limits)
        whole = ~tf.gather(is_short, words_of)  # the piece of an unknown word is all of it
        first, last = (tf.gather(each, words_of) for each in (first, last))
        flat = pieces.merge_dims(-2, -1)
        starts, ends = cleaned.locate(
            flat.value_rowids(),
            first + tf.where(whole, tf.zeros_like(from_), from_),
            tf.where(whole, last, first + to),
        )
        ids = tf.gather(self._ids, flat.flat_values)
        begins = tf.cast(tf.gather(~self.is_continuation, ids), tf.int32)
        return Located(*map(flat.with_flat_values, (ids, starts, ends, begins)))

    def save(self, directory: Path, max_sequence_length: int) -> None:
        """Writes the files of a Hugging Face tokenizer that gives the same ids."""
        write_tokenizer(self, directory, max_sequence_length)

    @classmethod
    def load(cls, directory: Path) -> "WordPieceTokenizer":
        """Reads the tokenizer of a BERT checkpoint in Hugging Face's layout.

        Raises:
            UserError: If the files are missing, damaged, or of another kind of tokenizer.
        """
        try:
            return cls(**read_tokenizer(Path(directory)))
        except UserError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UserError(
                f"{directory}: the tokenizer cannot be used here: {error}. {ANOTHER}"
            ) from error


def _any_of(texts: Iterable[str]) -> str:
    """Makes a pattern that finds any of the texts, the longest first; empty if there are none."""
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))
