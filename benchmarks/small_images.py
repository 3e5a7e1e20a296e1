"""How good classifiers of images are on folders that no default was chosen on.

    python benchmarks/small_images.py [--only NAME]

Regard with its defaults, beside a linear model of 16 x 16 and 32 x 32 pixels (the better of six
on the test images, which favours it) and a plain convolutional net of three layers. The folders
are drawn by `made_pictures.py`. Tables go to stdout, progress to stderr.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import keras
import numpy as np
from made_pictures import LANDSCAPES, SIGNS, draw_landscape, draw_sign, write_pictures
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import regard

FOLDERS = {
    "1,500 signs of 10 classes": (draw_sign, tuple(SIGNS), 1500),
    "600 signs of 3 classes": (draw_sign, tuple(SIGNS)[:3], 600),
    **{
        f"{count} landscapes of 3 classes": (draw_landscape, tuple(LANDSCAPES), count)
        for count in (30, 120, 600)
    },
}
NUM_TESTED = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="part of the name of a folder")
    options = parser.parse_args()
    print("| images | linear | convolutional net | Regard | seconds |\n|---|---|---|---|---|")
    for name, (draw, classes, count) in FOLDERS.items():
        if options.only in name:
            with tempfile.TemporaryDirectory() as folder:
                compare(name, Path(folder), draw, classes, count)


def compare(name, folder, draw, classes, count) -> None:
    write_pictures(folder / "learn", draw, classes, count, seed=count)
    write_pictures(folder / "test", draw, classes, NUM_TESTED, seed=1)
    linear = max(linear_accuracy(folder, side) for side in (16, 32))
    net = convolutional_accuracy(folder)
    began = perf_counter()
    run = regard.fit_images(folder / "learn", output=folder / "run")
    seconds = perf_counter() - began
    ours = run.evaluate(regard.read_labelled_images(folder / "test"))["accuracy"]
    print(f"| {name} | {linear:.3f} | {net:.3f} | {ours:.3f} | {seconds:.0f} |", flush=True)


def read(folder, side) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels from -1 to 1, (B, side, side, 3), and labels."""
    files = sorted(folder.glob("*/*.jpg"))
    size = (side, side)
    pixels = [
        np.asarray(Image.open(file).resize(size, Image.Resampling.BILINEAR)) for file in files
    ]
    _, labels = np.unique([file.parent.name for file in files], return_inverse=True)
    return np.stack(pixels).astype("float32") / 127.5 - 1, labels


def linear_accuracy(folder, side) -> float:
    (x, y), (test_x, test_y) = (read(folder / part, side) for part in ("learn", "test"))
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500))
        for c in (1e-4, 1e-2, 1)
    ]
    flat, test_flat = x.reshape(len(x), -1), test_x.reshape(len(test_x), -1)
    return max(model.fit(flat, y).score(test_flat, test_y) for model in models)


def convolutional_accuracy(folder) -> float:
    (x, y), (test_x, test_y) = (read(folder / part, 64) for part in ("learn", "test"))
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([layers.Input((64, 64, 3))])
    for filters in (32, 64, 128):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dropout(0.5), layers.Dense(128, activation="relu")):
        model.add(layer)
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(int(y.max()) + 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    order = np.random.default_rng(0).permutation(len(x))
    epochs = min(100, max(30, 30_000 // len(x)))
    model.fit(x[order], y[order], batch_size=32, epochs=epochs, verbose=0)
    return model.evaluate(test_x, test_y, verbose=0)[1]


if __name__ == "__main__":
    main()
