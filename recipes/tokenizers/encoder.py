"""Makes an encoder's inputs of token ids, whichever tokenizer they come from."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import tensorflow as tf

from .frames import Frame
from .offsets import Located
from .portions import tokenize_in_portions
from .ragged import cut_rows, is_pairs, part_lengths
from .strings import Text, in_chunks


class EncoderTokenizer:
    """Encloses, pads and cuts token ids as an encoder reads them.

    A tokenizer is one of these with a function that makes token ids of texts, in a graph. It also
    has `vocabulary`, the pieces in the order of their ids, `special_tokens`, their names,
    `is_continuation` (V,), whether each piece goes on with a word, `model_max_length`, in tokens,
    `save`, and `_locate`, by which `locate` takes a few texts at a time.

    Args:
        tokenize: Turns texts (B,) in UTF-8 into token ids, int32, (B, None).
        frame: The special tokens around texts.
        pad_id: The token that fills up a batch.
        mask_id: The token that hides another.
    """

    MARKS_SPACES = False  # in its pieces, as SentencePiece does

    def __init__(
        self,
        tokenize: Callable[[tf.Tensor], tf.RaggedTensor],
        frame: Frame,
        pad_id: int,
        mask_id: int,
    ):
        self._tokenize = tokenize
        self.frame = frame
        self.pad_id, self.mask_id = pad_id, mask_id
        self.start_id, self.end_id = frame.start_id, frame.end_id

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns texts (B,) into token ids without any around them: int32, (B, None).

        Of a text `LONGEST_READ` bytes are read at most.
        """
        return tokenize_in_portions(self._tokenize, texts)

    def locate(self, texts: tf.Tensor) -> Located:
        """Turns texts (B,) into token ids as `tokenize` does, and says where each token is."""
        inner = (len(Located._fields),)
        return Located.unstacked(tokenize_in_portions(self._locate_in_graph, texts, inner))

    @cached_property
    def _locate_in_graph(self) -> Callable[[tf.Tensor], tf.RaggedTensor]:
        """Returns `_locate`, traced once, for as operations of their own its many are slow."""
        return tf.function(
            lambda texts: self._locate(texts).stacked(),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    def encode(self, texts: tf.Tensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Encodes texts (B,) as [CLS] text [SEP], at most `max_sequence_length` long: (B, None)."""
        return self.enclose(self.tokenize(texts), max_sequence_length)

    def encode_pairs(
        self, first: tf.Tensor, second: tf.Tensor, max_sequence_length: int
    ) -> tf.RaggedTensor:
        """Encodes pairs of texts as [CLS] first [SEP] and second [SEP]: (B, 2, None).

        Where a checkpoint has two [SEP] between texts, the other is before the second. If a pair
        has more than `max_sequence_length` tokens, the longer text is cut down to the length of the
        other, and then both are.
        """
        return self.enclose_pairs(self.tokenize(first), self.tokenize(second), max_sequence_length)

    def enclose(self, token_ids: tf.RaggedTensor, max_sequence_length: int) -> tf.RaggedTensor:
        """Puts [CLS] and [SEP] around token ids (B, None), at most `max_sequence_length` in all."""
        token_ids = token_ids[:, : max_sequence_length - self.frame.num_special(1)]
        edge = tf.ones([token_ids.nrows(), 1], tf.int32)
        return tf.concat([self.start_id * edge, token_ids, self.end_id * edge], axis=1)

    def enclose_pairs(
        self, first: tf.RaggedTensor, second: tf.RaggedTensor, max_sequence_length: int
    ) -> tf.RaggedTensor:
        """Encloses token ids of pairs, each (B, None), as `encode_pairs` does."""
        room = max_sequence_length - self.frame.num_special(2)
        lengths = tf.stack([first.row_lengths(), second.row_lengths()])  # (2, B)
        shorter = tf.minimum(tf.reduce_min(lengths, axis=0), room // 2)
        # Of two as long as each other, the second counts as the longer, as in Hugging Face.
        first_is_longer = lengths[0] > lengths[1]
        first = cut_rows(first, tf.where(first_is_longer, room - shorter, shorter))
        second = cut_rows(second, tf.where(first_is_longer, shorter, room - shorter))
        edge = tf.ones([first.nrows(), 1], tf.int32)
        first = tf.concat([self.start_id * edge, first, self.end_id * edge], axis=1)
        before = tf.fill([second.nrows(), self.frame.num_between - 1], self.end_id)
        return tf.stack([first, tf.concat([before, second, self.end_id * edge], axis=1)], axis=1)

    def readable(self, token_ids: Iterable[int]) -> list[str]:
        """Returns the pieces of token ids, for people to look at."""
        return [self.vocabulary[token_id] for token_id in token_ids]

    def encode_all(
        self, texts: Sequence[Text] | Sequence[tuple[Text, Text]], max_sequence_length: int
    ) -> tf.RaggedTensor:
        """Encodes Python strings as `encode` does, and pairs of strings as `encode_pairs` does.

        It takes a few at a time, so that memory stays small.
        """
        chunks = [
            (self.encode if len(columns) == 1 else self.encode_pairs)(*columns, max_sequence_length)
            for columns in in_chunks(texts)
        ]
        return tf.concat(chunks, axis=0)

    def pack(
        self, token_ids: tf.RaggedTensor, length: int | tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Pads encoded texts (B, None) or pairs (B, 2, None) into a model's inputs, each (B, T).

        `length` is T, in tokens. Defaults to the longest of the batch.
        """
        lengths = part_lengths(token_ids)  # (B, 1) or (B, 2)
        if is_pairs(token_ids):
            token_ids = token_ids.merge_dims(1, 2)
        shape = None if length is None else tf.stack([-1, tf.cast(length, tf.int64)])
        padded = token_ids.to_tensor(self.pad_id, shape=shape)  # (B, T)
        padding_mask = tf.sequence_mask(tf.reduce_sum(lengths, axis=1), tf.shape(padded)[1])
        is_first = tf.sequence_mask(lengths[:, 0], tf.shape(padded)[1])
        segments = tf.cast(padding_mask & ~is_first, padded.dtype) * self.frame.second_segment
        return {"token_ids": padded, "segment_ids": segments, "padding_mask": padding_mask}
