"""Fine-tuning BERT and classifying with it: Regard beside KerasHub, torch and ONNX Runtime.

    pip install -e '.[benchmark]'
    python benchmarks/text_classification.py SST2 CHECKPOINT [--json FILE]

SST2 is a directory of `train.tsv` and `dev.tsv` with the columns `text` and `label`; other data of
that form will do. CHECKPOINT is a directory with a BERT encoder in Hugging Face's layout. Progress
goes to stderr, tables to stdout. `--quick` shows in three minutes whether everything works.

**Fine-tuning**: examples a second over the same real sentences for everyone, in batches of 32 or,
for Regard, of as many tokens; with dropout, AdamW and clipped gradients. The steps are measured,
from tokens that are ready. The accuracy is that on the dev set when the clock has stopped, after
the few sentences seen by then.

**Classifying**: examples a second from raw text, tokenizing included, in batches of 64. Everyone
has the weights of one Regard run: Regard as its SavedModels, the others from its `model/`. The last
column counts the sentences for which a peer's label is that of Regard in float32.

"Grouped" batches hold sentences of like length; KerasHub pads all to one length. Each peer has a
process of its own, with all cores. All are measured in turn, round after round; warming up comes
before the first and is not counted. The machine should have nothing else to do.
"""

import argparse
import csv
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from harness import Entrant, as_json, in_own_process, machine, markdown_table, measure, versions
from text_peers import (
    TRAINING_BATCH,
    KerasHubClassifier,
    KerasHubFineTuner,
    OnnxClassifier,
    TorchClassifier,
    TorchFineTuner,
    export_onnx,
    longest,
)
from text_regard import RegardClassifier, RegardFineTuner, fit_and_export

PACKAGES = ("tensorflow", "keras", "keras-hub", "torch", "transformers", "onnxruntime")
WARM_UP_EXAMPLES = 128
QUICK_EXAMPLES = 64
RUN_EXAMPLES = 1280  # enough for a classifier that is sure of most labels


@dataclass(frozen=True)
class Data:
    """Labelled texts; the labels are indices of the classes."""

    texts: list[str]
    labels: np.ndarray
    class_names: list[str]

    def take(self, start: int, count: int) -> tuple[list[str], np.ndarray]:
        """So many examples from there on, and from the beginning again after the last."""
        indices = np.arange(start, start + count) % len(self.texts)
        return [self.texts[index] for index in indices], self.labels[indices]


def main() -> None:
    options = parse_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    train, dev = read_data(options.data)
    if options.quick:
        dev = Data(*dev.take(0, QUICK_EXAMPLES), dev.class_names)
    report = {"machine": machine(), "versions": versions(PACKAGES), "options": vars(options)}
    print(report["machine"], *map(" ".join, report["versions"].items()), sep=", ", flush=True)
    for title, compare in (("Fine-tuning", fine_tuning), ("Classifying", classifying)):
        entrants = compare(options, train, dev)
        print(f"\n## {title}\n\n{markdown_table(entrants)}", flush=True)
        report[title] = as_json(entrants)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="directory of train.tsv and dev.tsv")
    parser.add_argument("checkpoint", help="directory of a BERT checkpoint")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--examples",
        type=int,
        default=1024,
        help="to fine-tune on in a round (default: 1024)",
    )
    parser.add_argument("--json", type=Path, help="file for everything measured")
    parser.add_argument("--quick", action="store_true", help="one round of a few examples")
    options = parser.parse_args()
    options.warm_up_examples, options.run_examples = WARM_UP_EXAMPLES, RUN_EXAMPLES
    if options.quick:
        options.rounds = 1
        options.examples = options.run_examples = options.warm_up_examples = QUICK_EXAMPLES
    return options


def read_data(directory: Path) -> tuple[Data, Data]:
    """The training data, shuffled, and the dev data."""
    tables = []
    for name in ("train.tsv", "dev.tsv"):
        with open(directory / name, encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)))
    np.random.default_rng(0).shuffle(tables[0])
    names = sorted({row["label"] for row in tables[0]})
    train, dev = (
        Data(
            [row["text"] for row in table],
            np.array([names.index(row["label"]) for row in table]),
            names,
        )
        for table in tables
    )
    return train, dev


