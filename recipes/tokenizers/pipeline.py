"""Runs a tokenizer of Hugging Face's `tokenizers` in a graph, part by part.

Such a tokenizer finds added tokens, normalizes the texts between them, splits these into words, and
looks for the pieces of each word. Every operation here is one that the stock TensorFlow Serving
binary has.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer

from ...models import disk
from .added_tokens import AddedTokens, Parts
from .bpe import BytePairs
from .byte_level import byte_numbers
from .checkpoint_files import UNLIMITED
from .encoder import EncoderTokenizer
from .frames import read_frame
from .normalizers import make_normalizer
from .offsets import Located
from .piece_offsets import PieceOffsets
from .pieces import SpecialTokens
from .regex import SPACE
from .subwords import make_model, name_pieces
from .words import make_splitter, word_start


class PipelineTokenizer(EncoderTokenizer):
    """Gives the ids that a tokenizer of `tokenizers` gives, with TensorFlow operations alone.

    Args:
        backend: The tokenizer: byte-level BPE or Unigram.
        special_tokens: Names of the five special tokens.
        files: The files that it was read from, by their names: `save` writes them as they are.
        model_max_length: The longest text that the checkpoint's files allow, in tokens; for
            information only. Defaults to `UNLIMITED`, a number above any length.

    Raises:
        ValueError: If a part of the tokenizer is none that can be done exactly.

    Example:
        >>> tokenizer = open_tokenizer("roberta-base")
        >>> tokenizer.encode(tf.constant(["It's a <mask>."]), max_sequence_length=8).to_list()
    """

    MARKS_SPACES = True

    def __init__(
        self,
        backend: Tokenizer,
        special_tokens: SpecialTokens,
        files: Mapping[str, bytes],
        model_max_length: int = UNLIMITED,
    ):
        self.special_tokens = special_tokens
        self.files = dict(files)
        self.model_max_length = model_max_length
        state = json.loads(backend.to_str())
        self._prepare_added(backend)
        self._normalize = make_normalizer(state["normalizer"])
        self._split = make_splitter(state["pre_tokenizer"])
        self._model = make_model(backend, state["model"])
        self._is_by_bytes = isinstance(self._model, BytePairs)
        ids = backend.get_vocab(with_added_tokens=True)
        self.vocabulary = name_pieces(ids)
        start = word_start(state["pre_tokenizer"])
        self.is_continuation = self._continuations(start)
        self._normalizer = backend.normalizer
        self._start = " " if self._is_by_bytes else start
        self._token_ids(tf.constant(["a"]))  # TensorFlow refuses patterns now or never
        super().__init__(
            tf.function(
                self._token_ids,
                input_signature=[tf.TensorSpec([None], tf.string)],
                autograph=False,
            ),
            read_frame(backend, special_tokens),
            ids[special_tokens.pad],
            ids[special_tokens.mask],
        )

    def _continuations(self, start: str) -> np.ndarray:
        """Returns whether each piece of the vocabulary goes on with a word, (V,)."""
        special = {*self.special_tokens.all}
        return np.array(
            [piece not in special and not piece.startswith(start) for piece in self.vocabulary]
        )

    def _prepare_added(self, backend: Tokenizer) -> None:
        """Sets what finds added tokens in texts as they are, and in normalized ones."""
        by_id = backend.get_added_tokens_decoder()
        tokens = sorted(
            ((token, index) for index, token in by_id.items()), key=lambda each: not each[0].special
        )
        if any(token.single_word or not token.content for token, _ in tokens):
            raise ValueError("an added token must have characters, and no `single_word`")
        raw = [each for each in tokens if not each[0].normalized]
        self._raw = AddedTokens(raw, [token.content for token, _ in raw])
        folded = [each for each in tokens if each[0].normalized]
        normalize = backend.normalizer.normalize_str if backend.normalizer else str
        self._folded = AddedTokens(folded, [normalize(token.content) for token, _ in folded])

    def _token_ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        parts, words = self._words(_sound(texts))
        is_text = parts.ids < 0
        ids = words.with_values(self._model(words.flat_values)).merge_dims(1, 2)
        tokens = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(parts.ids, ~is_text), tf.cast(~is_text, tf.int64)
        )
        return parts.texts.with_values(tf.concat([tokens, ids], axis=1)).merge_dims(1, 2)

    def _locate(self, texts: tf.Tensor) -> Located:
        texts = _sound(texts)
        parts, words = self._words(texts)
        is_token = tf.cast(parts.ids >= 0, tf.int64)  # such a part is one word, of one piece
        tokens = tf.boolean_mask(parts.texts.flat_values, parts.ids >= 0)
        ids = tf.boolean_mask(parts.ids, parts.ids >= 0)[:, tf.newaxis]
        ids = tf.RaggedTensor.from_tensor(ids, row_splits_dtype=tf.int64)
        pairs = zip((ids, tf.zeros_like(ids)), self._model.cut(words.flat_values), strict=True)
        ids, firsts = (
            tf.concat(
                [tf.RaggedTensor.from_row_lengths(one, is_token), words.with_values(rest)], axis=1
            ).values  # (N, None)
            for one, rest in pairs
        )
        tokens = tf.RaggedTensor.from_row_lengths(tokens, is_token)
        words = parts.texts.with_values(tf.concat([tokens, words], axis=1)).merge_dims(1, 2)
        return self._offsets(texts, words, ids, firsts)

    def _words(self, texts: tf.Tensor) -> tuple[Parts, tf.RaggedTensor]:
        """Finds added tokens in texts (B,), and the words of the other parts (N, None)."""
        parts = self._raw.split(Parts.of(texts))
        is_text = parts.ids < 0
        flat = tf.where(is_text, parts.texts.flat_values, "")
        flat = tf.where(is_text, self._normalize(flat), parts.texts.flat_values)
        parts = Parts(parts.texts.with_flat_values(flat), parts.ids).only((flat != "") | ~is_text)
        parts = self._folded.split(parts)
        is_text = parts.ids < 0
        return parts, self._split(tf.where(is_text, parts.texts.flat_values, ""))

    @cached_property
    def _offsets(self) -> PieceOffsets:
        """Returns what locates pieces; it needs a table that takes a second to make."""
        return PieceOffsets(self._normalizer, self._start)

    def readable(self, token_ids: Iterable[int]) -> list[str]:
        """Returns the pieces of token ids, for people to look at, with SentencePiece's spaces.

        Of a character that is cut up its bytes are written, "\\xe4" say.
        """
        pieces = super().readable(token_ids)
        if not self._is_by_bytes:
            return pieces
        special, bytes_ = {*self.special_tokens.all}, byte_numbers()
        return [
            piece
            if piece in special or not {*piece} <= bytes_.keys()
            else bytes(bytes_[each] for each in piece)
            .decode("utf-8", "backslashreplace")
            .replace(" ", SPACE)
            for piece in pieces
        ]

    def save(self, directory: Path, max_sequence_length: int) -> None:
        """Writes the files that the tokenizer was read from, unchanged.

        `max_sequence_length` is not written: the files say what the checkpoint allows.
        """
        for name, content in self.files.items():
            disk.write_bytes(directory / name, content)


def _sound(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
