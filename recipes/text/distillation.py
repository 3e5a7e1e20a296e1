"""Teaches a transformer what a linear teacher knows: distillation (Hinton et al., 2015).

A few thousand texts are too few for a transformer to find out by itself which words and phrases
matter; it remembers the texts instead. A linear teacher can learn from them. It then labels new
texts, spliced of stretches of the training texts, with probabilities. For every token it also gives
the evidence: how much the n-grams that end there speak for each class. The transformer's first
block learns to give the same evidence, so that the other blocks need only sum it up.

References:
    Hinton et al., "Distilling the Knowledge in a Neural Network",
    https://arxiv.org/abs/1503.02531
"""

import logging
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

from ...models import TextClassifier
from ..devices.shards import WHOLE, Shard
from ..problem_types import SINGLE_LABEL
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.token_budget import TokenBudget, mapped, read_ahead
from .batches import training_batches
from .data import LabelledTexts
from .encoding import row_weights
from .settings import TextSettings
from .teacher import NGramReader, group_sums, learn, ngram_weights, num_columns

logger = logging.getLogger("regard")

TEACHER_SHARE = 0.5  # of a real text's target; the rest is its label
# Synthetic texts of an epoch: so many for each text, and at least so many for each class.
SYNTHETIC_PER_TEXT, SYNTHETIC_PER_CLASS = 8, 100
SYNTHETIC_TOKENS = 1_500_000  # in an epoch, at most: about a minute on two cores
LARGEST_DATA = 50_000  # texts: more teach the transformer by themselves
LARGEST_LESSON = 100_000_000  # tokens times columns of evidence: 200 MB of it, and some minutes
FEWEST_STEPS = 400  # of all epochs together
_ASKED_AT_ONCE = 5000  # texts: their n-grams take a few hundred bytes a token


class Lesson(NamedTuple):
    """Holds the texts of all epochs together, each once, with targets and evidence.

    The evidence is how much each token, with those before it, speaks for each class, with a
    standard deviation of about 1; of two classes, for the second. E is 1 for two classes, else C.
    """

    texts: list[np.ndarray]  # token ids of each text, without special tokens
    targets: np.ndarray  # probabilities: float32, (number of texts, C)
    evidence: np.ndarray  # float16, (tokens of all texts, E)
    piece_evidence: np.ndarray  # of each piece of the vocabulary alone: (V, E)
    weights: np.ndarray  # of the targets in the loss: (number of texts,)
    rows: np.ndarray  # the text of each example: real texts come once an epoch


def can_teach(texts: LabelledTexts) -> bool:
    """Returns whether a teacher pays; says why, where it does not.

    It tells one label a text. N-grams do not see what one text of a pair has to do with another.
    Many texts teach a transformer by themselves, and of many long ones in many classes the lesson
    would take too long.
    """
    num_classes = len(texts.class_names())
    tokens = sum(len(text.encode("utf-8", "replace")) for text in texts.texts) // 4  # about
    lesson = tokens * num_columns(num_classes)
    why = None
    if texts.problem_type != SINGLE_LABEL:
        why = "the linear model of n-grams tells one label a text"
    elif texts.pairs is not None:
        why = "a linear model of n-grams cannot compare two texts"
    elif len(texts) > LARGEST_DATA:
        why = f"{len(texts)} texts are enough to learn from alone"
    elif lesson > LARGEST_LESSON:
        why = f"about {tokens} tokens in {num_classes} classes would take it long"
    if why:
        logger.info("No teacher: %s.", why)
    return why is None


