"""What attention to a neighbourhood costs as texts grow, beside attention to all under a mask.

    python benchmarks/local_attention.py [--batch-size N] [--rounds N] [--longest-full TOKENS]

Both are `regard.layers.Encoder`, which the models are made of, in a step of training. Every length
has a process of its own. The time is the least of some rounds, as other programs on the machine can
only add to it; the memory is the peak of the first step, less what the process has before it. The
table goes to stdout, progress to stderr.
"""

import argparse
import re
import sys
import time
from pathlib import Path

import numpy as np
from harness import in_own_process, machine, versions

LENGTHS = (512, 1024, 2048, 4096, 8192)
SIZES = {"num_layers": 2, "num_heads": 4, "intermediate_dim": 512}
HIDDEN_DIM, WINDOW = 128, 64


def step_of(is_local: bool):
    """Returns a training step of an encoder, for inputs (B, T, D) of any length."""
    import tensorflow as tf

    from regard.layers import Encoder

    encoder = Encoder(**SIZES, dropout=0.1, window=WINDOW if is_local else None)
    encoder.build((None, None, HIDDEN_DIM))

    @tf.function(input_signature=[tf.TensorSpec((None, None, HIDDEN_DIM))])
    def step(x):
        positions = tf.range(tf.shape(x)[1])
        padding_mask = tf.repeat(positions[None] < tf.shape(x)[1] - 7, tf.shape(x)[0], axis=0)
        near = None if is_local else tf.abs(positions[:, None] - positions) <= WINDOW
        with tf.GradientTape() as tape:
            outputs = encoder(x, padding_mask, attention_mask=near, training=True)
            loss = tf.reduce_mean(tf.square(outputs))
        return tape.gradient(loss, [weight.value for weight in encoder.trainable_weights])

    return lambda x: step(x)[0].numpy()


def measure(length: int, is_local: bool, batch_size: int, rounds: int) -> dict[str, float]:
    """Returns the seconds of a step, the least of all rounds, and the MiB that the first takes."""
    step = step_of(is_local)
    step(np.ones((1, 16, HIDDEN_DIM), "float32"))  # traces, and makes what every step needs
    x = np.random.default_rng(7).normal(size=(batch_size, length, HIDDEN_DIM)).astype("float32")
    before = forget_peak()
    step(x)
    memory, seconds = peak() - before, []
    for _ in range(rounds):
        start = time.perf_counter()
        step(x)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "memory": memory}


def forget_peak() -> float:
    """Sets the peak to the memory that the process has now, and returns that in MiB. For Linux."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """Returns the most memory that the process has had, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def difference(length: int) -> float:
    """Returns the largest difference between the two at real and padded positions alike."""
    from regard.layers import Encoder

    local, whole = (Encoder(**SIZES, window=window) for window in (WINDOW, None))
    x = np.random.default_rng(7).normal(size=(1, length, HIDDEN_DIM)).astype("float32")
    positions = np.arange(length)
    masks = {"padding_mask": positions[None] < length - 7}
    near = np.abs(positions[:, None] - positions) <= WINDOW
    expected = whole(x, attention_mask=near, **masks)
    local.build(x.shape)
    local.set_weights(whole.get_weights())
    return float(np.abs(local(x, **masks) - expected).max())


def markdown_table(results: dict[str, dict[int, dict[str, float]]]) -> str:
    """Lays the results out, each beside that of the shortest length."""
    lines = ["| attention | tokens | s a step | x | MiB | x |", "|---|---|---|---|---|---|"]
    for name, rows in results.items():
        first = rows[min(rows)]
        for length, row in rows.items():
            ratios = {key: row[key] / first[key] for key in row}
            lines.append(
                f"| {name} | {length} | {row['seconds']:.3f} | {ratios['seconds']:.1f} | "
                f"{row['memory']:.0f} | {ratios['memory']:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--longest-full", type=int, default=2048, help="full attention up to there")
    arguments = parser.parse_args()
    results = {f"neighbourhood of {WINDOW}": {}, "all, under the mask": {}}
    for name, rows in results.items():
        is_local = "neighbourhood" in name
        lengths = [length for length in LENGTHS if is_local or length <= arguments.longest_full]
        for length in lengths:
            options = (is_local, arguments.batch_size, arguments.rounds)
            rows[length] = in_own_process(measure, length, *options)
            print(name, length, rows[length], file=sys.stderr)
    print(machine(), versions(["tensorflow", "keras"]), end="\n\n")
    print(markdown_table(results), end="\n\n")
    print(f"largest difference at 2,048 tokens: {in_own_process(difference, 2048):.1e}")


if __name__ == "__main__":
    main()
