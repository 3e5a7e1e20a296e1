"""How good a classifier is that has seen 8 or 16 texts a class, beside SetFit's.

    python benchmarks/few_shot.py TRAIN TEST CHECKPOINT [--draws N] [--peers]

`regard fit text --few-shot` and, with --peers, SetFit with its own defaults, from the same
checkpoint of sentence vectors, on the same draws of TRAIN, one after the other in this process.
SetFit needs `pip install setfit`. Accuracy on all of TEST; seconds are of the training alone. The
table goes to stdout, progress to stderr.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import regard

COUNTS = (8, 16)  # texts a class


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("train", help="table to draw from")
    parser.add_argument("test", help="table to test on")
    parser.add_argument("checkpoint", help="directory of a checkpoint of sentence vectors")
    parser.add_argument("--draws", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--peers", action="store_true", help="SetFit as well")
    options = parser.parse_args()
    learned, tested = (regard.read_labelled_texts(each) for each in (options.train, options.test))
    ways = {"Regard": regards, **({"SetFit": setfits} if options.peers else {})}
    print("| texts a class | | accuracy | lowest, highest | seconds |")
    print("|---|---|---|---|---|")
    for count in COUNTS:
        found = {name: [] for name in ways}
        for number in range(options.draws):
            train = draw(learned, count, 1000 * count + number)
            for name, way in ways.items():
                found[name].append(way(train, tested, options.checkpoint, number))
                print(count, number, name, found[name][-1], file=sys.stderr, flush=True)
        for name, rows in found.items():
            accuracies, seconds = np.array(rows).T
            print(
                f"| {count} | {name} | {accuracies.mean():.3f} ± {accuracies.std():.3f} | "
                f"{accuracies.min():.3f}, {accuracies.max():.3f} | {np.median(seconds):.0f} |",
                flush=True,
            )


def draw(texts, count, seed):
    """Takes as many texts of each class by chance."""
    chance, rows = random.Random(seed), []
    for label in sorted(set(texts.labels)):
        rows += chance.sample(
            [row for row, each in enumerate(texts.labels) if each == label], count
        )
    chance.shuffle(rows)
    return texts.take(rows)


def regards(train, test, checkpoint, seed):
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = regard.fit_text(
            train, output=Path(folder) / "run", checkpoint=checkpoint, few_shot=True, seed=seed
        )
    seconds = perf_counter() - began
    answers = [answer.label for answer in run.predict(test.texts)]
    return np.mean(np.array(answers) == np.array(test.labels)), seconds


def setfits(train, test, checkpoint, seed):
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(checkpoint)
    data = Dataset.from_dict({"text": train.texts, "label": train.labels})
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, save_strategy="no", eval_strategy="no", report_to="none", seed=seed
        )
        Trainer(model=model, args=arguments, train_dataset=data).train()
    seconds = perf_counter() - began
    return np.mean(np.array(model.predict(test.texts)) == np.array(test.labels)), seconds


if __name__ == "__main__":
    main()
