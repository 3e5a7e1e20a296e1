"""Tokenizes for a translator with SentencePiece, as Marian's checkpoints do.

A model of the source's or the target's language cuts texts into pieces, and one vocabulary numbers
the pieces of both, or each has its own. Nothing is assumed about spaces: a text is a string of
characters, and the space is one of them.

References:
    Kudo and Richardson, "SentencePiece", https://arxiv.org/abs/1808.06226;
    Provilkov et al., "BPE-Dropout", https://arxiv.org/abs/1910.13267
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Self

import sentencepiece
import tensorflow as tf

from ..errors import UserError
from .beginnings import tokenize_beginnings
from .languages import LANGUAGE_CODE, Languages
from .regex import SPACE
from .sentence_pieces import END, PAD, SentencePieces
from .sentencepiece_models import (
    GraphModel,
    learn_pieces,
    open_model,
    with_normalization,
)
from .spelling import choose_spelled
from .translation_files import damaged, read_parts, write_marian, write_multilingual


class SentencePieceTokenizer:
    """Turns texts into token ids and back, in a graph as well.

    If the vocabulary has codes of languages, such as ">>fr<<", a code at the beginning of a source
    is a piece by itself, and comes before that of the language chosen.

    Args:
        source_model: A SentencePiece model for sources, serialized.
        target_model: A SentencePiece model for targets, serialized.
        vocabulary: The id of each piece of both, and of "</s>", "<unk>" and "<pad>".
        target_vocabulary: The same for the pieces of targets alone. Defaults to one vocabulary for
            both.
        languages: What tokens of languages there are. Defaults to the vocabulary's codes, if any.
        files: The files to save, by name, in place of Marian's. Defaults to Marian's.

    Raises:
        ValueError: If a model is not one, a vocabulary lacks a special piece, or two number
            "</s>" and "<pad>" otherwise.

    Example:
        >>> tokenizer = SentencePieceTokenizer.learn(sources, targets, vocabulary_size=8000)
        >>> ids = tokenizer.encode(tf.constant(["A dog runs."]), max_sequence_length=512)
        >>> tokenizer.decode(ids.to_tensor(tokenizer.pad_id))
    """

    def __init__(
        self,
        source_model: bytes,
        target_model: bytes,
        vocabulary: Mapping[str, int],
        languages: Languages | None = None,
        files: Mapping[str, bytes] | None = None,
        target_vocabulary: Mapping[str, int] | None = None,
    ):
        if target_vocabulary is None:
            target_vocabulary = vocabulary
        self.source = SentencePieces(source_model, vocabulary)
        self.target = SentencePieces(target_model, target_vocabulary)
        self.vocabulary = vocabulary
        self.end_id, self.unknown_id = self.source.end_id, self.source.unknown_id
        self.pad_id = self.source.pad_id
        if (self.target.end_id, self.target.pad_id) != (self.end_id, self.pad_id):
            raise ValueError(f"Both vocabularies must give {END} and {PAD} the same ids")
        codes = {p[2:-2]: i for p, i in vocabulary.items() if re.fullmatch(LANGUAGE_CODE, p)}
        self._has_codes = languages is None and bool(codes)
        self.languages = Languages(codes, are_both_told=False) if self._has_codes else languages
        self.files = files
        self._surfaces = self.target.surfaces()
        if self.languages and not self.has_two_vocabularies:
            for index in self.languages.ids.values():
                self._surfaces[index] = b""
        self._graph_source = GraphModel(source_model)
        entries = tf.lookup.KeyValueTensorInitializer(
            list(vocabulary), list(vocabulary.values()), tf.string, tf.int32
        )
        self._graph_table = tf.lookup.StaticHashTable(entries, self.unknown_id)

    @property
    def has_two_vocabularies(self) -> bool:
        return self.target.vocabulary is not self.source.vocabulary

    def cover(self, num_ids: int) -> None:
        """Lets a model write ids, below `num_ids`, that no piece has: they are nothing."""
        self._surfaces += [b""] * (num_ids - len(self._surfaces))

    def speaking(self, source: str | None, target: str | None) -> Self:
        """Returns the same with languages chosen, where they are given.

        Raises:
            UserError: If the checkpoint has no such language, or tells none by tokens.
        """
        if source is target is None:
            return self
        if self.languages is None:
            raise UserError(
                "The checkpoint has no tokens of languages: leave out `source_language` and "
                f"`target_language`. Received: source_language={source!r}, "
                f"target_language={target!r}"
            )
        chosen = copy(self)
        chosen.languages = self.languages.choose(source, target)
        return chosen

    @property
    def source_ids(self) -> list[int]:
        """Returns the token ids that a source begins with: those of languages."""
        return self.languages.source_ids if self.languages else []

    @property
    def target_ids(self) -> list[int]:
        """Returns the token ids that a translation begins with, likewise."""
        return self.languages.target_ids if self.languages else []

    @classmethod
    def learn(
        cls, sources: Iterable[str], targets: Iterable[str], vocabulary_size: int
    ) -> "SentencePieceTokenizer":
        """Learns byte-pair encoding from sources and targets together.

        Every character that occurs has a piece, or is spelled in bytes (`choose_spelled`). Sources
        are normalized (NFKC and the like): a ligature is read as its letters, a full-width letter
        or an odd space as the usual one. Targets are left as they are, so that a model learns to
        write what people wrote.

        `vocabulary_size` is the number of pieces, special ones included; little text gives fewer.

        Raises:
            UserError: If the texts have more characters than that, and it is too small for bytes.
        """
        normalizer = sentencepiece.SentencePieceNormalizer(
            rule_name="nmt_nfkc", add_dummy_prefix=False, escape_whitespaces=False
        )
        texts = [*normalizer.normalize(list(sources)), *targets]
        spelled = choose_spelled(texts, vocabulary_size)
        target_model = learn_pieces(texts, vocabulary_size - 1, spelled)  # without that of padding
        processor = open_model(target_model)
        pieces = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
        vocabulary = {piece: index for index, piece in enumerate([*pieces, PAD])}
        return cls(with_normalization(target_model), target_model, vocabulary)

    def tokenize(self, texts: tf.Tensor, length: int) -> tf.RaggedTensor:
        """Turns sources into token ids without an end, in a graph: strings (B,) to int32 (B, None).

        The strings are in UTF-8. Only the first `length` tokens of each are sure to be right, as in
        `tokenize_beginnings`.
        """
        if not self._has_codes:
            ids = tokenize_beginnings(self._numbered, texts, length)
            return self._with_first(ids) if self.source_ids else ids
        rest = tf.strings.regex_replace(texts, LANGUAGE_CODE, "")
        code_length = tf.strings.length(texts) - tf.strings.length(rest)
        codes = tf.strings.substr(texts, tf.zeros_like(code_length), code_length)
        codes, has_code = self._graph_table.lookup(codes), code_length > 0
        if self.source_ids:
            codes, has_code = tf.where(has_code, codes, self.source_ids), tf.ones_like(has_code)
        codes = tf.RaggedTensor.from_tensor(codes[:, tf.newaxis], tf.cast(has_code, tf.int64))
        return tf.concat([codes, tokenize_beginnings(self._numbered, rest, length)], axis=1)

    def _with_first(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        first = tf.tile([self.source_ids], [ids.nrows(), 1])
        return tf.concat([tf.cast(first, tf.int32), ids], axis=1)

    def _numbered(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the token ids (B, None) of whole texts (B,)."""
        pieces = self._graph_source.tokenize(texts)
        return pieces.with_flat_values(self._graph_table.lookup(pieces.flat_values))

    def encode(self, texts: tf.Tensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Encodes sources in a graph: strings (B,) in UTF-8 to int32 (B, None), each with an end.

        What is longer than `max_sequence_length` tokens, the end included, is cut off.
        """
        return self.enclose(self.tokenize(texts, max_sequence_length), max_sequence_length)

    def enclose(self, token_ids: tf.RaggedTensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Puts an end after token ids (B, None), as `encode` does."""
        token_ids = token_ids[:, : max_sequence_length - 1]
        ends = tf.fill([token_ids.nrows(), 1], self.end_id)
        return tf.concat([token_ids, ends], axis=1)

    def decode(self, token_ids: tf.Tensor) -> tf.Tensor:
        """Turns token ids (..., L) into strings (...), without special tokens, in a graph."""
        texts = tf.strings.reduce_join(tf.gather(self._surfaces, token_ids), axis=-1)
        if self.target.has_bytes:  # which need not be a text
            texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        return tf.strings.strip(tf.strings.regex_replace(texts, SPACE, " "))

    def encode_sources(
        self, texts: Sequence[str], dropout: float = 0.0, seed: int = 0
    ) -> list[list[int]]:
        """Encodes sources, each with an end.

        The dropout is the probability in [0, 1) of leaving out a merge of two pieces, so that a
        model sees a text cut up in other ways each time (BPE-dropout).
        """
        codes = [""] * len(texts)
        if self._has_codes:
            found = [re.match(LANGUAGE_CODE, text) for text in texts]
            codes = [match[0] if match else "" for match in found]
            texts = [text[len(code) :] for text, code in zip(texts, codes, strict=True)]
        rows, usual = self.source.encode(texts, dropout, seed), self.source_ids
        first = [[self.vocabulary.get(c, self.unknown_id)] if c else usual for c in codes]
        return [[*before, *row] for before, row in zip(first, rows, strict=True)]

    def check_sources(self, texts: Iterable[str]) -> None:
        """Raises `UserError` unless it is known which language each is to be translated into."""
        if self.languages:
            self.languages.check_sources(texts)

    def encode_targets(
        self, texts: Sequence[str], dropout: float = 0.0, seed: int = 0
    ) -> list[list[int]]:
        """Encodes targets, each with an end. The arguments are those of `encode_sources`."""
        rows, first = self.target.encode(texts, dropout, seed), self.target_ids
        return [[*first, *row] for row in rows] if first else rows

    def encode_pairs(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        max_sequence_length: int,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Encodes sources and targets, each cut to a length."""
        source_rows = self.encode_sources(sources, dropout, seed)
        target_rows = self.encode_targets(targets, dropout, seed)
        return tuple(self.cut(rows, max_sequence_length) for rows in (source_rows, target_rows))

    def cut(self, rows: Sequence[list[int]], length: int) -> list[list[int]]:
        """Cuts rows of token ids to a length, each with an end still."""
        return [row if len(row) <= length else [*row[: length - 1], self.end_id] for row in rows]

    @property
    def resources(self) -> list:
        """Returns the objects that a SavedModel must keep for `encode` to work in it."""
        return [self._graph_source, self._graph_table]

    def save(self, directory: Path, max_sequence_length: int) -> None:
        """Writes the files of Marian's tokenizer, or those that it was read from."""
        if self.files is None:
            chosen = self.languages and self.languages.target
            write_marian(directory, self.source, self.target, max_sequence_length, chosen)
        else:
            write_multilingual(directory, self.files, self.languages, max_sequence_length)

    @classmethod
    def load(cls, directory: Path) -> "SentencePieceTokenizer":
        """Opens the tokenizer of a checkpoint of Marian, M2M100, NLLB or mBART-50.

        Raises:
            UserError: If a file is missing or damaged.
        """
        parts, chosen = read_parts(directory)
        try:
            return cls(**parts).speaking(*chosen)
        except ValueError as error:
            raise damaged(directory, error) from error
