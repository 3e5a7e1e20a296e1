"""Learns sentiment from a CSV with columns `text` and `label`; saves a SavedModel of raw texts."""
# python sentiment.py reviews.csv served/sentiment/1

import csv
import sys

import keras
import numpy as np
import tensorflow as tf

from regard.models import TextClassifier

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
np.random.default_rng(1).shuffle(rows)  # the last tenth is for validation
texts = np.array([row["text"] for row in rows])
names, labels = np.unique([row["label"] for row in rows], return_inverse=True)
# For Chinese and the like: split="character".
vectorize = keras.layers.TextVectorization(8000, output_sequence_length=128)
vectorize.adapt(texts)
ids = np.array(vectorize(texts))  # 0 is padding
model = TextClassifier.from_preset("scratch", 8000, len(names), pooling="average")
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(5e-4), loss, metrics=["accuracy"])
model.fit({"token_ids": ids, "padding_mask": ids > 0}, labels, validation_split=0.1, epochs=8)


def serve(texts):
    ids = vectorize(texts)
    scores = tf.nn.softmax(model({"token_ids": ids, "padding_mask": ids > 0}))
    return {"label": tf.gather(names, tf.argmax(scores, axis=1)), "scores": scores}


archive = keras.export.ExportArchive()
archive.track(model)
archive.track(vectorize)
archive.add_endpoint("serve", serve, [tf.TensorSpec([None], tf.string, "texts")])
archive.write_out(sys.argv[2])
