"""Training on two workers with a core each beside one worker on one core: Regard beside torch.

    pip install -e '.[benchmark]'
    python benchmarks/several_workers.py [--rows N] [--json FILE]

Progress goes to stderr, the table to stdout. `--quick` shows in a minute whether everything works.

Rows a second of `TextClassifier` with the preset `small` (4 layers, 512 wide, BERT's vocabulary) on
texts of 128 tokens, as many rows for each worker: a whole step, with clipped gradients and AdamW.
Tokens occur as often as words do, by Zipf's law: the n-th most frequent in proportion to 1 / n.
Regard's workers are those of `--strategy multiworker`; torch's are `DistributedDataParallel` over
gloo with `transformers`' BERT of the same sizes. Both talk over the loopback, as two machines would
over a network. Each worker is pinned to a core of its own.

The three of a peer are measured in turn, round after round, and then those of the other: all at
once would need 24 GB. Warming up is not counted. "two independent" are two workers that do not
talk: the most that two cores give.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

from harness import machine, versions

from regard.recipes.cli.launcher import free_ports

LENGTH = 128  # tokens
VOCABULARY = 30_522
SMALL = {"hidden_dim": 512, "num_layers": 4, "num_heads": 8, "intermediate_dim": 2048}
PACKAGES = ("tensorflow", "keras", "torch", "transformers")

logger = logging.getLogger("benchmarks")


def main() -> None:
    options = parse_options()
    if options.worker:
        serve(options)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    rates = measure(options)
    report = {"machine": machine(), "versions": versions(PACKAGES), "rates": rates}
    print(report["machine"], *map(" ".join, report["versions"].items()), sep=", ")
    print(f"\n## {options.rows} rows x {LENGTH} tokens a worker\n\n{table(rates)}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=64, help="of a worker; default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="of a round; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--peers", nargs="+", default=["regard", "torch"], help="default: both")
    parser.add_argument("--json", type=Path, help="file for everything measured")
    parser.add_argument("--quick", action="store_true", help="one round of one step of 4 rows")
    parser.add_argument("--worker", choices=("regard", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rows, options.steps, options.rounds = 4, 1, 1
    return options


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Rows a second of each, one for each round."""
    rates = {}
    for peer in options.peers:
        with ExitStack() as stack:
            groups = {}
            for name, count, alone in (
                ("one", 1, True),
                ("two", 2, False),
                ("two independent", 2, True),
            ):
                logger.info("%s %s: warm-up", peer, name)
                group = groups[f"{peer} {name}"] = Group(peer, count, alone, options)
                stack.enter_context(group).run(1)
            for number in range(1, options.rounds + 1):
                for name, group in groups.items():
                    logger.info("round %d of %d: %s", number, options.rounds, name)
                    seconds = group.run(options.steps)
                    rate = group.count * options.steps * options.rows / seconds
                    rates.setdefault(name, []).append(rate)
    return rates


