"""How good translators are on few pairs that no default was chosen on.

    python benchmarks/small_translation.py SOURCE TARGET TEST_SOURCE TEST_TARGET [--only NAME]

Regard with its defaults, from scratch, in either direction, beside copying the source and beside
the translation of the most similar source that was learned from (TF-IDF of words and pairs of
words); BLEU, as sacreBLEU counts it, and chrF. 300 and 3,000 pairs are drawn by chance from the
files SOURCE and TARGET. The table goes to stdout, progress to stderr.
"""

import argparse
import random
import tempfile
from pathlib import Path
from time import perf_counter

from sklearn.feature_extraction.text import TfidfVectorizer

import regard
from regard.recipes.translation.evaluation import translation_metrics

COUNTS = (300, 3000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for name in ("source", "target", "test_source", "test_target"):
        parser.add_argument(name)
    parser.add_argument("--only", default="", help="part of the name of a row")
    options = parser.parse_args()
    files = options.source, options.target, options.test_source, options.test_target
    source, target, test_source, test_target = map(lines_of, files)
    print("| pairs | copying | the most similar | Regard | seconds |\n|---|---|---|---|---|")
    for count in COUNTS:
        rows = random.Random(count).sample(range(len(source)), count)
        learned = [[texts[row] for row in rows] for texts in (source, target)]
        tested = [test_source, test_target]
        for way, step in (("there", 1), ("back", -1)):
            if options.only in f"{count} {way}":
                compare(f"{count} {way}", learned[::step], tested[::step])


def lines_of(file) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()


def compare(name, learned, tested) -> None:
    (sources, targets), (test_sources, references) = learned, tested
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    known = vectorizer.fit_transform(sources)
    similar = vectorizer.transform(test_sources) @ known.T
    nearest = [targets[row] for row in similar.toarray().argmax(axis=1)]
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pairs = regard.ParallelTexts(name, sources, targets)
        run = regard.fit_translation(pairs, output=Path(folder) / "run")
    seconds = perf_counter() - began
    ours = [row.translation for row in run.predict(test_sources)]
    figures = []
    for written in (test_sources, nearest, ours):
        metrics = translation_metrics(written, references)
        figures.append(f"{metrics['bleu']:.1f}, {metrics['chrf']:.1f}")
    print(f"| {name} | {' | '.join(figures)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
