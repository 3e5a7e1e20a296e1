"""Table 3 of the Transformer's paper in small: other heads, keys, widths and dropout.

    python benchmarks/transformer_variations.py train.en train.de val.en val.de [--variant NAME]

Trains the Transformer of `docs/tutorial/transformer.py` on sentences of at most 20 words, word by
word, for so many steps, and measures the validation sentences: perplexity and the share of words
that are right, each given all before it. A row for each variant goes to `--output`, in place of an
older one of the same name.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial"
sys.path.insert(0, str(TUTORIAL))
MOST_WORDS, VOCABULARY, BATCH = 20, 4000, 64


def read_pairs(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Reads pairs of lines, and leaves out those that are too long."""
    both = zip(*(path.read_text("utf-8").splitlines() for path in (source, target)), strict=True)
    pairs = [pair for pair in both if max(len(text.split()) for text in pair) < MOST_WORDS]
    sources, targets = zip(*pairs, strict=True)
    return list(sources), [f"{text} [end]" for text in targets]


def examples(texts_in, texts_out, vectorize) -> tuple[dict, np.ndarray, np.ndarray]:
    """Turns pairs into inputs, targets and weights, all padded to one length."""
    sources, targets = (np.asarray(vectorize(texts)) for texts in (texts_in, texts_out))
    before = np.pad(targets, ((0, 0), (1, 0)))[:, :-1]  # one step behind, after a 0
    inputs = {"encoder_token_ids": sources, "decoder_token_ids": before}
    return inputs, targets, (targets != 0).astype("float32")


def measure(options: dict, train, validation, steps: int) -> dict[str, float]:
    """Trains a variant, and returns its perplexity, its accuracy and its number of weights."""
    import keras
    from transformer import transformer

    keras.utils.set_random_seed(1)
    model = transformer(VOCABULARY, **options)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=3e-3, warmup_steps=100)
    model.compile(keras.optimizers.Adam(rate), loss, weighted_metrics=["accuracy"])
    order = np.random.default_rng(1).integers(0, len(train[1]), steps * BATCH)
    inputs, targets, weights = (
        {name: ids[order] for name, ids in part.items()} if isinstance(part, dict) else part[order]
        for part in train
    )
    model.fit(inputs, targets, sample_weight=weights, batch_size=BATCH, shuffle=False, verbose=2)
    found = model.evaluate(*validation[:2], sample_weight=validation[2], return_dict=True)
    return {
        "perplexity": round(float(np.exp(found["loss"])), 2),
        "accuracy": round(found["accuracy"], 4),
        "weights": model.count_params(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", type=Path, nargs=4, metavar="FILE")
    parser.add_argument("--variant", action="append", help="defaults to all")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--output", type=Path, default=TUTORIAL / "table_3.csv")
    arguments = parser.parse_args()
    import keras
    from transformer import VARIANTS

    train, validation = read_pairs(*arguments.files[:2]), read_pairs(*arguments.files[2:])
    vectorize = keras.layers.TextVectorization(
        VOCABULARY, standardize="lower", output_sequence_length=MOST_WORDS
    )
    vectorize.adapt([*train[0], *train[1]])
    data = [examples(*pairs, vectorize) for pairs in (train, validation)]
    for name in arguments.variant or VARIANTS:
        row = {"variant": name, "steps": arguments.steps}
        keep(arguments.output, row | measure(VARIANTS[name], *data, arguments.steps))


def keep(path: Path, row: dict) -> None:
    """Writes a row into a table, in place of the older one."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = [each for each in csv.DictReader(file) if each["variant"] != row["variant"]]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])


if __name__ == "__main__":
    main()
