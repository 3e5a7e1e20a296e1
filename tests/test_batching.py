import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.text.batches import (
    ordered_batches,
    prediction_batches,
    training_batches,
)
from regard.recipes.text.encoding import Encoded
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.training.token_budget import BUCKET_LENGTHS, TokenBudget, bucket_lengths
from regard.recipes.training.token_dropout import hide_tokens

LENGTHS = np.random.default_rng(0).integers(2, 300, size=500)


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer([*SPECIAL_TOKENS, *"abcdefgh"])


def as_tuples(batches):
    return [tuple(batch.tolist()) for batch in batches]


def test_bucket_lengths_by_hand():
    assert bucket_lengths([1, 8, 9, 33, 1024, 1025, 5000]).tolist() == [
        8, 8, 16, 48, 1024, 2048, 5120,
    ]  # fmt: skip


def test_every_text_is_in_each_epoch_once():
    plan = TokenBudget(LENGTHS, batch_tokens=512, seed=3)
    for epoch in range(3):
        assert sorted(np.concatenate(plan.epoch(epoch))) == list(range(500))
        assert len(plan.epoch(epoch)) == plan.num_batches


def test_batches_keep_the_budget_and_share_a_bucket():
    plan = TokenBudget(LENGTHS, batch_tokens=512)
    for batch in plan.epoch(0):
        padded = set(bucket_lengths(LENGTHS[batch]))
        assert len(padded) == 1
        assert padded.pop() * len(batch) <= 512


def test_a_text_over_the_budget_is_a_batch_of_its_own():
    plan = TokenBudget([100, 100, 5], batch_tokens=64)
    assert sorted(len(batch) for batch in plan.epoch(0)) == [1, 1, 1]


def test_order_depends_on_seed_and_epoch_alone():
    plan = TokenBudget(LENGTHS, 512, seed=1)
    first = as_tuples(plan.epoch(0))
    plan.epoch(5)
    assert as_tuples(plan.epoch(0)) == first
    assert as_tuples(TokenBudget(LENGTHS, 512, seed=1).epoch(0)) == first
    assert as_tuples(plan.epoch(1)) != first
    assert as_tuples(TokenBudget(LENGTHS, 512, seed=2).epoch(0)) != first


def test_steps_can_begin_anywhere():
    plan = TokenBudget(LENGTHS, 512, seed=1)
    num_steps = 2 * plan.num_batches + 7
    whole = [next_step for next_step, _ in zip(plan.steps(), range(num_steps), strict=False)]
    late = plan.steps(first_step=plan.num_batches + 3)
    for step, length, batch in whole[plan.num_batches + 3 :]:
        late_step, late_length, late_batch = next(late)
        assert (step, length, batch.tolist()) == (late_step, late_length, late_batch.tolist())


def test_padding_is_less_than_a_third():
    plan = TokenBudget(LENGTHS, 2048)
    padded = sum(len(b) * plan.padded_lengths[b[0]] for b in plan.epoch(0))
    assert LENGTHS.sum() / padded > 2 / 3
    assert set(plan.padded_lengths) <= {*BUCKET_LENGTHS, LENGTHS.max()}


def test_padding_stops_at_the_longest_text():
    """A model whose longest sequence is 11 cannot read one that is padded to 16."""
    assert TokenBudget([3, 11, 9], batch_tokens=64).padded_lengths.tolist() == [8, 11, 11]


def test_training_dataset_gives_each_text_its_target_and_weight(tokenizer):
    texts = ["a", "a b c d e f g h a", "b"]
    token_ids = tokenizer.encode(tf.constant(texts), 16)
    plan = TokenBudget(token_ids.row_lengths().numpy(), batch_tokens=16, seed=0)
    weights = tf.constant([1.0, 2.0, 3.0])
    dataset = training_batches(
        plan, token_ids, lambda i: (tf.one_hot(i, 3), tf.gather(weights, i)), tokenizer
    )
    seen = {}
    for inputs, target, weight in dataset.take(plan.num_batches):
        for ids, one_hot, value in zip(inputs["token_ids"], target, weight, strict=True):
            index = int(np.argmax(one_hot))
            seen[index] = float(value)
            real = [token for token in ids.numpy().tolist() if token]
            assert real == token_ids[index].numpy().tolist()
    assert seen == {0: 1.0, 1: 2.0, 2: 3.0}


def test_ordered_dataset_covers_everything_in_order(tokenizer):
    token_ids = tokenizer.encode(tf.constant(["a b", "a b c d e f g h", "c"]), 16)
    plan = TokenBudget(token_ids.row_lengths().numpy(), batch_tokens=16)
    indices = [batch.numpy().tolist() for _, batch in ordered_batches(plan, token_ids, tokenizer)]
    assert indices == [batch.tolist() for batch in plan.in_order()]


def test_of_many_texts_batches_have_few_shapes(tokenizer):
    """Each shape that is new costs memory for good; the numbers of texts of a length differ."""
    shapes, draw = set(), np.random.default_rng(0)
    for _ in range(20):
        texts = ["a " * number for number in draw.integers(0, 30, 2048)]
        ids = tokenizer.encode_all(texts, 64)
        batches = list(prediction_batches(Encoded(ids, np.arange(2048), np.zeros(2048)), tokenizer))
        assert {*np.concatenate([rows for _, rows in batches])} == {*range(2048)}
        assert sum(len(rows) for _, rows in batches) < 1.05 * 2048 + 4 * 32
        shapes |= {tuple(inputs["token_ids"].shape) for inputs, _ in batches}
    assert len(shapes) < 40


def test_hidden_tokens_are_ordinary_ones_and_follow_the_seed(tokenizer):
    token_ids = tokenizer.encode(tf.constant(["a b c d e f g h " * 50] * 20), 512)
    hidden = hide_tokens(token_ids, 0.2, tf.constant([1, 2]), tokenizer)
    again = hide_tokens(token_ids, 0.2, tf.constant([1, 2]), tokenizer)
    other = hide_tokens(token_ids, 0.2, tf.constant([1, 3]), tokenizer)
    is_hidden = hidden.flat_values.numpy() == tokenizer.mask_id
    assert abs(is_hidden.mean() - 0.2) < 0.02
    assert hidden.to_list() == again.to_list()
    assert hidden.to_list() != other.to_list()
    assert set(hidden[:, :1].flat_values.numpy()) == {tokenizer.start_id}
    assert set(hidden[:, -1:].flat_values.numpy()) == {tokenizer.end_id}


def test_no_pass_has_a_tuner_to_wait_for(tokenizer):
    token_ids = tokenizer.encode_all(["a b", "c"], 16)
    plan = TokenBudget(token_ids.row_lengths().numpy(), batch_tokens=64)
    once = ordered_batches(plan, token_ids, tokenizer)
    endless = training_batches(plan, token_ids, lambda i: (i, i), tokenizer)
    for dataset in (once, endless):
        assert dataset.options().autotune.enabled is False
    assert once.cardinality() == plan.num_batches
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
