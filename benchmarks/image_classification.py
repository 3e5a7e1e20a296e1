"""Training a ViT, and classifying with it: Regard beside `transformers` + torch and KerasHub.

    pip install -e '.[benchmark]'
    python benchmarks/image_classification.py [--json FILE]

Progress goes to stderr, tables to stdout. `--quick` shows in a minute whether everything works.

Images a second, of pixels that are ready, with random weights: ViT-B/16 on 224 x 224 pixels in
batches of 8, and 6 layers of a width of 192 on 32 x 32 pixels, with patches of 4, in batches of
128. Training is a whole step: forward, backward, clipped gradients, AdamW.

Each peer has a process of its own, with all cores. All are measured in turn, round after round;
warming up comes before the first and is not counted. The machine should have nothing else to do.
"""

import argparse
import json
import logging
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from harness import Entrant, as_json, machine, markdown_table, measure, versions
from image_peers import BASE, NUM_CLASSES, SMALL, KerasHub, Regard, Size, Torch

PACKAGES = ("tensorflow", "keras", "keras-hub", "torch", "transformers")
MEASUREMENTS = (
    ("ViT-B/16, 224 x 224, batches of 8: classifying", BASE, "classify", 6),
    ("ViT-B/16, 224 x 224, batches of 8: training", BASE, "train", 2),
    ("6 layers x 192, 32 x 32, batches of 128: training", SMALL, "train", 4),
)


def main() -> None:
    options = parse_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    report = {"machine": machine(), "versions": versions(PACKAGES), "options": vars(options)}
    print(report["machine"], *map(" ".join, report["versions"].items()), sep=", ", flush=True)
    for title, size, what, num_batches in MEASUREMENTS:
        num_batches = 1 if options.quick else num_batches
        entrants = compare(size, what, num_batches, options.rounds)
        print(f"\n## {title}\n\n{markdown_table(entrants, 'images/s')}", flush=True)
        report[title] = as_json(entrants)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="file for everything measured")
    parser.add_argument("--quick", action="store_true", help="one round of one batch")
    options = parser.parse_args()
    if options.quick:
        options.rounds = 1
    return options


def compare(size: Size, what: str, num_batches: int, rounds: int) -> list[Entrant]:
    """Measures every peer at one thing, "train" or "classify"."""
    peers = {
        f"{peer.__name__} {'bfloat16' if is_half else 'float32'}": partial(peer, size, is_half)
        for peer in (Regard, Torch, KerasHub)
        for is_half in (True, False)
    }
    one_round = partial(rate, what=what, size=size, num_batches=num_batches)
    warm_up = partial(rate, what=what, size=size, num_batches=1)
    return measure(peers, warm_up, [one_round] * rounds, nothing)


def rate(peer, what: str, size: Size, num_batches: int) -> float:
    """Images a second."""
    random = np.random.default_rng(0)
    images = random.normal(size=(size.batch_size, size.side, size.side, 3)).astype("float32")
    labels = random.integers(0, NUM_CLASSES, size.batch_size)
    arguments = (images, labels) if what == "train" else (images,)
    began = perf_counter()
    for _ in range(num_batches):
        getattr(peer, what)(*arguments)
    return num_batches * size.batch_size / (perf_counter() - began)


def nothing(peer) -> None:
    """A peer with random weights has nothing to say in the end."""


if __name__ == "__main__":
    main()
