import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from regard import LabelledTexts
from regard.models import TextClassifier
from regard.recipes.text.distillation import (
    Lesson,
    can_teach,
    distill,
    lesson_batches,
    splice,
    with_evidence,
    with_no_evidence,
)
from regard.recipes.text.plans import compile_student
from regard.recipes.text.settings import TextSettings
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.training.fit import Steps, fit
from regard.recipes.training.optimizers import bert_optimizer

PIECES = [*SPECIAL_TOKENS, *(f"p{index}" for index in range(5, 50))]


def texts_of_two_kinds(count, seed=0):
    """Texts of noise, with token 7 in the first kind and the pair (8, 9) in the second."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    noise = random.integers(10, 30, size=(count, 12))
    for row, label in zip(noise, labels, strict=True):
        place = random.integers(11)
        row[place : place + 2] = (8, 9) if label else (7, row[place + 1])
    return list(noise), labels


def tiny_classifier(num_classes=2):
    return TextClassifier.from_preset(
        "tiny", vocabulary_size=len(PIECES), num_classes=num_classes, max_sequence_length=16
    )


def test_spliced_texts_are_stretches_of_two():
    texts = [np.arange(100, 110), np.arange(200, 205), np.array([], int)]
    for text in splice(texts, 200, np.random.default_rng(0)):
        assert len(text) <= 10
        jumps = np.flatnonzero(np.diff(text) != 1)
        assert len(jumps) <= 1
        assert set(text) <= {*range(100, 110), *range(200, 205)}


def test_targets_are_probabilities_and_mostly_right():
    texts, labels = texts_of_two_kinds(200)
    lesson = distill(texts, labels, np.eye(2)[labels], PIECES, epochs=3, seed=1)
    assert len(lesson.texts) == len(lesson.targets)
    assert len(lesson.evidence) == sum(map(len, lesson.texts))
    np.testing.assert_allclose(lesson.targets.sum(axis=1), 1, atol=1e-5)
    assert (lesson.targets[:200].argmax(axis=1) == labels).all()
    assert np.bincount(lesson.rows).tolist() == [3] * 200 + [1] * (len(lesson.texts) - 200)
    for text, target in zip(lesson.texts[200:], lesson.targets[200:], strict=True):
        if 7 in text and 8 not in text and 9 not in text:
            assert target[0] > 0.5


def test_evidence_is_where_it_is_found():
    texts, labels = texts_of_two_kinds(200)
    lesson = distill(texts, labels, np.eye(2)[labels], PIECES, epochs=1, seed=1)
    tokens, evidence = np.concatenate(lesson.texts), lesson.evidence[:, 0]
    assert lesson.piece_evidence.shape == (len(PIECES), 1)
    assert lesson.piece_evidence.argmin() == 7
    assert evidence[tokens == 7].max() < evidence[tokens > 9].min()
    assert evidence[tokens == 9].mean() > evidence[tokens > 9].max()


def test_teacher_of_a_real_text_has_not_seen_it():
    texts, labels = texts_of_two_kinds(100)
    lone = [*texts, *[np.array([40 + i % 10] * 2) for i in range(10)]]  # nothing to go by
    labels = np.append(labels, np.ones(10, int))
    targets = distill(lone, labels, np.eye(2)[labels], PIECES, epochs=1, seed=0).targets
    unseen = 2 * targets[100:110, 1] - 1  # without the half that is the label
    assert (unseen < 0.8).all()


def test_same_seed_same_texts():
    texts, labels = texts_of_two_kinds(50)
    first, second, other = (
        distill(texts, labels, np.eye(2)[labels], PIECES, epochs=1, seed=seed).texts
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_three_classes_and_empty_texts():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    texts = [np.append(random.integers(10, 30, 5), 5 + label) for label in labels]
    texts[0] = np.array([], int)
    lesson = distill(texts, labels, np.eye(3)[labels], PIECES, epochs=1, seed=0)
    assert lesson.piece_evidence[5:8].argmax(axis=0).tolist() == [0, 1, 2]


def labelled(labels, length=10, pairs=None):
    column = None if pairs is None else "other"
    return LabelledTexts("t", ["x" * length] * len(labels), labels, "a", "b", 0, pairs, column)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (labelled(["a", "b"] * 5), None),
        (labelled(["a"] * 10 + ["b"]), None),  # one alone, too
        (labelled([str(label) for label in range(150)] * 2), None),
        (labelled(["a", "b"], pairs=["x", "y"]), "cannot compare two texts"),
        (labelled(["a", "b"] * 30_000), "60000 texts are enough to learn from alone"),
        (
            labelled([str(label) for label in range(50)] * 40, 5000),
            "about 2500000 tokens in 50 classes would take it long",
        ),
    ],
)
def test_can_teach(texts, why, caplog):
    caplog.set_level("INFO", "regard")
    assert can_teach(texts) is (why is None)
    assert len(caplog.messages) == (why is not None)
    assert why is None or why in caplog.text


def test_memory_of_a_lesson_is_bounded(monkeypatch):
    monkeypatch.setattr("regard.recipes.text.distillation.LARGEST_LESSON", 600)
    texts, labels = texts_of_two_kinds(50)
    lesson = distill(texts, labels, np.eye(2)[labels], PIECES, epochs=4, seed=1)
    assert len(lesson.texts) == 50 + 600 // 12


@pytest.mark.parametrize(
    ("num_texts", "num_classes", "each_epoch"), [(6, 2, 200), (6, 3, 300), (60, 2, 480)]
)
def test_few_texts_of_many_classes_are_spliced_the_most(num_texts, num_classes, each_epoch):
    texts, _ = texts_of_two_kinds(num_texts)
    labels = np.arange(num_texts) % num_classes
    lesson = distill(texts, labels, np.eye(num_classes)[labels], PIECES, epochs=2, seed=0)
    assert len(lesson.texts) == num_texts + 2 * each_epoch


@pytest.mark.parametrize("counts", [(1, 1, 1), (1, 5, 5), (2, 1, 9), (3, 3, 3)])
def test_a_teacher_of_classes_with_few_texts(counts):
    """None stops it, and what is said of a text that was not held out is its label."""
    labels = np.repeat(np.arange(3), counts)
    texts = [np.array([5 + label, 10 + number]) for number, label in enumerate(labels)]
    targets = np.eye(3, dtype="float32")[labels]
    with warnings.catch_warnings(action="error"):
        lesson = distill(texts, labels, targets, PIECES, epochs=1, seed=0)
    real = lesson.targets[: len(labels)]
    np.testing.assert_allclose(real.sum(axis=1), 1, atol=1e-5)
    assert (real.argmax(axis=1) == labels).all()
    alone = np.isin(labels, np.flatnonzero(np.array(counts) == 1))  # no other text of the class
    np.testing.assert_array_equal(real[alone], targets[alone])


def test_equal_texts_are_not_learned_from_each_other():
    """Texts by chance, each five times: what is said of one is no better than chance."""
    random = np.random.default_rng(0)
    distinct = [random.integers(5, 50, 6) for _ in range(30)]
    labels = np.repeat(random.permutation(np.arange(30) % 2), 5)
    texts = [text for text in distinct for _ in range(5)]
    targets = np.eye(2)[labels]
    real = distill(texts, labels, targets, PIECES, epochs=1, seed=0).targets[:150]
    unseen = 2 * real - targets
    assert (unseen.argmax(axis=1) == labels).mean() < 0.75


def test_with_evidence_is_the_same_classifier():
    model = tiny_classifier(num_classes=3)
    learner = with_evidence(model, num_columns=3)
    inputs = {
        "token_ids": tf.constant([[2, 7, 8, 3, 0], [2, 9, 9, 9, 3]]),
        "segment_ids": tf.zeros([2, 5], tf.int32),
        "padding_mask": tf.constant([[True] * 4 + [False], [True] * 5]),
    }
    answer = learner(inputs)
    assert answer["evidence"].shape == (2, 5, 3)
    np.testing.assert_allclose(answer["logits"], model(inputs), atol=1e-5)
    assert {id(weight) for weight in model.weights} < {id(weight) for weight in learner.weights}


def lesson_of(texts, evidence):
    targets = np.eye(2, dtype="float32")[[0] * len(texts)]
    evidence, ones = np.float16(evidence)[:, None], np.ones(len(texts), "float32")
    return Lesson(
        [np.array(text) for text in texts], targets, evidence, None, ones, np.arange(len(texts))
    )


def test_little_data_gets_smaller_batches():
    lesson = lesson_of([[6] * 6] * 400, [1.0] * 2400)
    plan, _ = lesson_batches(
        lesson,
        WordPieceTokenizer(PIECES),
        TextSettings(max_sequence_length=8, batch_tokens=4096, token_dropout=0.0),
    )
    assert plan.num_batches == 400


def test_batches_by_hand():
    lesson = lesson_of([[6, 7], [8]], [0.5, -1.0, 2.0])
    plan, batches = lesson_batches(
        lesson,
        WordPieceTokenizer(PIECES),
        TextSettings(max_sequence_length=8, batch_tokens=16, token_dropout=0.0),
    )
    by_first = {}
    for inputs, targets, weights in batches().take(plan.num_batches):
        for row, token_ids in enumerate(inputs["token_ids"].numpy().tolist()):
            evidence = targets["evidence"][row, :, 0].numpy().tolist()
            asked = weights["evidence"][row].numpy().tolist()
            by_first[token_ids[1]] = token_ids, evidence, asked
    assert by_first[6] == ([2, 6, 7, 3], [0, 0.5, -1, 0], [0, 1, 1, 0])
    assert by_first[8] == ([2, 8, 3, 0], [0, 2, 0, 0], [0, 1, 0, 0])


def test_of_hidden_tokens_no_evidence_is_asked(monkeypatch):
    monkeypatch.setattr("regard.recipes.text.distillation.FEWEST_STEPS", 1)
    lesson = lesson_of([[6] * 6] * 20, [1.0] * 120)
    tokenizer = WordPieceTokenizer(PIECES)
    settings = TextSettings(max_sequence_length=8, batch_tokens=200, token_dropout=0.5)
    _, batches = lesson_batches(lesson, tokenizer, settings)
    inputs, _, weights = next(iter(batches()))
    assert 0 < float(tf.reduce_sum(weights["evidence"])) < 120
    assert np.array_equal(weights["evidence"] == 1, inputs["token_ids"] == 6)


@pytest.mark.slow
def test_a_student_learns_and_keeps_the_mean_of_its_weights(monkeypatch):
    monkeypatch.setattr("regard.recipes.text.distillation.FEWEST_STEPS", 100)
    texts, labels = texts_of_two_kinds(60)
    lesson = distill(texts, labels, np.eye(2)[labels], PIECES, epochs=1, seed=0)
    tokenizer, model = WordPieceTokenizer(PIECES), tiny_classifier()
    learner = with_evidence(model, lesson.evidence.shape[1])
    settings = TextSettings(max_sequence_length=16, batch_tokens=512, token_dropout=0.1)
    plan, batches = lesson_batches(lesson, tokenizer, settings)
    optimizer = bert_optimizer(1e-3, 2 * plan.num_batches, average_every=1)
    compile_student(learner, optimizer)
    inputs, _, _ = next(iter(batches()))
    targets = tf.one_hot(tf.zeros(len(inputs["token_ids"]), tf.int32), 2)
    labelled = tf.data.Dataset.from_tensors((inputs, targets))
    held_out = with_no_evidence(learner, lambda shard: labelled)
    history, kept = fit(learner, batches, held_out, Steps(plan.num_batches, 2), best=None)
    assert kept == 2
    assert history[1]["loss"] < history[0]["loss"]
    assert {"val_accuracy", "val_macro_f1", "val_loss"} <= set(history[0])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)(targets, model(inputs))
    assert history[1]["val_loss"] == pytest.approx(float(loss), rel=1e-4)
