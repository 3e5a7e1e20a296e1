"""How good classifiers of texts are on little data that no default was chosen on.

    python benchmarks/small_texts.py [TRAIN TEST ...] [--seeds N] [--only NAME]

Regard with its defaults, from scratch, beside TF-IDF and logistic regression: n-grams of 1 and 2
words or, where there are no spaces, of 1 to 3 characters. Both have the same texts: 30, 120 and 600
of each pair of tables TRAIN and TEST, drawn by chance; and made intents of 20 and 150 classes, in
words of two kinds. The table goes to stdout, progress to stderr.
"""

import argparse
import random
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

import regard
from regard.recipes.tokenizers.vocabulary import has_spaces

COUNTS = (30, 120, 600)
NUM_TESTED = 900
# Syllables of which the words are made, so that stems and endings recur as they do in a language.
SYLLABLES = {
    "short": ("ba", "lo", "ti", "ke", "mu", "ra", "sen", "dor", "pli", "gan", "vo", "shi"),
    "long": ("schlei", "unter", "grund", "haft", "keit", "ver", "stell", "werk", "burg", "zeug"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("tables", nargs="*", help="pairs of tables, to learn from and to test on")
    parser.add_argument("--seeds", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--only", default="", help="part of the name of a row")
    options = parser.parse_args()
    print("| texts | TF-IDF accuracy, macro-F1 | Regard | a standard error | seconds |")
    print("|---|---|---|---|---|")
    for name, train, test in cases(options.tables):
        for seed in range(options.seeds):
            if options.only in name:
                compare(f"{name}, draw {seed}", train(seed), test)


def cases(tables):
    """Yields a name, a function that draws the texts to learn from by a seed, and those to test."""
    for train, test in zip(tables[::2], tables[1::2], strict=True):
        learned, tested = (regard.read_labelled_texts(table) for table in (train, test))
        for count in COUNTS:
            yield (
                f"{Path(train).parent.name}, {count}",
                partial(draw, learned, count),
                draw(tested, NUM_TESTED, 0),
            )
    for language in SYLLABLES:
        for num_classes, counts in ((20, COUNTS), (150, (300, 600))):
            for count in counts:
                yield (
                    f"{num_classes} intents of {language} words, {count}",
                    partial(make_intents, language, num_classes, count),
                    make_intents(language, num_classes, NUM_TESTED, seed=1000),
                )


def draw(texts, count, seed):
    rows = random.Random(seed).sample(range(len(texts)), min(count, len(texts)))
    return texts.take(rows)


def make_intents(language, num_classes, count, seed):
    """Makes texts of common words with two of the six words that a class has as its own."""
    fixed, chance = random.Random(num_classes), random.Random(seed)
    words = sorted({"".join(fixed.choices(SYLLABLES[language], k=3)) for _ in range(3000)})
    fixed.shuffle(words)
    common = words[6 * num_classes :]
    shares = 1 / np.arange(1, len(common) + 1)  # as in a language: a few words make half of a text
    texts, labels = [], []
    for number in range(count):
        label = number % num_classes
        text = chance.choices(common, shares, k=chance.randrange(6, 14))
        for word in chance.sample(words[6 * label : 6 * label + 6], 2):
            text.insert(chance.randrange(len(text) + 1), word)
        texts.append(" ".join(text))
        labels.append(f"intent {label}")
    return regard.LabelledTexts("intents", texts, labels, "text", "label")


def compare(name, train, test) -> None:
    whole_words = {"ngram_range": (1, 2), "sublinear_tf": True}
    characters = {"analyzer": "char", "ngram_range": (1, 3)}
    vectorizer = TfidfVectorizer(**(whole_words if has_spaces(train.texts) else characters))
    linear = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
    predicted = linear.fit(train.texts, train.labels).predict(test.texts)
    accuracy = np.mean(predicted == np.array(test.labels))
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = regard.fit_text(train, output=Path(folder) / "run")
    seconds = perf_counter() - began
    ours = [answer.label for answer in run.predict(test.texts)]
    scores = [
        f"{np.mean(np.array(labels) == np.array(test.labels)):.3f}, "
        f"{f1_score(test.labels, labels, average='macro'):.3f}"
        for labels in (predicted, ours)
    ]
    error = (accuracy * (1 - accuracy) / len(test)) ** 0.5
    print(f"| {name} | {scores[0]} | {scores[1]} | {error:.3f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
