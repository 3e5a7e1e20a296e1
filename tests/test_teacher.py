import numpy as np
import pytest
from scipy import sparse

from regard.recipes.text.teacher import (
    NaiveBayesWeights,
    NGramReader,
    group_sums,
    make_teacher,
    ngram_weights,
)

PIECES = ["[UNK]", "good", "##ness", "很好", "##很好", "很", "a"]


def texts_of(*texts):
    return [np.array(text, int) for text in texts]


def plain_counts(texts, longest=4):
    """How often each n-gram occurs that two texts have, or one of length 1 that one has."""
    found = [
        [tuple(text[i : i + n]) for n in range(1, longest + 1) for i in range(len(text) - n + 1)]
        for text in map(list, texts)
    ]
    known = {ngram for ngrams in found for ngram in ngrams}
    frequent = {
        ngram for ngram in known if sum(ngram in ngrams for ngrams in found) >= min(2, len(ngram))
    }
    return sorted(tuple(ngrams.count(ngram) for ngrams in found) for ngram in frequent)


def test_occurrences_by_hand():
    texts = texts_of([1, 2], [1, 2], [6, 2])  # good ##ness, twice, and an `a ##ness` too rare
    reader = NGramReader(PIECES).fit(texts)
    occurrences = reader.occurrences(texts_of([1, 2], [2, 6, 1])).toarray()
    assert occurrences.shape == (5, 4)  # `good`, `##ness`, `a`, `good ##ness`
    assert occurrences.sum(axis=1).tolist() == [1, 2, 1, 1, 1]


def test_counts_equal_a_plain_reference():
    random = np.random.default_rng(0)
    pieces = [f"p{index}" for index in range(7)]
    texts = [random.integers(7, size=length) for length in (0, 1, 2, 5, 19, 23)]
    counts = group_sums([len(text) for text in texts]) @ (
        NGramReader(pieces).fit(texts).occurrences(texts)
    )
    assert sorted(map(tuple, counts.toarray().T.astype(int).tolist())) == plain_counts(texts)


def test_chinese_reads_the_same_in_any_pieces():
    texts = texts_of([3], [5, 4])  # 很好; 很 很好
    reader = NGramReader(PIECES).fit(texts * 2)
    whole, parted = (
        reader.occurrences(texts_of(pieces)).sum(axis=0).tolist() for pieces in ([5, 4], [5, 5, 4])
    )
    assert whole != parted
    assert reader.occurrences(texts_of([3])).sum() == 3  # 很, 好, 很好: all in one piece
    assert np.array_equal(
        reader.occurrences(texts_of([3])).toarray(), reader.occurrences(texts_of([4])).toarray()
    )


def test_no_ngram_goes_beyond_its_text():
    reader = NGramReader(PIECES).fit(texts_of([1, 2], [1, 2]))
    apart = reader.occurrences(texts_of([1], [2]))
    assert apart.sum() == 2


def test_group_sums_by_hand():
    rows = np.array([[1.0], [2.0], [4.0]])
    assert (group_sums([2, 0, 1]) @ rows).tolist() == [[3.0], [0.0], [4.0]]


def test_naive_bayes_weights_by_hand():
    counts = np.array([[2, 0], [1, 1], [0, 3]])  # present: class 1 has (1, 2), class 0 has (1, 0)
    weights = NaiveBayesWeights().fit(counts, np.array([0, 1, 1])).weights_
    np.testing.assert_allclose(weights, np.log([(2 / 5) / (2 / 3), (3 / 5) / (1 / 3)]), rtol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_weights_speak_for_the_right_class(num_classes):
    labels = np.arange(60) % num_classes
    random = np.random.default_rng(0)
    counts = random.integers(2, size=(60, num_classes + 4)).astype("float32")
    counts[:, :num_classes] = np.eye(num_classes)[labels]  # the n-gram of each class
    teacher = make_teacher().fit(sparse.csr_matrix(counts), labels)
    assert (teacher.predict(sparse.csr_matrix(counts)) == labels).all()
    weights = ngram_weights(teacher)
    if num_classes == 2:
        assert weights.shape == (6, 1)
        assert weights.argmin() == 0 and weights.argmax() == 1
    else:
        assert weights.shape == (7, 3)
        assert weights.argmax(axis=0).tolist() == [0, 1, 2]
