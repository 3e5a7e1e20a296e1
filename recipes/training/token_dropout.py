"""Hides tokens in training, so that a model learns from what is around them."""

import tensorflow as tf


def hide_tokens(
    token_ids: tf.RaggedTensor, rate: float, seed: tf.Tensor, tokenizer
) -> tf.RaggedTensor:
    """Replaces ordinary tokens by [MASK] with probability `rate`; [CLS] and [SEP] always stay."""
    flat = token_ids.flat_values
    is_ordinary = (flat != tokenizer.start_id) & (flat != tokenizer.end_id)
    is_hidden = is_ordinary & (tf.random.stateless_uniform(tf.shape(flat), seed) < rate)
    return token_ids.with_flat_values(tf.where(is_hidden, tokenizer.mask_id, flat))