def fine_tuning(options: argparse.Namespace, train: Data, dev: Data) -> list[Entrant]:
    """Measures every fine-tuner; each round has training sentences of its own."""
    checkpoint, num_classes = options.checkpoint, len(train.class_names)
    length = in_own_process(longest, checkpoint, train.texts + dev.texts)
    steps = options.rounds * options.examples // TRAINING_BATCH
    regard = partial(RegardFineTuner, checkpoint, train.class_names, total_steps=steps)
    torch = partial(TorchFineTuner, checkpoint, num_classes)
    keras_hub = partial(KerasHubFineTuner, checkpoint, num_classes)
    peers = {
        "Regard bfloat16": partial(regard, "bfloat16"),
        "Regard float32": partial(regard, "float32"),
        "torch float32": partial(torch, bfloat16=False, grouped=False),
        "torch float32, grouped": partial(torch, bfloat16=False, grouped=True),
        "torch bfloat16, grouped": partial(torch, bfloat16=True, grouped=True),
        "KerasHub float32, 128 tokens": partial(keras_hub, 128, "float32"),
        f"KerasHub float32, {length} tokens": partial(keras_hub, length, "float32"),
        f"KerasHub bfloat16, {length} tokens": partial(keras_hub, length, "mixed_bfloat16"),
    }
    rounds = [
        partial(training_rate, examples=train.take(number * options.examples, options.examples))
        for number in range(options.rounds)
    ]
    count = options.warm_up_examples
    warm_up = partial(training_rate, examples=train.take(-count, count))
    entrants = measure(peers, warm_up, rounds, partial(classes, texts=dev.texts))
    add_accuracy(entrants, dev.labels)
    return entrants


def classifying(options: argparse.Namespace, train: Data, dev: Data) -> list[Entrant]:
    """Measures every classifier on the dev sentences."""
    num_classes = len(train.class_names)
    length = in_own_process(longest, options.checkpoint, dev.texts)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        logging.info("Fine-tuning the run whose weights all peers take")
        texts, labels = train.take(0, options.run_examples)
        names = [train.class_names[label] for label in labels]
        run, exports = in_own_process(fit_and_export, options.checkpoint, texts, names, home)
        in_own_process(export_onnx, run, home)
        keras_hub = partial(KerasHubClassifier, run, num_classes)
        peers = {
            "Regard bfloat16": partial(RegardClassifier, exports["bfloat16"]),
            "Regard float32": partial(RegardClassifier, exports["float32"]),
            "torch float32, grouped": partial(TorchClassifier, run, "float32"),
            "torch bfloat16, grouped": partial(TorchClassifier, run, "bfloat16"),
            "ONNX Runtime float32, grouped": partial(OnnxClassifier, home / "float32.onnx", run),
            "ONNX Runtime int8, grouped": partial(OnnxClassifier, home / "int8.onnx", run),
            "KerasHub float32, 128 tokens": partial(keras_hub, 128, "float32"),
            f"KerasHub float32, {length} tokens": partial(keras_hub, length, "float32"),
            f"KerasHub bfloat16, {length} tokens": partial(keras_hub, length, "mixed_bfloat16"),
        }
        one_round = partial(classifying_rate, texts=dev.texts)
        rounds = [one_round] * options.rounds
        entrants = measure(peers, one_round, rounds, partial(classes, texts=dev.texts))
    add_accuracy(entrants, dev.labels)
    add_agreement(entrants, "Regard float32")
    return entrants


# These run in the peers' processes.


def training_rate(tuner, examples: tuple[list[str], np.ndarray]) -> float:
    """Examples a second of one pass."""
    batches = tuner.prepare(*examples)
    began = perf_counter()
    tuner.train(batches)
    return len(examples[0]) / (perf_counter() - began)


def classifying_rate(classifier, texts: list[str]) -> float:
    """Examples a second, from raw text."""
    began = perf_counter()
    classifier.classify(texts)
    return len(texts) / (perf_counter() - began)


def classes(peer, texts: list[str]) -> np.ndarray:
    """The index of each text's class, as a peer sees it."""
    return peer.classify(texts)


def add_accuracy(entrants: Sequence[Entrant], labels: np.ndarray) -> None:
    for entrant in entrants:
        if entrant.answer is not None:
            entrant.checks["dev accuracy"] = f"{np.mean(entrant.answer == labels):.4f}"


def add_agreement(entrants: Sequence[Entrant], name: str) -> None:
    """How many labels are those of the peer with that name."""
    reference = next(entrant.answer for entrant in entrants if entrant.name == name)
    for entrant in entrants:
        if entrant.answer is not None and reference is not None:
            same = np.sum(entrant.answer == reference)
            entrant.checks[f"labels as {name}"] = f"{same} of {len(reference)}"


if __name__ == "__main__":
    main()
