"""From strings to strings, in one graph: what `predict` runs, and what an export holds."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...models.decoding import beam_search
from ..serving.micro_batches import answer_in_parts
from ..tokenizers.strings import Text, as_bytes

LANES = 2  # searches side by side: the products of one are too small to share among threads
MAX_LENGTH_FACTOR, MAX_LENGTH_EXTRA = 2, 20  # tokens of a translation for those of its source


def translation_function(model, tokenizer, max_sequence_length: int, num_beams, length_penalty):
    """A function from texts (B,) to `translations` (B,), strings, and `scores` (B,), float32.

    Texts of like length are translated together, a few at a time, so that short ones do not wait
    for long ones and memory does not grow with the batch. A text without anything in it has an
    empty translation, with a score of 0.

    Args:
        model: A `Translator`.
        tokenizer: Its `SentencePieceTokenizer`.
        max_sequence_length: Largest number of tokens of a source that are read, and of a
            translation. A translation also has at most twice the tokens of its source, and 20.
        num_beams: Number of beams.
        length_penalty: Power of the length that scores are divided by.
    """

    def search(token_ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        lengths = token_ids.row_lengths()
        padded = token_ids.to_tensor(tokenizer.pad_id)  # (B, S)
        longest = MAX_LENGTH_FACTOR * tf.cast(lengths, tf.int32) + MAX_LENGTH_EXTRA  # (B,)
        found = beam_search(
            model,
            padded,
            tf.sequence_mask(lengths, tf.shape(padded)[1]),
            tf.minimum(longest, max_sequence_length),
            num_beams,
            length_penalty,
        )
        is_empty = lengths == 1  # an end and no more
        translations = tf.where(is_empty, "", tokenizer.decode(found.token_ids[:, 0]))
        return translations, tf.where(is_empty, 0.0, found.scores[:, 0])

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def translate(texts):
        token_ids = tokenizer.encode(texts, max_sequence_length)
        translations, scores = answer_in_parts(
            lambda rows: search(tf.gather(token_ids, rows)),
            token_ids.row_lengths(),
            [tf.TensorSpec([None], dtype) for dtype in (tf.string, tf.float32)],
            LANES,
        )
        return {"translations": translations, "scores": scores}

    return translate


def translate_all(translate, texts: Sequence[Text]) -> tuple[list[str], np.ndarray]:
    """The translations of texts and their scores, by what `translation_function` makes."""
    answer = translate(as_bytes(texts))
    translations = [text.decode("utf-8", "replace") for text in answer["translations"].numpy()]
    return translations, answer["scores"].numpy()
