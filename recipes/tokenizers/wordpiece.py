"""BERT's tokenizer inside the TensorFlow graph.

Every operation here is one that the stock TensorFlow Serving binary has, so that the very same
graph prepares text in training and behind a server.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import AddedToken

from ..errors import UserError
from .backend import MAX_WORD_CHARACTERS, SpecialTokens, write_tokenizer
from .files import UNLIMITED, read_tokenizer

SPECIAL_TOKENS = SpecialTokens().all
MAX_PIECE_BYTES = 256  # tensorflow/text, fast_wordpiece_tokenizer_model_builder.cc

# Private characters, put around a special token in a text until it is looked up among the words.
_START, _END = "\U00100000", "\U00100001"
_MARKED = f"{_START}[^{_END}]*{_END}"
_RESERVED = rf"[\x00{_START}{_END}]"  # not for texts: these two, and what ends a string in C

# google-research/bert, tokenization.py, in RE2's syntax. Controls but tab, line feed and return,
# and private characters but our own:
_DROPPED = (
    r"[\x{FFFD}\p{Cf}\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}\x{100002}-\x{10FFFD}"
    r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}]"
)
_SPACE = r"[\t-\r\x{85}\p{Z}]"
_CHINESE = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)  # 2B920, where BERT has 2B820: so it is in Hugging Face's tokenizers
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"

_ENCODED_AT_ONCE = 1024  # texts: the operations take some thirty times the memory of the text

Text = str | bytes


class WordPieceTokenizer:
    """Turns strings into token ids exactly as BERT does, with TensorFlow operations alone.

    Special tokens that are written in a text, "[MASK]" say, are found before anything else is done
    to it, as Hugging Face's tokenizers do.

    Args:
        vocabulary: The pieces in the order of their ids.
        lowercase: Whether to fold case. Defaults to True.
        strip_accents: Whether to drop accents. Defaults to what `lowercase` is.
        split_chinese: Whether each Chinese character is a word of its own. Defaults to True.
        clean_text: Whether to drop control characters. Defaults to True.
        special_tokens: What the five special tokens are called. Defaults to BERT's names.
        added_tokens: Further tokens to find in a text, or some of the five with other flags. Those
            that `vocabulary` lacks get the ids after it.
        max_word_characters: Longer words are unknown. Defaults to 100.
        model_max_length: The longest text that the checkpoint's files allow, in tokens; for
            information only. Defaults to `UNLIMITED`, a number above any length.

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
        lowercase: bool = True,
        *,
        strip_accents: bool | None = None,
        split_chinese: bool = True,
        clean_text: bool = True,
        special_tokens: SpecialTokens | None = None,
        added_tokens: Iterable[AddedToken] = (),
        max_word_characters: int = MAX_WORD_CHARACTERS,
        model_max_length: int = UNLIMITED,
    ):
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_chinese = split_chinese
        self.clean_text = clean_text
        self.special_tokens = special_tokens or SpecialTokens()
        self.max_word_characters = max_word_characters
        self.model_max_length = model_max_length

        added = {token.content: token for token in added_tokens}
        _check_vocabulary(vocabulary, self.special_tokens, added)
        _check_added_tokens(added.values())
        for name in self.special_tokens.all:
            added.setdefault(name, AddedToken(name, special=True))
        self.added_tokens = list(added.values())
        self.base_vocabulary = list(vocabulary)
        known = set(vocabulary)
        self.vocabulary = [*vocabulary, *(content for content in added if content not in known)]
        self.is_continuation = np.array([piece.startswith("##") for piece in self.vocabulary])

        ids = {piece: index for index, piece in enumerate(self.vocabulary)}
        self.pad_id = ids[self.special_tokens.pad]
        self.start_id = ids[self.special_tokens.cls]
        self.end_id = ids[self.special_tokens.sep]
        self.mask_id = ids[self.special_tokens.mask]
        self._prepare_search(ids)

    def _prepare_search(self, ids: dict[str, int]) -> None:
        """Sets what finds special tokens in a text, and the ids of words and of their pieces."""
        contents = [token.content for token in self.added_tokens]
        normalized = [text.decode() for text in self._normalize(tf.constant(contents)).numpy()]
        words = {
            token.content: text.strip(" ") if token.normalized else f"{_START}{text}{_END}"
            for token, text in zip(self.added_tokens, normalized, strict=True)
        }
        _check_found_words(words, self.max_word_characters)
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

        A special token is one word. If it was found in the text as written, which is what BERT's
        five are, then private characters mark it as such.
        """
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, _RESERVED, "\ufffd")
        if self._raw:
            texts = tf.strings.regex_replace(texts, f"({self._raw})", rf"{_START}\1{_END}")
        texts = self._normalize(texts)
        kept = "|".join(filter(None, [_MARKED, self._normalized, _PUNCTUATION]))
        return tf_text.regex_split(texts, f"{kept}|{_SPACE}+", kept)

    def _normalize(self, texts: tf.Tensor) -> tf.Tensor:
        if self.clean_text:
            texts = tf.strings.regex_replace(texts, _DROPPED, "")
        if self.split_chinese:
            texts = tf.strings.regex_replace(texts, f"({_CHINESE})", r" \1 ")
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            texts = tf_text.normalize_utf8(texts, "NFD")
            texts = tf.strings.regex_replace(texts, r"\p{Mn}", "")
        if self.lowercase:
            texts = tf.strings.regex_replace(texts, "Σ", "σ")  # never the final sigma, as in BERT
            texts = tf.strings.lower(texts, encoding="utf-8")
        return texts

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Token ids of texts (B,) without [CLS] and [SEP] around them: int32, (B, None)."""
        words = self.split_words(texts)
        lengths = tf.strings.length(words.flat_values, unit="UTF8_CHAR")
        is_short = lengths <= self.max_word_characters
        short = tf.where(is_short, words.flat_values, self.special_tokens.unk)
        pieces = self._word_pieces.tokenize(words.with_flat_values(short)).merge_dims(-2, -1)
        return pieces.with_flat_values(tf.gather(self._ids, pieces.flat_values))

    def encode(self, texts: tf.Tensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Token ids between [CLS] and [SEP], at most `max_sequence_length` in all: (B, None)."""
        return self.enclose(self.tokenize(texts), max_sequence_length)

    def encode_pairs(
        self, first: tf.Tensor, second: tf.Tensor, max_sequence_length: int
    ) -> tf.RaggedTensor:
        """Token ids of pairs of texts, [CLS] first [SEP] and second [SEP]: (B, 2, None).

        Of a pair that is longer than `max_sequence_length` in all, the longer text is cut, down to
        the length of the other, and then both.
        """
        first, second = self.tokenize(first), self.tokenize(second)
        room = max_sequence_length - 3  # of [CLS] and two [SEP]
        lengths = tf.stack([first.row_lengths(), second.row_lengths()])  # (2, B)
        shorter = tf.minimum(tf.reduce_min(lengths, axis=0), room // 2)
        # Of two as long as each other, the second counts as the longer, as in Hugging Face.
        first_is_longer = lengths[0] > lengths[1]
        first = _cut(first, tf.where(first_is_longer, room - shorter, shorter))
        second = _cut(second, tf.where(first_is_longer, shorter, room - shorter))
        edge = tf.ones([first.nrows(), 1], tf.int32)
        first = tf.concat([self.start_id * edge, first, self.end_id * edge], axis=1)
        return tf.stack([first, tf.concat([second, self.end_id * edge], axis=1)], axis=1)

    def enclose(self, token_ids: tf.RaggedTensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Puts token ids (B, None) between [CLS] and [SEP], at most that many in all."""
        token_ids = token_ids[:, : max_sequence_length - 2]
        edge = tf.ones([token_ids.nrows(), 1], tf.int32)
        return tf.concat([self.start_id * edge, token_ids, self.end_id * edge], axis=1)

    def encode_all(
        self, texts: Sequence[Text] | Sequence[tuple[Text, Text]], max_sequence_length: int
    ) -> tf.RaggedTensor:
        """Encodes any number of Python strings, a few at a time so that memory stays small.

        Returns:
            What `encode` gives, or for pairs of strings, what `encode_pairs` gives.
        """
        chunks = []
        for start in range(0, len(texts), _ENCODED_AT_ONCE):
            chunk = texts[start : start + _ENCODED_AT_ONCE]
            if isinstance(chunk[0], tuple):
                first, second = map(as_bytes, zip(*chunk, strict=True))
                chunks.append(self.encode_pairs(first, second, max_sequence_length))
            else:
                chunks.append(self.encode(as_bytes(chunk), max_sequence_length))
        return tf.concat(chunks, axis=0)

    def pack(
        self, token_ids: tf.RaggedTensor, length: int | tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Pads encoded texts (B, None) or pairs (B, 2, None) into a model's inputs, each (B, T).

        Args:
            token_ids: What `encode` or `encode_pairs` returns.
            length: The length T to pad to, in tokens. Defaults to the longest of the batch.
        """
        lengths = _part_lengths(token_ids)  # (B, 1) or (B, 2)
        if _is_pairs(token_ids):
            token_ids = token_ids.merge_dims(1, 2)
        shape = None if length is None else tf.stack([-1, tf.cast(length, tf.int64)])
        padded = token_ids.to_tensor(self.pad_id, shape=shape)  # (B, T)
        padding_mask = tf.sequence_mask(tf.reduce_sum(lengths, axis=1), tf.shape(padded)[1])
        is_first = tf.sequence_mask(lengths[:, 0], tf.shape(padded)[1])
        return {
            "token_ids": padded,
            "segment_ids": tf.cast(padding_mask & ~is_first, padded.dtype),
            "padding_mask": padding_mask,
        }

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
                f"{directory}: the tokenizer cannot be used here: {error}. "
                "Take a checkpoint with BERT's own tokenizer, saved with `transformers`."
            ) from error


def sequence_lengths(token_ids: tf.RaggedTensor) -> tf.Tensor:
    """The number of tokens (B,) of encoded texts (B, None) or pairs (B, 2, None)."""
    return tf.reduce_sum(_part_lengths(token_ids), axis=1)


def _part_lengths(token_ids: tf.RaggedTensor) -> tf.Tensor:
    """The number of tokens of encoded texts (B, 1), or of both parts of encoded pairs (B, 2)."""
    if _is_pairs(token_ids):
        return tf.reshape(token_ids.values.row_lengths(), [-1, 2])
    return token_ids.row_lengths()[:, tf.newaxis]


def _is_pairs(token_ids: tf.RaggedTensor) -> bool:
    return token_ids.ragged_rank == 2


def _cut(token_ids: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """The first tokens of each row of (B, None): at most as many as `lengths` (B,) says."""
    starts = token_ids.row_starts()
    ends = starts + tf.minimum(lengths, token_ids.row_lengths())
    return tf.gather(token_ids.flat_values, tf.ragged.range(starts, ends))


def _any_of(texts: Iterable[str]) -> str:
    """A pattern of any of the texts, the longest that fits; empty if there are none."""
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))


def _check_vocabulary(
    vocabulary: Sequence[str], special_tokens: SpecialTokens, added: Mapping[str, AddedToken]
) -> None:
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
    long = [piece for piece in vocabulary if is_too_long(piece)]
    if long:
        raise ValueError(
            f"A piece must have at most {MAX_PIECE_BYTES} bytes. Received: {long[0]!r:.80}"
        )


def is_too_long(piece: str) -> bool:
    """Whether a piece has more bytes than TensorFlow Text can look up."""
    return len(piece.removeprefix("##").encode()) > MAX_PIECE_BYTES


def _check_added_tokens(tokens: Iterable[AddedToken]) -> None:
    """Refuses what Hugging Face's tokenizers can do and regular expressions of RE2 cannot."""
    for token in tokens:
        if token.single_word or not token.content or token.content.strip() != token.content:
            raise ValueError(
                "An added token must have no `single_word`, and no space around it. "
                f"Received: {token!r}"
            )


def _check_found_words(words: Mapping[str, str], max_word_characters: int) -> None:
    """Refuses special tokens that cannot be told apart, or are too long to look up."""
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


def as_bytes(texts: Sequence[Text]) -> tf.Tensor:
    """Makes a tensor of any strings, even those that are not valid Unicode.

    Lone surrogates stand for themselves, or, as Python's file system encoding has it, for bytes
    that were not UTF-8; the tokenizer drops either.
    """
    encoded = [text if isinstance(text, bytes) else _utf8(text) for text in texts]
    return tf.constant(encoded, tf.string)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
