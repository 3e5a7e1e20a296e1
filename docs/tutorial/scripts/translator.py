"""Learns to translate from lines `source TAB target`; saves a SavedModel of raw texts."""
# python translator.py pairs.tsv served/translator/1

import sys

import keras
import numpy as np
import tensorflow as tf

from regard.models import Translator
from regard.models.decoding import beam_search

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [line.rstrip("\n").split("\t") for line in file]
pairs = np.array([(source, f"{target} [end]") for source, target, *_ in rows])
vectorize = keras.layers.TextVectorization(8000, "lower", output_sequence_length=40)
vectorize.adapt(pairs.ravel())  # one vocabulary for both; for Chinese: split="character"
words = vectorize.get_vocabulary()
source, target = np.array(vectorize(pairs[:, 0])), np.array(vectorize(pairs[:, 1]))
inputs = {"encoder_token_ids": source, "encoder_padding_mask": source > 0}  # 0 is padding
inputs["decoder_token_ids"] = np.pad(target, ((0, 0), (1, 0)))[:, :-1]  # one step behind
end = words.index("[end]")
model = Translator.from_preset("transformer_small", len(words), end_id=end, pad_id=0)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
model.compile(keras.optimizers.Adam(5e-4), loss)
model.fit(inputs, target, epochs=20)


def serve(texts):
    ids = vectorize(texts)
    sources = {"encoder_token_ids": ids, "encoder_padding_mask": ids > 0}
    found = beam_search(model, sources, max_length=40).token_ids[:, 0]
    written = tf.strings.reduce_join(tf.gather(words, found), 1, separator=" ")
    return {"translation": tf.strings.regex_replace(written, r" ?\[end\].*", "")}


archive = keras.export.ExportArchive()
archive.track(model)
archive.track(vectorize)
archive.add_endpoint("serve", serve, [tf.TensorSpec([None], tf.string, "texts")])
archive.write_out(sys.argv[2])