class Group:
    """Workers of one peer, each in a process that is pinned to a core of its own."""

    def __init__(self, peer: str, count: int, alone: bool, options: argparse.Namespace):
        self.count = count
        cores = sorted(os.sched_getaffinity(0))[:count]
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        command = [sys.executable, __file__, "--worker", peer, f"--rows={options.rows}"]
        self._processes = [
            subprocess.Popen(
                command + ["--alone"] * alone,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=_environment(addresses, index),
                preexec_fn=lambda core=core: os.sched_setaffinity(0, [core]),
            )
            for index, core in enumerate(cores)
        ]

    def run(self, num_steps: int) -> float:
        """Has all take steps together; the seconds of the slowest."""
        for process in self._processes:
            process.stdin.write(f"{num_steps}\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process in self._processes]
        if not all(answers):
            raise SystemExit("A worker has failed: run it by hand to see why.")
        return max(map(float, answers))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self._processes:
            process.kill()
            process.wait()


def _environment(addresses: list[str], index: int) -> dict[str, str]:
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {
        **os.environ,
        "TF_CONFIG": json.dumps(cluster),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": addresses[0].rpartition(":")[2],
        "RANK": str(index),
        "WORLD_SIZE": str(len(addresses)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def table(rates: dict[str, list[float]]) -> str:
    """Medians, and the ratios of two workers to one, round by round."""
    lines = ["| | rows/s | beside one worker | lowest - highest |", "|---|---:|---:|---:|"]
    for name, found in rates.items():
        one = rates[f"{name.split()[0]} one"]
        ratios = [b / a for a, b in zip(one, found, strict=True)]
        spread = f"{min(ratios):.2f} - {max(ratios):.2f}"
        lines.append(f"| {name} | {median(found):.1f} | {median(ratios):.2f} x | {spread} |")
    return "\n".join(lines)


def serve(options: argparse.Namespace) -> None:
    """Takes as many steps as each line of stdin says, and answers with the seconds."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print
    if options.alone:
        del os.environ["TF_CONFIG"]
    train = (train_regard if options.worker == "regard" else train_torch)(options)
    for line in sys.stdin:
        began = perf_counter()
        train(int(line))
        print(perf_counter() - began, file=answers, flush=True)


def draw_token_ids(num_rows: int):
    """Token ids (R, T) of a worker's own."""
    import numpy as np

    random = np.random.default_rng(int(os.environ["RANK"]))
    ranks = np.arange(1, VOCABULARY)
    frequencies = 1 / ranks
    shape = (num_rows, LENGTH)
    return random.choice(ranks, shape, p=frequencies / frequencies.sum()).astype("int32")


def train_regard(options: argparse.Namespace):
    import numpy as np
    import tensorflow as tf

    from regard.models import TextClassifier
    from regard.recipes.devices.strategy import distributed, open_devices, strategy
    from regard.recipes.training.losses import compile_classifier
    from regard.recipes.training.optimizers import bert_optimizer
    from regard.recipes.training.token_budget import read_ahead

    open_devices("auto")
    token_ids = draw_token_ids(options.rows)
    inputs = {
        "token_ids": token_ids,
        "segment_ids": np.zeros_like(token_ids),
        "padding_mask": np.ones(token_ids.shape, bool),
    }
    labels = np.eye(2, dtype="float32")[token_ids[:, 0] % 2]
    batch = tf.data.Dataset.from_tensors((inputs, labels)).repeat()
    batches = read_ahead(batch, tf.data.INFINITE_CARDINALITY)
    with strategy("auto"):
        model = TextClassifier.from_preset("small", vocabulary_size=VOCABULARY, num_classes=2)
        compile_classifier(model, bert_optimizer(1e-4, 10_000))
        data = distributed(lambda share: batches)

    def train(num_steps: int) -> None:
        model.fit(data, steps_per_epoch=num_steps, shuffle=False, verbose=0)

    return train


def train_torch(options: argparse.Namespace):
    import torch
    from torch.nn.parallel import DistributedDataParallel
    from transformers import BertConfig, BertForSequenceClassification

    torch.set_num_threads(1)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=SMALL["hidden_dim"],
        num_hidden_layers=SMALL["num_layers"],
        num_attention_heads=SMALL["num_heads"],
        intermediate_size=SMALL["intermediate_dim"],
    )
    model = BertForSequenceClassification(config).train()
    if not options.alone:
        torch.distributed.init_process_group("gloo")
        model = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    token_ids = torch.from_numpy(draw_token_ids(options.rows)).long()
    batch = {
        "input_ids": token_ids,
        "attention_mask": torch.ones_like(token_ids),
        "labels": token_ids[:, 0] % 2,
    }

    def train(num_steps: int) -> None:
        for _ in range(num_steps):
            optimizer.zero_grad()
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return train


if __name__ == "__main__":
    main()
