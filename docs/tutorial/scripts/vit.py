"""Learns classes of pictures, a folder for each; saves a SavedModel of bytes of image files."""
# python vit.py flowers served/vit/1

import sys

import keras
import tensorflow as tf

from regard.models import VisionTransformer

SIZE = (64, 64)
train, validation = keras.utils.image_dataset_from_directory(
    sys.argv[1], image_size=SIZE, validation_split=0.2, subset="both", seed=1
)
names = train.class_names
vit = VisionTransformer.from_preset("vit_mini_conv", num_classes=len(names))
flip = keras.layers.RandomFlip("horizontal")  # in training alone
model = keras.Sequential([keras.layers.Rescaling(1 / 127.5, offset=-1), flip, vit])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(5e-4), loss, metrics=["accuracy"])
model.fit(train, validation_data=validation, epochs=10)


def decode(image_bytes):
    image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    return tf.ensure_shape(tf.image.resize(image, SIZE), (*SIZE, 3))


def serve(image_bytes):
    scores = tf.nn.softmax(model(tf.map_fn(decode, image_bytes, fn_output_signature=tf.float32)))
    return {"label": tf.gather(names, tf.argmax(scores, axis=1)), "scores": scores}


archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint("serve", serve, [tf.TensorSpec([None], tf.string, "image_bytes")])
archive.write_out(sys.argv[2])