def distill(
    texts: Sequence[np.ndarray],
    labels: np.ndarray,
    targets: np.ndarray,
    pieces: Sequence[str],
    epochs: int,
    seed: int,
    owners: np.ndarray | None = None,
) -> Lesson:
    """Asks a teacher about the real texts, once an epoch, and about synthetic ones, always new.

    The probabilities of a real text come from a teacher that has not seen it.

    A text is its token ids, without special tokens, and has a label in [0, C); the targets (number
    of texts, C) are probabilities by the labels alone. The pieces are in the order of the token
    ids.

    Where labels and targets are of texts that are given in several windows, the owners are the
    number of each window's text, ascending. The teacher reads such a text as a whole, and what it
    says of that is the target of each window.
    """
    texts = list(texts)
    owners = np.arange(len(texts)) if owners is None else owners
    whole = _joined(texts, owners)
    reader = NGramReader(pieces).fit(whole)
    occurrences, counts = _count(reader, texts)
    if len(labels) < len(texts):
        counts = group_sums(np.bincount(owners)) @ counts
    teacher, unseen = learn(counts, labels, whole, targets)
    real_targets = (TEACHER_SHARE * unseen + (1 - TEACHER_SHARE) * targets)[owners]
    weights = ngram_weights(teacher)
    weights /= (occurrences @ weights).std(axis=0)
    evidence = (occurrences @ weights).astype("float16")
    parts = [(texts, real_targets, evidence, row_weights(owners))]
    most = LARGEST_LESSON // weights.shape[1]
    fewest = SYNTHETIC_PER_CLASS * targets.shape[1]
    for synthetic in _synthetic_texts(texts, epochs, fewest, most, seed):
        occurrences, counts = _count(reader, synthetic)
        said, one_each = teacher.predict_proba(counts), np.ones(len(synthetic), "float32")
        parts.append((synthetic, said, (occurrences @ weights).astype("float16"), one_each))
    alone = reader.occurrences([np.array([token_id]) for token_id in range(len(pieces))])
    return _lesson(parts, alone @ weights, epochs)


def _lesson(parts: Sequence[tuple], embeddings: np.ndarray, epochs: int) -> Lesson:
    """Makes a lesson of its parts, of which the first is read once an epoch."""
    (real, *_), *_ = parts
    texts, targets, evidence, weights = zip(*parts, strict=True)
    texts = list(chain.from_iterable(texts))
    return Lesson(
        texts,
        np.concatenate(targets).astype("float32"),
        np.concatenate(evidence),
        embeddings,
        np.concatenate(weights),
        np.append(np.tile(np.arange(len(real)), epochs - 1), np.arange(len(texts))),
    )


def _joined(windows: list[np.ndarray], owners: np.ndarray) -> list[np.ndarray]:
    """Puts the windows of each text together."""
    ends = np.cumsum(np.bincount(owners))
    return [np.concatenate(windows[start:end]) for start, end in pairwise([0, *ends])]


