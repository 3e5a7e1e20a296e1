"""Translating, and training to translate: Regard beside CTranslate2 and `transformers` + torch.

    pip install -e '.[benchmark]'
    regard fit translation --source train.en --target train.de --num-layers 3 --hidden-dim 256 \
        --num-heads 8 --intermediate-dim 1024 --epochs 10 --output runs/middle
    python benchmarks/translation.py runs/middle test.en test.de [--json FILE]

RUN is a run of a translator, SOURCES and TARGETS are text files, line beside line. Progress goes to
stderr, tables to stdout. `--quick` shows in a minute whether everything works.

**Translating**: sentences a second from raw text to text, tokenizing included, beam 4, batches of
32 sentences of like length. Everyone has the weights of the run: Regard as its SavedModels, the
others from its `model/`. Regard's operations have a thread each, as docs/serving.md tells a server,
but for one row; a worker a core translates a part of each batch. BLEU is sacreBLEU's; the last
column counts the translations that are those of Regard in float32. CTranslate2 stops at the first
four translations that end unless it is given patience; with that it searches as the others do.

**Training**: target tokens a second, padding not counted, over the same batches of token ids for
everyone, with the run's dropout, label smoothing and Adam.

Each peer has a process of its own, with all cores. All are measured in turn, round after round;
warming up comes before the first and is not counted. The machine should have nothing else to do.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from harness import Entrant, as_json, in_own_process, machine, markdown_table, measure, versions
from translation_peers import (
    BATCH,
    NUM_CORES,
    CTranslate2Translator,
    RegardTrainer,
    RegardTranslator,
    TorchTrainer,
    TorchTranslator,
    convert,
)

PACKAGES = ("tensorflow", "keras", "torch", "transformers", "ctranslate2", "sacrebleu")
TRAINING_TOKENS = 2048  # a batch
TRAINING_BATCHES = 12  # a round


def main() -> None:
    options = parse_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    sources, targets = (path.read_text("utf-8").splitlines() for path in options.texts)
    if options.quick:
        sources, targets = sources[: 2 * BATCH], targets[: 2 * BATCH]
    report = {"machine": machine(), "versions": versions(PACKAGES), "options": vars(options)}
    print(report["machine"], *map(" ".join, report["versions"].items()), sep=", ", flush=True)
    for title, unit, compare in (
        ("Translating", "sentences/s", translating),
        ("Training", "target tokens/s", training),
    ):
        entrants = compare(options, sources, targets)
        print(f"\n## {title}\n\n{markdown_table(entrants, unit)}", flush=True)
        report[title] = as_json(entrants)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path, help="a run of a translator")
    parser.add_argument("texts", type=Path, nargs=2, help="a file of sources, and one of targets")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="file for everything measured")
    parser.add_argument("--quick", action="store_true", help="one round of a few examples")
    options = parser.parse_args()
    options.batches = TRAINING_BATCHES
    if options.quick:
        options.rounds, options.batches = 1, 1
    return options


def translating(
    options: argparse.Namespace, sources: list[str], targets: list[str]
) -> list[Entrant]:
    """Measures every translator on the sources."""
    checkpoint = str(options.run / "model")
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        exports = in_own_process(export, options.run, home)
        converted = in_own_process(convert, checkpoint, home)
        fast = partial(CTranslate2Translator, converted, checkpoint)
        peers = {
            "Regard float32": partial(RegardTranslator, exports["float32"]),
            "Regard float32, default threads": partial(RegardTranslator, exports["float32"], 0),
            "Regard bfloat16": partial(RegardTranslator, exports["bfloat16"]),
            "CTranslate2 float32": partial(fast, "float32"),
            "CTranslate2 float32, a worker a core": partial(fast, "float32", workers=NUM_CORES),
            "CTranslate2 float32, patience 2": partial(fast, "float32", patience=2),
            "CTranslate2 int8": partial(fast, "int8"),
            "torch float32": partial(TorchTranslator, checkpoint, "float32"),
            "torch bfloat16": partial(TorchTranslator, checkpoint, "bfloat16"),
        }
        one_round = partial(translating_rate, texts=sources)
        entrants = measure(
            peers,
            partial(translating_rate, texts=sources[: 2 * BATCH]),
            [one_round] * options.rounds,
            partial(translations, texts=sources),
        )
    add_checks(entrants, targets)
    return entrants


def training(options: argparse.Namespace, sources: list[str], targets: list[str]) -> list[Entrant]:
    """Measures every trainer on the same batches."""
    checkpoint = str(options.run / "model")
    count = options.batches
    batches = in_own_process(make_batches, options.run, sources, targets)
    peers = {
        "Regard bfloat16": partial(RegardTrainer, checkpoint, "mixed_bfloat16"),
        "Regard float32": partial(RegardTrainer, checkpoint, "float32"),
        "torch float32": partial(TorchTrainer, checkpoint, bfloat16=False),
        "torch bfloat16": partial(TorchTrainer, checkpoint, bfloat16=True),
    }
    rounds = [
        partial(training_rate, batches=[batches[i % len(batches)] for i in numbers])
        for numbers in np.arange(options.rounds * count).reshape(options.rounds, count)
    ]
    warm_up = partial(training_rate, batches=batches[:2])
    return measure(peers, warm_up, rounds, nothing)


# These run in processes of their own.


def export(run: Path, home: Path) -> dict[str, Path]:
    """Exports a run in both precisions."""
    import regard

    translator = regard.TranslationRun.load(run)
    return {
        precision: translator.export(home / precision, precision)
        for precision in ("float32", "bfloat16")
    }


def make_batches(run: Path, sources: list[str], targets: list[str]) -> list[tuple]:
    """Batches of token ids, shuffled: inputs, targets and weights, as the recipe packs them."""
    import regard
    from regard.recipes.translation.batches import cut_batches, pack

    tokenizer = regard.TranslationRun.load(run).tokenizer
    pairs = tokenizer.encode_sources(sources), tokenizer.encode_targets(targets)
    cut = cut_batches(pairs, TRAINING_TOKENS, np.arange(len(sources)))
    np.random.default_rng(0).shuffle(cut)
    return [pack(pairs, batch, tokenizer.pad_id) for batch in cut]


def translating_rate(translator, texts: list[str]) -> float:
    """Sentences a second, from raw text."""
    began = perf_counter()
    translator.translate(texts)
    return len(texts) / (perf_counter() - began)


def training_rate(trainer, batches: list[tuple]) -> float:
    """Target tokens a second, without padding."""
    began = perf_counter()
    trainer.train(batches)
    return sum(weights.sum() for _, _, weights in batches) / (perf_counter() - began)


def translations(translator, texts: list[str]) -> list[str]:
    """A peer's translations."""
    return translator.translate(texts)


def nothing(trainer) -> None:
    """A trainer has nothing to say in the end."""


def add_checks(entrants: Sequence[Entrant], targets: Sequence[str]) -> None:
    """BLEU, and how many translations are those of the first."""
    from sacrebleu.metrics import BLEU

    reference = entrants[0].answer
    for entrant in entrants:
        if entrant.answer is None or reference is None:
            continue
        score = BLEU(force=True).corpus_score(entrant.answer, [list(targets)]).score
        same = sum(a == b for a, b in zip(entrant.answer, reference, strict=True))
        entrant.checks["BLEU"] = f"{score:.2f}"
        entrant.checks[f"as {entrants[0].name}"] = f"{same} of {len(reference)}"


if __name__ == "__main__":
    main()
