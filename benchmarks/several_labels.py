"""Fine-tuning BERT on texts with several labels: Regard beside `transformers` + torch.

    pip install -e '.[benchmark]'
    python benchmarks/several_labels.py SST2 CAPTIONS CHECKPOINT [--examples 2000] [--seeds 3]

SST2 is a directory of `train.tsv` with the columns `text` and `label`, CAPTIONS a file with an
English caption a line (Multi30k's `train.en`), CHECKPOINT a directory with a BERT encoder in
Hugging Face's layout. An example joins a sentence and a caption, in either order, or is one of the
two. Its labels are the sentiment of the one, and the subjects of the other: those of which a word
stands in it. The table goes to stdout.

Both learn from the same examples for the same epochs, and are measured on others that neither has
seen. Regard is `fit_text` with its default settings. The peer is the recipe of `transformers`' own
examples, batches of 32 and AdamW at 5e-5 falling to 0, with `problem_type` of several labels; its
F1 is given with 0.5 for all classes, and with the thresholds that Regard's rule chooses from its
scores of the validation data. Each run has a process of its own.
"""

import argparse
import csv
import random
import re
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from harness import in_own_process, machine, versions
from text_classification import PACKAGES

SUBJECTS = {
    "animal": "dog dogs cat horse horses bird cow sheep animal",
    "child": "child children boy boys girl girls baby kid kids toddler",
    "water": "water pool beach ocean river lake sea wave swimming boat",
    "sport": "ball soccer football basketball baseball tennis bike race player players team",
    "music": "guitar music singing band drums piano concert microphone",
    "street": "street sidewalk road city car traffic bus crosswalk",
}
LEARNING_RATE, BATCH, MAX_LENGTH = 5e-5, 32, 128

Example = tuple[str, tuple[str, ...]]


class Parts(NamedTuple):
    """Holds examples to learn from, to validate on and to test on."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sst2", type=Path)
    parser.add_argument("captions", type=Path)
    parser.add_argument("checkpoint")
    parser.add_argument("--examples", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    options = parser.parse_args()
    parts = make_parts(options.sst2, options.captions, options.examples)
    print(machine(), *map(" ".join, versions(PACKAGES).items()), sep=", ")
    print(
        f"\n{len(parts.train)} to learn from, {len(parts.test)} to test on; {options.epochs} epochs"
    )
    print("\n| | macro-F1 | at 0.5 | mean average precision | seconds |\n|---|---:|---:|---:|---:|")
    for name, recipe in (("Regard", regard_run), ("transformers + torch", torch_run)):
        run = partial(recipe, parts, options.checkpoint, options.epochs)
        found = np.array([in_own_process(run, seed) for seed in range(options.seeds)])
        each = ", ".join(f"{value:.4f}" for value in found[:, 0])
        figures = " | ".join(f"{value:.4f}" for value in found[:, 1:3].mean(axis=0))
        row = (
            f"| {name} | {found[:, 0].mean():.4f} ({each}) | {figures} | {found[:, 3].mean():.0f} |"
        )
        print(row, flush=True)


def make_parts(sst2: Path, captions: Path, count: int) -> Parts:
    """Makes examples, a fifth as many to validate on, and half as many to test on."""
    draw = random.Random(0)
    with open(sst2 / "train.tsv", encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file, delimiter="\t")]
    lines = captions.read_text("utf-8").splitlines()
    draw.shuffle(rows)
    draw.shuffle(lines)
    total = count + count // 5 + count // 2
    examples = [_joined(draw, *each) for each in zip(rows[:total], lines[:total], strict=True)]
    ends = count, count + count // 5
    return Parts(examples[: ends[0]], examples[ends[0] : ends[1]], examples[ends[1] :])


def _joined(draw: random.Random, row: tuple[str, str], caption: str) -> Example:
    sentence = (row[0], (row[1],))
    words = set(re.findall("[a-z]+", caption.lower()))
    subjects = tuple(
        name for name, known in SUBJECTS.items() if not words.isdisjoint(known.split())
    )
    parts = [sentence, (caption, subjects)]
    draw.shuffle(parts)
    parts = parts[: draw.choice((1, 2, 2))]
    return " ".join(text for text, _ in parts), tuple(n for _, names in parts for n in names)


def regard_run(parts: Parts, checkpoint: str, epochs: int, seed: int) -> tuple[float, ...]:
    """Returns macro-F1, that at 0.5, mean average precision, and seconds."""
    import regard

    tables = [{"text": [t for t, _ in part], "label": [[*n] for _, n in part]} for part in parts]
    with tempfile.TemporaryDirectory() as directory:
        began = perf_counter()
        run = regard.fit_text(
            *tables[:2],
            problem_type="multi_label_classification",
            checkpoint=checkpoint,
            epochs=epochs,
            max_sequence_length=MAX_LENGTH,
            seed=seed,
            output=Path(directory) / "run",
        )
        seconds = perf_counter() - began
        return *_figures(run.evaluate(tables[2])), seconds


def _figures(metrics: dict) -> tuple[float, ...]:
    return tuple(metrics[key] for key in ("macro_f1", "macro_f1_at_half", "mean_average_precision"))


def torch_run(parts: Parts, checkpoint: str, epochs: int, seed: int) -> tuple[float, ...]:
    """Returns the same for `transformers` and torch."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from regard.recipes.runs.multi_label_metrics import best_thresholds, multi_label_metrics

    names = sorted({name for part in parts for _, labels in part for name in labels})
    targets = [
        np.array([[name in labels for name in names] for _, labels in part], "float32")
        for part in parts
    ]
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, num_labels=len(names), problem_type="multi_label_classification"
    )

    def encoded(part, rows):
        texts = [part[row][0] for row in rows]
        options = {"padding": True, "truncation": True, "max_length": MAX_LENGTH}
        return tokenizer(texts, return_tensors="pt", **options)

    began = perf_counter()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    draw, count = np.random.default_rng(seed), len(parts.train)
    steps = epochs * -(-count // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    model.train()
    for _ in range(epochs):
        order = draw.permutation(count)
        for rows in np.split(order, range(BATCH, count, BATCH)):
            labels = torch.tensor(targets[0][rows])
            model(**encoded(parts.train, rows), labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    seconds = perf_counter() - began
    model.eval()

    def scores_of(part):
        with torch.no_grad():
            found = [
                model(**encoded(part, rows)).logits.sigmoid().numpy()
                for rows in np.split(np.arange(len(part)), range(BATCH, len(part), BATCH))
            ]
        return np.concatenate(found)

    thresholds = np.array(best_thresholds(targets[1], scores_of(parts.validation)))
    metrics = multi_label_metrics(targets[2], scores_of(parts.test), names, thresholds)
    return *_figures(metrics), seconds


if __name__ == "__main__":
    main()