def _count(reader, texts) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Counts the n-grams that end in each piece, and those of each text."""
    occurrences = reader.occurrences(texts)
    return occurrences, group_sums(_lengths(texts)) @ occurrences


def _synthetic_texts(
    texts: list[np.ndarray], epochs: int, fewest: int, most_tokens: int, seed: int
):
    """Yields synthetic texts for all epochs, some thousands at a time.

    `fewest` are for an epoch, unless they are so long that they would take too long.
    """
    random = np.random.default_rng(seed)
    mean_length = max(1, sum(_lengths(texts)) // len(texts))
    wanted = max(SYNTHETIC_PER_TEXT * len(texts), fewest)
    count = epochs * min(wanted, SYNTHETIC_TOKENS // mean_length)
    count = min(count, most_tokens // mean_length)
    for start in range(0, count, _ASKED_AT_ONCE):
        yield splice(texts, min(_ASKED_AT_ONCE, count - start), random)


def splice(
    texts: Sequence[np.ndarray], count: int, random: np.random.Generator
) -> list[np.ndarray]:
    """Splices `count` new texts, each of a random stretch of one text and a stretch of another.

    None is longer than the longest of the texts.
    """
    longest = max(_lengths(texts))
    pairs = random.integers(len(texts), size=(count, 2))
    spliced = (np.concatenate([_stretch(texts[i], random) for i in pair]) for pair in pairs)
    return [text[:longest] for text in spliced]


def _stretch(text: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if not len(text):
        return text
    length = random.integers(1, len(text) + 1)
    start = random.integers(len(text) - length + 1)
    return text[start : start + length]


def _lengths(texts: Sequence[np.ndarray]) -> list[int]:
    return [len(text) for text in texts]


def with_evidence(model: TextClassifier, num_columns: int) -> keras.Model:
    """Makes a model of the classifier's own layers that also gives its first block's evidence.

    It has two outputs, `logits` (B, C) and `evidence` (B, T, E), where E is `num_columns`.
    """
    inputs = model.input
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])  # (B, T, D)
    cuts_last = model.reads_first and len(model.encoder.steps()) > 1
    states = model.encoder.states(x, inputs["padding_mask"], first_only=cuts_last)
    x = next(states)  # (B, T, D)
    evidence = keras.layers.Dense(num_columns, dtype="float32", name="evidence")(x)  # (B, T, E)
    *_, x = [x, *states]
    if model.encoder.final_norm is not None:
        x = model.encoder.final_norm(x)
    return keras.Model(
        inputs, {"logits": model.classify(x, inputs["padding_mask"]), "evidence": evidence}
    )


def with_no_evidence(
    learner: keras.Model, batches: Callable[[Shard], tf.data.Dataset]
) -> Callable[[Shard], tf.data.Dataset]:
    """Makes labelled batches fit a learner of evidence, which has no weight in their loss."""
    num_columns = learner.output["evidence"].shape[-1]

    def finish(inputs, targets):
        is_asked = tf.zeros(tf.shape(inputs["token_ids"]))  # (B, T)
        evidence = tf.zeros([*tf.unstack(tf.shape(is_asked)), num_columns])
        return (
            inputs,
            {"logits": targets, "evidence": evidence},
            {"logits": tf.ones(tf.shape(targets)[:1]), "evidence": is_asked},
        )

    return lambda shard: mapped(batches(shard), finish)


def lesson_batches(
    lesson: Lesson, tokenizer: WordPieceTokenizer, settings: TextSettings
) -> tuple[TokenBudget, Callable[[int, Shard], tf.data.Dataset]]:
    """Returns a plan of the batches of a lesson, and a function that makes them.

    They are for a model that `with_evidence` made, without end, from a step on, of a shard.
    """
    texts = [lesson.texts[row] for row in lesson.rows]
    lengths, tokens = _lengths(texts), np.concatenate(texts).astype("int32")
    plain = tf.RaggedTensor.from_row_lengths(tokens, lengths)
    token_ids = tokenizer.enclose(plain, settings.max_sequence_length)
    # Of little data the batches are smaller, so that there are enough steps.
    batch_tokens = max(1, min(settings.batch_tokens, len(tokens) // FEWEST_STEPS))
    plan = TokenBudget(sequence_lengths(token_ids).numpy(), batch_tokens, settings.seed)
    targets_of, finish = _targets_of(lesson), _evidence_by_token(tokenizer)

    def batches(first_step: int = 0, shard: Shard = WHOLE) -> tf.data.Dataset:
        batches = training_batches(
            plan, token_ids, targets_of, tokenizer, settings.token_dropout, first_step, shard
        )
        return read_ahead(mapped(batches, finish), tf.data.INFINITE_CARDINALITY)

    return plan, batches


def _targets_of(lesson: Lesson):
    """Returns a function that gives targets and weights of the examples with some indices."""
    evidence = tf.RaggedTensor.from_row_lengths(lesson.evidence, _lengths(lesson.texts))

    def targets_of(indices):
        rows = tf.gather(lesson.rows, indices)
        targets = {
            "logits": tf.gather(lesson.targets, rows),
            "evidence": tf.cast(tf.gather(evidence, rows), tf.float32),  # (B, None, E)
        }
        return targets, tf.gather(lesson.weights, rows)

    return targets_of


def _evidence_by_token(tokenizer: WordPieceTokenizer):
    """Returns a function that pads evidence to (B, T, E), and gives special tokens no weight."""
    special_ids = [tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id, tokenizer.mask_id]

    def finish(inputs, targets, weights):
        token_ids = inputs["token_ids"]
        inner = tf.stack([-1, tf.shape(token_ids)[1] - 2, -1])  # without [CLS] and [SEP]
        padded = tf.pad(targets["evidence"].to_tensor(shape=inner), [[0, 0], [1, 1], [0, 0]])
        is_shown = tf.reduce_all(token_ids[..., None] != special_ids, axis=-1)  # (B, T)
        return (
            inputs,
            {"logits": targets["logits"], "evidence": padded},
            {"logits": weights, "evidence": tf.cast(is_shown, tf.float32)},
        )

    return finish
