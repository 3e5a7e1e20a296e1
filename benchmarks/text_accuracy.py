"""Fine-tuning BERT to the end: accuracy and time, Regard beside `transformers` + torch.

    pip install -e '.[benchmark]'
    python benchmarks/text_accuracy.py DATA CHECKPOINT [--seeds 3] [--json FILE]

DATA is a directory of `train.tsv` and `dev.tsv` with the columns `text` and `label`; CHECKPOINT is
a directory with a BERT encoder in Hugging Face's layout. The table goes to stdout.

Regard is `fit_text` with its default settings but for the precision; its seconds are those of the
whole call, from the files to the report, and it keeps the epoch that is best on dev. The peer is
the recipe of `transformers`' own examples: three epochs of batches of 32, AdamW at 5e-5 falling to
0, gradients clipped; its seconds are those of the training steps. All but the first row have one
seed. Each run has a process of its own; the machine should have nothing else to do.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from time import perf_counter

import numpy as np
from harness import in_own_process, machine, versions
from text_classification import PACKAGES, Data, read_data
from text_peers import LEARNING_RATE, TRAINING_BATCH, TorchFineTuner

EPOCHS = 3

Result = tuple[float, float]  # accuracy on dev, seconds


def main() -> None:
    options = parse_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    regard = partial(regard_run, options.data, options.checkpoint)
    torch = partial(torch_run, *read_data(options.data), options.checkpoint)
    recipes = {  # each with its number of seeds
        "Regard bfloat16": (partial(regard, "bfloat16"), options.seeds),
        "transformers + torch float32": (torch, 1),
        "Regard float32": (partial(regard, "float32"), 1),
    }
    results = {
        name: [run_once(name, recipe, seed) for seed in range(seeds)]
        for name, (recipe, seeds) in recipes.items()
    }
    print(machine(), *map(" ".join, versions(PACKAGES).items()), sep=", ")
    print(f"\n{markdown_table(results)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="directory of train.tsv and dev.tsv")
    parser.add_argument("checkpoint", help="directory of a BERT checkpoint")
    parser.add_argument(
        "--seeds", type=int, default=3, help="of the first row; default: %(default)s"
    )
    parser.add_argument("--json", type=Path, help="file for everything measured")
    return parser.parse_args()


def run_once(name: str, recipe: Callable[[int], Result], seed: int) -> Result:
    accuracy, seconds = in_own_process(recipe, seed)
    logging.info("%s, seed %d: %.4f, %.0f s", name, seed, accuracy, seconds)
    return accuracy, seconds


def regard_run(data: Path, checkpoint: str, precision: str, seed: int) -> Result:
    import regard

    with tempfile.TemporaryDirectory() as directory:
        began = perf_counter()
        run = regard.fit_text(
            data / "train.tsv",
            data / "dev.tsv",
            checkpoint=checkpoint,
            precision=precision,
            seed=seed,
            output=Path(directory) / "run",
        )
        return run.metrics["accuracy"], perf_counter() - began


def torch_run(train: Data, dev: Data, checkpoint: str, seed: int) -> Result:
    tuner = TorchFineTuner(checkpoint, len(train.class_names), bfloat16=False, grouped=False)
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(len(train.texts)) for _ in range(EPOCHS)]
    total_steps = EPOCHS * -(-len(train.texts) // TRAINING_BATCH)
    step, seconds = 0, 0.0
    for order in orders:
        texts = [train.texts[index] for index in order]
        batches = tuner.prepare(texts, train.labels[order])
        began = perf_counter()
        for batch in batches:
            for group in tuner.optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 - step / total_steps)
            tuner.train([batch])
            step += 1
        seconds += perf_counter() - began
    return float(np.mean(tuner.classify(dev.texts) == dev.labels)), seconds


def markdown_table(results: dict[str, list[Result]]) -> str:
    lines = ["| | dev accuracy | of each seed | seconds |", "|---|---:|---|---:|"]
    for name, runs in results.items():
        accuracies, seconds = zip(*runs, strict=True)
        each = ", ".join(f"{accuracy:.4f}" for accuracy in accuracies)
        lines.append(f"| {name} | {mean(accuracies):.4f} | {each} | {mean(seconds):.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
