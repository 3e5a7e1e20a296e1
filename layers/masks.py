"""Makes and combines attention masks, in which True means attend."""

from keras import ops

MASKED_SCORE = -1e9  # exp() of it is exactly 0 in float32, yet a row of nothing else stays finite


def causal_mask(query_length, key_length):
    """Lets each query see the keys up to its own position.

    With fewer queries than keys, the queries are the last ones: the first of them sees
    `key_length - query_length + 1` keys.

    Args:
        query_length: Number of queries T, an integer or a scalar tensor.
        key_length: Number of keys S, at least T.

    Returns:
        A boolean tensor of shape (T, S).

    Raises:
        ValueError: If there are more queries than keys. Where a graph does not know the lengths,
            it cannot tell; the first T - S queries then see no key.
    """
    offset = causal_offset(query_length, key_length)
    return ops.arange(key_length)[None, :] <= ops.arange(query_length)[:, None] + offset  # (T, S)


def causal_offset(query_length, key_length):
    """Returns how many keys there are before the first query; see `causal_mask`."""
    are_known = isinstance(query_length, int) and isinstance(key_length, int)
    if are_known and query_length > key_length:
        raise ValueError(
            "A causal mask must have at least as many keys as queries, as the last query sees up "
            f"to the last key. Received: query_length={query_length}, key_length={key_length}"
        )
    return key_length - query_length


def combine_masks(query_length, key_length, padding_mask=None, attention_mask=None, causal=False):
    """Combines every kind of mask into one: a key is seen where all of them allow it.

    Args:
        query_length: Number of queries T.
        key_length: Number of keys S.
        padding_mask: (B, S), True at the keys that are real tokens.
        attention_mask: (T, S), (B, T, S) or (B, N, T, S), True where a query may see a key.
        causal: Whether each query sees only keys up to its own position.

    Returns:
        A boolean tensor that broadcasts to (B, N, T, S), or None where nothing is masked.

    Raises:
        ValueError: If a mask has another number of dimensions, or if it is to be causal and there
            are more queries than keys.
    """
    masks = []
    if padding_mask is not None:
        _check_rank("padding_mask", padding_mask, "(B, S)", (2,))
        masks.append(padding_mask[:, None, None, :])  # (B, 1, 1, S)
    if attention_mask is not None:
        _check_rank(
            "attention_mask", attention_mask, "(T, S), (B, T, S) or (B, N, T, S)", (2, 3, 4)
        )
        is_per_example = len(attention_mask.shape) == 3
        masks.append(attention_mask[:, None] if is_per_example else attention_mask)  # (B, 1, T, S)
    if causal:
        masks.append(causal_mask(query_length, key_length))  # (T, S)
    return all_of(*masks)


def all_of(*masks):
    """Returns a boolean tensor that is True where all masks are, or None where all are None."""
    combined = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            combined = mask if combined is None else ops.logical_and(combined, mask)
    return combined


def _check_rank(name, mask, shapes, ranks):
    if len(mask.shape) not in ranks:
        raise ValueError(f"`{name}` must have shape {shapes}. Received: shape={tuple(mask.shape)}")
