"""What layers of four kinds cost as texts grow: table 1 of the Transformer's paper, measured.

    python benchmarks/layer_types.py [--rounds N]

A step of training of one layer of each kind, one text at a time. Every kind has a process of its
own, which goes from short texts to long ones. The time is the least of some rounds; the memory is
the peak of the first step of a length, less what the process has before it: what is smaller than
what earlier steps have left free does not show. The table goes to `docs/tutorial/table_1.csv`.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from harness import in_own_process
from local_attention import forget_peak, peak

TABLE = Path(__file__).parents[1] / "docs" / "tutorial" / "table_1.csv"
KINDS = ("recurrence", "convolution", "attention", "restricted attention")
LENGTHS, WIDTH = (256, 512, 1024, 2048, 4096), 128


def make_layer(kind: str):
    """Makes a layer of a kind, of one width: a kernel of 7, a window of 16 to either side."""
    import keras

    from regard.layers import MultiHeadAttention

    if kind == "recurrence":
        return keras.layers.GRU(WIDTH, return_sequences=True)
    if kind == "convolution":
        return keras.layers.Conv1D(WIDTH, 7, padding="same")
    window = 16 if kind == "restricted attention" else None
    return MultiHeadAttention(4, WIDTH // 4, window=window)


def measure(kind: str, rounds: int) -> list[dict]:
    """Returns the seconds and the MiB of a step, for each length."""
    import tensorflow as tf

    layer = make_layer(kind)
    layer.build((None, None, WIDTH))

    @tf.function(input_signature=[tf.TensorSpec((1, None, WIDTH))])
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x)))
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    step(tf.ones((1, 16, WIDTH)))  # traces, and makes what every step needs
    rows = []
    for length in LENGTHS:
        x = np.random.default_rng(7).normal(size=(1, length, WIDTH)).astype("float32")
        before = forget_peak()
        step(x)[0].numpy()
        memory, seconds = peak() - before, []
        for _ in range(rounds):
            start = time.perf_counter()
            step(x)[0].numpy()
            seconds.append(time.perf_counter() - start)
        costs = {"seconds": f"{min(seconds):.4f}", "mebibytes": f"{memory:.1f}"}
        rows.append({"layer": kind, "tokens": length, **costs})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows = [row for kind in KINDS for row in in_own_process(measure, kind, arguments.rounds)]
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
