import keras
import numpy as np
import pytest
import tensorflow as tf

from regard.models import TextClassifier
from regard.recipes.text.adversarial import AdversarialClassifier
from tiers import only_first

EPSILON = 0.05
TOKEN_IDS = np.array([[2, 7, 5, 3, 0], [2, 9, 3, 0, 0], [2, 4, 8, 6, 3]], "int32")
INPUTS = {
    "token_ids": TOKEN_IDS,
    "segment_ids": np.zeros_like(TOKEN_IDS),
    "padding_mask": TOKEN_IDS > 0,
}
TARGETS = np.eye(2, dtype="float32")[[0, 1, 1]]
WEIGHTS = np.array([0.5, 1.0, 1.5], "float32")


def make_classifier(**kwargs):
    keras.utils.set_random_seed(0)
    return TextClassifier(11, 2, 8, 2, 2, 16, max_sequence_length=5, dropout=0.0, **kwargs)


def compiled(learner, optimizer):
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    learner.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return learner


def loss_and_slopes(classifier, move):
    """The loss, its gradients, and its slope at the embeddings, with `move` added to those."""
    mask = next(tensor for tensor in classifier.inputs if tensor.name == "padding_mask")
    rest = keras.Model([classifier.embedding.output, mask], classifier.output)
    with tf.GradientTape() as tape:
        vectors = classifier.embedding(INPUTS["token_ids"], INPUTS["segment_ids"]) + move
        logits = rest([vectors, tf.constant(INPUTS["padding_mask"])])
        losses = tf.nn.softmax_cross_entropy_with_logits(TARGETS, logits) * WEIGHTS
        loss = tf.reduce_mean(losses)
    slopes = tape.gradient(loss, [vectors, *classifier.trainable_variables])
    return vectors.numpy(), [tf.convert_to_tensor(slope).numpy() for slope in slopes]


def test_a_step_follows_the_gradients_of_both_passes():
    """With plain SGD at rate 1, a step takes exactly the sum of the two gradients off."""
    classifier = make_classifier()
    vectors, (slope, *gradients) = loss_and_slopes(classifier, 0.0)
    move = np.zeros_like(vectors)
    for text, length in enumerate(INPUTS["padding_mask"].sum(axis=1)):  # each by itself
        ours, theirs = vectors[text, :length], slope[text, :length]
        move[text, :length] = EPSILON * np.linalg.norm(ours) * theirs / np.linalg.norm(theirs)
    _, (_, *moved_gradients) = loss_and_slopes(classifier, move)
    before = classifier.get_weights()
    learner = compiled(AdversarialClassifier(classifier, EPSILON), keras.optimizers.SGD(1.0))
    learner.train_on_batch(INPUTS, TARGETS, WEIGHTS)
    for old, new, *both in zip(
        before, classifier.get_weights(), gradients, moved_gradients, strict=True
    ):
        np.testing.assert_allclose(old - new, sum(both), rtol=1e-5, atol=1e-5)
    differences = [np.abs(a - b).max() for a, b in zip(gradients, moved_gradients, strict=True)]
    assert max(differences) > 1e-3


def test_figures_are_those_of_the_texts_as_they_are():
    classifier = make_classifier()
    learner = compiled(AdversarialClassifier(classifier, EPSILON), keras.optimizers.SGD(0.0))
    trained = learner.fit(INPUTS, TARGETS, sample_weight=WEIGHTS, batch_size=3, verbose=0).history
    loss, accuracy = learner.evaluate(INPUTS, TARGETS, sample_weight=WEIGHTS, verbose=0)
    assert (trained["loss"][0], trained["accuracy"][0]) == pytest.approx((loss, accuracy))
    np.testing.assert_array_equal(learner(INPUTS), classifier(INPUTS))


@pytest.mark.parametrize("dtype", only_first(["float32", "mixed_bfloat16"]))
def test_it_learns_in_every_precision_and_the_mean_of_its_weights_is_kept(dtype):
    classifier = make_classifier(dtype=dtype)
    learner = compiled(
        AdversarialClassifier(classifier, EPSILON),
        keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.5),
    )
    fit = {"sample_weight": WEIGHTS, "batch_size": 3, "epochs": 30, "verbose": 0}
    history = learner.fit(INPUTS, TARGETS, **fit).history
    assert history["loss"][-1] < 0.1 < history["loss"][0]
    assert learner.evaluate(INPUTS, TARGETS, verbose=0)[0] < 0.2
    means = learner.optimizer._model_variables_moving_average
    for weight, mean in zip(classifier.trainable_weights, means, strict=True):
        np.testing.assert_array_equal(weight, mean)


def test_frozen_layers_stay_as_they_are():
    classifier = make_classifier()
    classifier.embedding.trainable = False
    classifier.encoder.blocks[0].trainable = False
    learner = compiled(AdversarialClassifier(classifier, EPSILON), keras.optimizers.SGD(1.0))
    before = {weight.path: np.array(weight) for weight in classifier.weights}
    learner.train_on_batch(INPUTS, TARGETS, WEIGHTS)
    moved = {w.path for w in classifier.weights if np.any(np.array(w) != before[w.path])}
    assert {path.split("/")[0] for path in moved} == {"encoder", "pooler", "head"}
    assert not any("block_0" in path for path in moved)
