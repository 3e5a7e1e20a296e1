"""Adversarial training: a classifier that small moves of its word vectors do not mislead."""

import keras
import tensorflow as tf

from ..models import TextClassifier


class AdversarialClassifier(keras.Model):
    """Learns from every batch twice: as it is, and with its embeddings moved against the model.

    Each text's embeddings move, as one vector, along the gradient of the loss, which is where
    they hurt most. On a few thousand texts that keeps a pretrained model from growing sure of what
    it has merely seen. A step takes twice the time. It trains the classifier that it is given,
    which is used without it afterwards.

    Args:
        classifier: The classifier.
        size: Length of the moves as a share of that of the embeddings, above 0.

    References:
        Miyato et al., "Adversarial Training Methods for Semi-Supervised Text Classification",
        section 3, https://arxiv.org/abs/1605.07725. There the embeddings are those of words, and
        the moves have one length; here they are normalized, and positions and segments are in them.
    """

    def __init__(self, classifier: TextClassifier, size: float):
        super().__init__()
        self.classifier = classifier
        self.size = size
        mask = next(tensor for tensor in classifier.inputs if tensor.name == "padding_mask")
        self.rest = keras.Model([classifier.embedding.output, mask], classifier.output)

    def call(self, inputs, training=None):
        return self.classifier(inputs, training=training)

    def train_step(self, data):
        inputs, targets, weights = data
        mask, embedding = inputs["padding_mask"], self.classifier.embedding

        def loss_of(vectors):
            logits = self.rest([vectors, mask], training=True)
            loss = self.compute_loss(inputs, targets, logits, weights, training=True)
            return logits, loss, self.optimizer.scale_loss(loss)

        below = embedding.trainable_variables
        above = [v for v in self.trainable_variables if not any(v is other for other in below)]
        with tf.GradientTape() as lookup:
            vectors = embedding(inputs["token_ids"], inputs["segment_ids"], training=True)
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            logits, loss, scaled_loss = loss_of(vectors)
        slope, *gradients = tape.gradient(scaled_loss, [vectors, *above])
        moved = vectors + self._move(vectors, slope, mask)
        with tf.GradientTape() as tape:
            tape.watch(moved)
            _, _, scaled_loss = loss_of(moved)
        moved_slope, *moved_gradients = tape.gradient(scaled_loss, [moved, *above])

        gradients = [
            *lookup.gradient(vectors, below, output_gradients=slope + moved_slope),
            *(a + b for a, b in zip(gradients, moved_gradients, strict=True)),
        ]
        self.optimizer.apply(gradients, self.trainable_variables)  # below, then above
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(targets)[0])
        return self.compute_metrics(inputs, targets, logits, weights)

    def _move(self, vectors, slope, mask):
        """Along the slope, as long for each text as its embeddings times `size`: (B, T, D)."""
        kept = tf.cast(mask, "float32")[:, :, None]  # (B, T, 1)
        slope = tf.cast(slope, "float32") * kept
        length = _length(tf.cast(vectors, "float32") * kept)
        move = self.size * length * slope / tf.maximum(_length(slope), 1e-12)
        return tf.stop_gradient(tf.cast(move, vectors.dtype))


def _length(vectors):
    """The Euclidean length of all of a text: (B, T, D) to (B, 1, 1)."""
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=[1, 2], keepdims=True))
