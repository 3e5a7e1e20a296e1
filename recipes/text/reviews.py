"""Writes hotel reviews in English and Chinese by a small grammar: the data of `regard demo text`.

Every sentence of `reviews.json` is written as a *positive* review; exchanging its good and bad
words makes the negative one. So both labels share their sentences and nearly all their words. The
label depends on how the words are put together: negation, contrast, degree, and opinions that prove
right or wrong. An affirmation has negative words that leave the adjective as it is.
"""

import json
import random
import zlib
from dataclasses import dataclass
from pathlib import Path

LABELS = ("positive", "negative")
EXTRA_PLAIN = 0.25  # share of added plain sentences: they teach the words, the rest builds on them


@dataclass(frozen=True)
class Grammar:
    """Holds the words and sentences in which one language speaks of a hotel."""

    aspects: dict[str, list[str]]  # aspect: good adjectives, bad adjectives
    constructions: dict[str, list[str]]  # name: sentences about aspect A, and perhaps B
    intensifiers: list[str]
    openings: list[str]
    closings: list[str]
    space: str  # between sentences


_GRAMMARS = json.loads(Path(__file__).with_name("reviews.json").read_text(encoding="utf-8"))
ENGLISH, CHINESE = (Grammar(**_GRAMMARS[language]) for language in ("english", "chinese"))


def generate_reviews(num_reviews: int, seed: int, *, held_out: bool) -> tuple[list[str], list[str]]:
    """Writes reviews, half of them positive and half in each language, in random order.

    Each combination of construction, aspects and adjectives is used either for training or for
    evaluation, for which a fifth of them are `held_out`, whatever the seed. So held-out reviews
    combine known words in new ways. The same seed gives the same reviews.

    Returns:
        The texts, and the label of each, "positive" or "negative".
    """
    rng = random.Random(seed)
    kinds = [(grammar, label) for grammar in (ENGLISH, CHINESE) for label in LABELS]
    order = [kinds[index % len(kinds)] for index in range(num_reviews)]
    rng.shuffle(order)
    texts = [_write_review(rng, grammar, label, held_out) for grammar, label in order]
    return texts, [label for _, label in order]


def bag_of_words_accuracy(
    train_texts: list[str], train_labels: list[str], test_texts: list[str], test_labels: list[str]
) -> float:
    """Measures logistic regression on single words and Chinese characters, for comparison.

    Returns:
        The test accuracy in [0, 1], with plain counts or TF-IDF, whichever does better on the test.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    accuracies = []
    for vectorizer in (CountVectorizer, TfidfVectorizer):
        words = vectorizer(token_pattern=r"[一-鿿]|[^\W一-鿿]+")
        counts = words.fit_transform(train_texts)
        model = LogisticRegression(max_iter=1000).fit(counts, train_labels)
        accuracies.append(float(model.score(words.transform(test_texts), test_labels)))
    return max(accuracies)


def _is_held_out(construction: str, sentence: str, words: dict[str, str]) -> bool:
    """Returns whether a construction, with the words that the sentence uses, is held out."""
    used = [word for slot, word in words.items() if f"{{{slot}}}" in sentence]
    return zlib.crc32("|".join([construction, *used]).encode()) % 5 == 0


def _write_review(rng: random.Random, grammar: Grammar, label: str, held_out: bool) -> str:
    """Draws sentences until one is held out, or not held out, as asked, and frames it."""
    while True:
        plain = rng.random() < EXTRA_PLAIN
        construction = "plain" if plain else rng.choice(list(grammar.constructions))
        sentence = rng.choice(grammar.constructions[construction])
        words = _choose_words(rng, grammar, label)
        if _is_held_out(construction, sentence, words) == held_out:
            break
    sentence = sentence.format(very=rng.choice(grammar.intensifiers), **words)
    opening, closing = rng.choice(grammar.openings), rng.choice(grammar.closings)
    parts = rng.choice(([opening, sentence], [sentence, closing], [opening, sentence, closing]))
    return grammar.space.join(parts)


def _choose_words(rng: random.Random, grammar: Grammar, label: str) -> dict[str, str]:
    """Draws words for the slots of a sentence; in a negative review, good and bad are exchanged."""
    words = {}
    for slot, aspect in zip("AB", rng.sample(list(grammar.aspects), 2), strict=True):
        good, bad = (rng.choice(adjectives.split()) for adjectives in grammar.aspects[aspect])
        if label == "negative":
            good, bad = bad, good
        words |= {slot: aspect, f"good_{slot}": good, f"bad_{slot}": bad}
    return words
