import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.pretraining.batches import (
    cut,
    hide_words,
    masked_positions,
    training_batches,
    validation_batches,
)
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.training.token_budget import TokenBudget

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, *LETTERS, *(f"##{letter}" for letter in LETTERS)])


def encode(*texts):
    return TOKENIZER.encode(tf.constant(texts), 512)


def hide(token_ids, number=0, share=0.15):
    return hide_words(token_ids, tf.constant([7, number]), TOKENIZER, share)


def test_shares_are_those_of_bert():
    token_ids = encode(*["a b c d e f g h i j k l m n o p q r s t"] * 2000)
    hidden, is_masked = hide(token_ids)
    flat, after, masked = (x.flat_values.numpy() for x in (token_ids, hidden, is_masked))
    ordinary = ~np.isin(flat, [TOKENIZER.start_id, TOKENIZER.end_id])
    assert masked[ordinary].mean() == pytest.approx(0.15 + 0.85**20 / 20, abs=0.005)
    assert not masked[~ordinary].any()
    np.testing.assert_array_equal(after[~masked], flat[~masked])
    is_mask, is_same = after[masked] == TOKENIZER.mask_id, after[masked] == flat[masked]
    size = len(TOKENIZER.vocabulary)
    assert is_mask.mean() == pytest.approx(0.8 + 0.1 / size, abs=0.015)
    assert is_same.mean() == pytest.approx(0.1 + 0.1 / size, abs=0.015)
    assert len(set(after[masked])) == size  # and the rest is any token


def test_words_are_hidden_whole():
    token_ids = encode(*["abc de f ghij klm"] * 300)
    _, is_masked = hide(token_ids, share=0.3)
    words = np.repeat([0, 1, 2, 3, 4], [3, 2, 1, 4, 3])
    for row in is_masked.to_list():
        for word in range(5):
            assert (
                len({masked for masked, w in zip(row[1:-1], words, strict=True) if w == word}) == 1
            )
    assert 0.2 < np.mean(is_masked.flat_values) < 0.4


def test_every_text_has_a_mask():
    _, is_masked = hide(encode(*["a"] * 50, *["abc"] * 50))
    assert all(row[1:-1] and all(row[1:-1]) for row in is_masked.to_list())


def test_masks_follow_the_seed():
    token_ids = encode(*["a b c d e f g"] * 20)
    first, again, other = (hide(token_ids, number)[0].to_list() for number in (0, 0, 1))
    assert first == again != other


def test_positions_by_hand():
    is_masked = tf.ragged.constant([[False, True, True], [False, False], [True, False, True, True]])
    positions, is_real = masked_positions(is_masked)
    assert positions.numpy().tolist() == [[1, 2, 0], [0, 0, 0], [0, 2, 3]]
    assert is_real.numpy().tolist() == [[True, True, False], [False] * 3, [True] * 3]


def test_targets_stand_where_the_positions_say():
    token_ids = encode("a b c d", "e f g h i j k", "l", "m n")
    plan = TokenBudget(token_ids.row_lengths().numpy(), batch_tokens=32, seed=3)
    rows = {tuple(row) for row in token_ids.to_list()}
    for inputs, targets, weights in training_batches(plan, token_ids, TOKENIZER, 0.4).take(9):
        restored = inputs["token_ids"].numpy()
        for row, (at, ids, ws) in enumerate(
            zip(inputs["masked_positions"].numpy(), targets.numpy(), weights.numpy(), strict=True)
        ):
            assert ws.any()
            for position, token_id, weight in zip(at, ids, ws, strict=True):
                if weight:
                    restored[row, position] = token_id
            length = inputs["padding_mask"].numpy()[row].sum()
            assert tuple(restored[row, :length].tolist()) in rows


def test_masks_are_drawn_anew_each_epoch_but_not_in_validation():
    token_ids = encode(*["a b c d e f g h i j"] * 12)
    plan = TokenBudget(token_ids.row_lengths().numpy(), batch_tokens=10**4, seed=3)
    training = [
        np.sort(inputs["token_ids"].numpy(), axis=0).tolist()
        for inputs, _, _ in training_batches(plan, token_ids, TOKENIZER, 0.3).take(2)
    ]
    assert training[0] != training[1]
    validation = validation_batches(plan, token_ids, TOKENIZER, 0.3)
    first, again = (
        [inputs["token_ids"].numpy().tolist() for inputs, _, _ in validation] for _ in range(2)
    )
    assert first == again


def test_long_texts_are_cut_and_empty_ones_dropped():
    token_ids = tf.ragged.constant([[1, 2, 3, 4, 5], [], [6, 7]], dtype=tf.int32)
    assert cut(token_ids, 2).to_list() == [[1, 2], [3, 4], [5], [6, 7]]
    assert cut(tf.ragged.constant([[]], dtype=tf.int32), 2).to_list() == []
