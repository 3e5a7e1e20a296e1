"""Trains a classifier that small perturbations of its embeddings do not mislead."""

import keras
import tensorflow as tf

from ...models import TextClassifier
from ..devices.gradients import sum_over_replicas


class AdversarialClassifier(keras.Model):
    """Learns from every batch twice: as it is, and with its embeddings perturbed.

    All embeddings of a text move, as one vector, along the gradient of the loss, where it hurts
    most. On a few thousand texts that keeps a pretrained model from growing sure of texts that it
    has merely seen. A step takes twice the time. Only training needs this model: the classifier
    that it trains is used by itself afterwards. The norm of a perturbation is `epsilon`, above 0,
    times the norm of the embeddings.

    References:
        Miyato et al., "Adversarial Training Methods for Semi-Supervised Text Classification",
        section 3, https://arxiv.org/abs/1605.07725. The paper perturbs word embeddings, all by the
        same norm. Here positions and segments are in the embeddings, and the norm is a share of
        theirs.
    """

    def __init__(self, classifier: TextClassifier, epsilon: float):
        super().__init__()
        self.classifier = classifier
        self.epsilon = epsilon
        mask = next(tensor for tensor in classifier.inputs if tensor.name == "padding_mask")
        self.rest = keras.Model([classifier.embedding.output, mask], classifier.output)
        self.xla_parts = (classifier.embedding, self.rest)  # of a step on several devices

    @property
    def output_shape(self):
        """Returns the shape of the classifier's logits, (None, C)."""
        return self.classifier.output_shape

    def call(self, inputs, training=None):
        return self.classifier(inputs, training=training)

    def train_step(self, data):
        """Learns from a batch as it is and perturbed, by the sum of both gradients."""
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        mask, embedding = inputs["padding_mask"], self.classifier.embedding

        below = embedding.trainable_variables
        above = self.trainable_variables[len(below) :]  # the embedding's come first

        def differentiate(embedded):
            with tf.GradientTape() as tape:
                tape.watch(embedded)
                logits = self.rest([embedded, mask], training=True)
                loss = self.compute_loss(inputs, targets, logits, weights, training=True)
                scaled_loss = self.optimizer.scale_loss(loss)
            return logits, loss, *tape.gradient(scaled_loss, [embedded, *above])

        with tf.GradientTape() as lookup:
            embedded = embedding(inputs["token_ids"], inputs["segment_ids"], training=True)
        logits, loss, gradient, *gradients = differentiate(embedded)
        perturbed = embedded + self._perturbation(embedded, gradient, mask)
        _, _, second_gradient, *second_gradients = differentiate(perturbed)
        gradients = [
            *lookup.gradient(embedded, below, output_gradients=gradient + second_gradient),
            *map(_sum, gradients, second_gradients),
        ]
        self.optimizer.apply(gradients, self.trainable_variables)
        loss = sum_over_replicas(loss)
        next(m for m in self.metrics if m.name == "loss").update_state(loss, tf.shape(targets)[0])
        return self.compute_metrics(inputs, targets, logits, weights)

    def _perturbation(self, embedded, gradient, mask):
        """Scales the gradient to `epsilon` times the norm of each text's embeddings: (B, T, D)."""
        is_real = tf.cast(mask, "float32")[:, :, None]  # (B, T, 1)
        gradient = tf.cast(gradient, "float32") * is_real
        norm = _norm(tf.cast(embedded, "float32") * is_real)
        perturbation = self.epsilon * norm * gradient / tf.maximum(_norm(gradient), 1e-12)
        return tf.stop_gradient(tf.cast(perturbation, embedded.dtype))


def _sum(gradient, other):
    """Returns the sum of two gradients; that of a table of relative positions comes in slices."""
    return tf.convert_to_tensor(gradient) + tf.convert_to_tensor(other)


def _norm(vectors):
    """Returns the Euclidean norm of all of a text's vectors together: (B, T, D) to (B, 1, 1)."""
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=[1, 2], keepdims=True))
