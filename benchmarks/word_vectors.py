"""How much word vectors help a classifier of texts that has few texts with labels.

    python benchmarks/word_vectors.py sst2/train.tsv sst2/dev.tsv --texts sst2/train.tsv more.txt

The vectors are made of texts without labels, those of all files of `--texts` together: singular
value decomposition of positive pointwise mutual information. Then Regard learns from some of the
texts of TRAIN with them (`--embeddings`) and without, and both are measured on TEST. A tenth of the
texts is held out; the last epoch is kept, as for so little data it always is. A line for each seed,
which also draws the texts, goes to stdout.

References:
    Levy et al., "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
    https://aclanthology.org/Q15-1016
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

import regard
from regard.recipes.pretraining.data import read_texts
from regard.recipes.tokenizers.whole_words import Words

WIDTH, WINDOW, FEWEST = 100, 5, 2  # numbers of a vector, words on either side, times that it comes
SMOOTHING = 0.75  # power of the counts of contexts: Levy et al., section 3.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("train", help="texts with labels")
    parser.add_argument("test", help="likewise")
    parser.add_argument("--texts", nargs="+", required=True, help="texts to make vectors of")
    parser.add_argument("--count", type=int, default=500, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    options = parser.parse_args()
    train, test = (regard.read_labelled_texts(each) for each in (options.train, options.test))
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder) / "vectors.txt"
        write_vectors(vectors, make_vectors(read_texts(options.texts).texts))
        for seed in options.seeds:
            rows = np.random.default_rng(100 + seed).permutation(len(train))[: options.count]
            scores = []
            for embeddings in (None, vectors):
                settings = {"embeddings": embeddings, "seed": seed, "refit": False}
                run = regard.fit_text(
                    train.take(rows), output=Path(folder) / "run", overwrite=True, **settings
                )
                scores.append(run.evaluate(test)["accuracy"])
            print("seed {}: without {:.3f}, with {:.3f}".format(seed, *scores), flush=True)


def make_vectors(texts: list[str]) -> dict[str, np.ndarray]:
    """Returns a vector for every word that is not too rare."""
    split = Words().split
    texts = [split(text) for text in texts]
    counts = Counter(word for text in texts for word in text)
    ids = {w: i for i, (w, n) in enumerate(counts.most_common()) if n >= FEWEST}
    near: Counter[tuple[int, int]] = Counter()
    for text in texts:
        row = [ids[word] for word in text if word in ids]
        for i, word in enumerate(row):
            for distance, other in enumerate(reversed(row[max(0, i - WINDOW) : i]), start=1):
                near[word, other] += 1 / distance
                near[other, word] += 1 / distance
    rows, columns = np.array(list(near)).T
    values = np.array(list(near.values()))
    words = np.bincount(rows, values)
    contexts = words**SMOOTHING * (words.sum() / (words**SMOOTHING).sum())
    information = np.log(values * words.sum() / (words[rows] * contexts[columns]))
    matrix = sparse.csr_matrix((np.maximum(information, 0), (rows, columns)))
    left, strengths, _ = svds(matrix, WIDTH, random_state=0)
    return dict(zip(ids, left * np.sqrt(strengths), strict=True))


def write_vectors(path: Path, vectors: dict[str, np.ndarray]) -> None:
    lines = [" ".join([word, *map("{:.5f}".format, row)]) for word, row in vectors.items()]
    path.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
