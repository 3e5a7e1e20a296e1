"""The reviews of the demo: their meaning, their balance, and what is held out."""

import re
import zlib
from collections import Counter

import pytest

from regard.recipes.text.reviews import (
    CHINESE,
    ENGLISH,
    LABELS,
    Grammar,
    bag_of_words_accuracy,
    generate_reviews,
)

GRAMMARS = (ENGLISH, CHINESE)

EXAMPLES = [
    ("plain", "positive", "The bathroom was really clean."),
    ("plain", "negative", "The wifi was patchy, and the pool was very chilly."),
    ("negation", "positive", "The room was not bad at all."),
    ("negation", "negative", "There was nothing friendly about the service."),
    ("affirmation", "positive", "We never found the bed anything but comfortable."),
    ("affirmation", "negative", "Nobody could deny that the lobby was shabby."),
    ("expectation", "positive", "I expected the breakfast to be stale, and I was wrong."),
    ("expectation", "negative", "Other guests call the pool warm, which is simply not true."),
    ("change", "positive", "The wifi used to be slow, but it no longer is."),
    ("change", "negative", "The lobby used to be noisy, and it still is."),
    ("comparison", "positive", "The room was not nearly as dark as other guests had said."),
    ("comparison", "negative", "The bed was every bit as lumpy as other guests had said."),
    ("agreement", "positive", "The room was clean, and the service was not rude either."),
    ("agreement", "negative", "Not only was the room dirty, but the service was rude too."),
    (
        "contrast",
        "positive",
        "The room was cramped, but the service, which matters far more to me, was not rude.",
    ),
    (
        "contrast",
        "negative",
        "The room was quiet, but the breakfast, which matters far more to me, was bland.",
    ),
    (
        "degree",
        "positive",
        "The room was fairly noisy, but the service was so polite that nothing else mattered.",
    ),
    ("degree", "negative", "The bed was so lumpy that we soon forgot how quick the service was."),
    ("plain", "positive", "印象最深的是早餐，特别新鲜。"),
    ("plain", "negative", "前台很傲慢，服务非常冷淡。"),
    ("negation", "positive", "房间一点也不吵。"),
    ("negation", "negative", "这里的早餐实在谈不上好。"),
    ("affirmation", "positive", "要说前台不耐心，那是假话。"),
    ("affirmation", "negative", "没有人会否认泳池很脏。"),
    ("expectation", "positive", "来之前我就猜网络会很慢，结果猜错了。"),
    ("expectation", "negative", "网上都说服务很周到，其实不然。"),
    ("change", "positive", "这里的服务以前很敷衍，现在不再是这样了。"),
    ("change", "negative", "上次住的那家酒店房间很安静，这家正好相反。"),
    ("comparison", "positive", "早餐并不像别人说的那么差。"),
    ("comparison", "negative", "设施跟别人说的一样陈旧。"),
    ("agreement", "positive", "房间很宽敞，前台也一点都不粗鲁。"),
    ("agreement", "negative", "不但网络很卡，而且早餐也很油腻。"),
    ("contrast", "positive", "虽然房间很狭小，但是我最看重的服务很好。"),
    ("contrast", "negative", "早餐很丰盛，不过这不要紧，要紧的是床铺很潮湿。"),
    ("degree", "positive", "房间是挺吵的，可是服务实在太热情了，别的都不重要了。"),
    ("degree", "negative", "服务实在太差了，房间再干净也不重要了。"),
]


def patterns(grammar: Grammar) -> list[tuple[str, re.Pattern]]:
    """For each sentence, the name of its construction and what reviews made of it look like."""
    pairs = zip(*grammar.aspects.values(), strict=True)
    adjectives = "|".join(" ".join(words).replace(" ", "|") for words in pairs)
    slots = {"very": "|".join(grammar.intensifiers)}
    for slot in "AB":
        slots |= {slot: "|".join(grammar.aspects)}
        slots |= {f"good_{slot}": adjectives, f"bad_{slot}": adjectives}
    slots = {slot: f"(?P<{slot}>{words})" for slot, words in slots.items()}
    opening, closing = "|".join(grammar.openings), "|".join(grammar.closings)
    return [
        (
            construction,
            re.compile(f"(?:(?:{opening}) ?)?{sentence.format(**slots)} ?(?:{closing})?"),
        )
        for construction, sentences in grammar.constructions.items()
        for sentence in sentences
    ]


PATTERNS = [(grammar, *pattern) for grammar in GRAMMARS for pattern in patterns(grammar)]


def read(review: str) -> tuple[str, str, tuple[str, ...]]:
    """Reads a review back: its construction, its label, and the aspects and adjectives used."""
    readings = []
    for grammar, construction, pattern in PATTERNS:
        if match := pattern.fullmatch(review):
            words = {slot: word for slot, word in match.groupdict().items() if slot != "very"}
            by_aspect = sorted(words, key=lambda slot: (slot[-1], len(slot)))
            used = tuple(words[slot] for slot in by_aspect)
            readings.append((construction, label_of(grammar, words), used))
    assert len(readings) == 1, f"{len(readings)} readings of {review!r}"
    return readings[0]


def label_of(grammar: Grammar, words: dict[str, str]) -> str:
    """Positive if every good slot has a good adjective and every bad slot a bad one."""
    exchanged = set()
    for slot, word in words.items():
        if slot not in ("A", "B"):
            good, bad = (adjectives.split() for adjectives in grammar.aspects[words[slot[-1]]])
            assert word in good + bad, f"{word!r} is not said of {words[slot[-1]]!r}"
            exchanged.add((word in good) != slot.startswith("good"))
    assert len(exchanged) == 1, words
    return LABELS[exchanged.pop()]


@pytest.mark.parametrize(("construction", "label", "sentence"), EXAMPLES)
def test_meaning_of_each_construction(construction, label, sentence):
    assert read(sentence)[:2] == (construction, label)


def test_every_construction_has_examples_with_both_labels():
    expected = {
        (grammar is ENGLISH, construction, label)
        for grammar in GRAMMARS
        for construction in grammar.constructions
        for label in LABELS
    }
    assert {(text.isascii(), name, label) for name, label, text in EXAMPLES} == expected


def test_no_adjective_is_both_good_and_bad():
    for grammar in GRAMMARS:
        good, bad = (" ".join(words) for words in zip(*grammar.aspects.values(), strict=True))
        assert not set(good.split()) & set(bad.split())


def test_same_seed_same_reviews():
    assert generate_reviews(60, 3, held_out=False) == generate_reviews(60, 3, held_out=False)
    assert generate_reviews(60, 3, held_out=False) != generate_reviews(60, 4, held_out=False)


def test_reviews_do_not_depend_on_the_python_version():
    texts, labels = generate_reviews(200, 0, held_out=True)
    checksum = zlib.crc32("\n".join(texts + labels).encode())
    assert checksum == 1457557110


def test_half_of_each_label_and_of_each_language():
    texts, labels = generate_reviews(400, 0, held_out=False)
    counts = Counter((text.isascii(), label) for text, label in zip(texts, labels, strict=True))
    assert sorted(counts.values()) == [100, 100, 100, 100]


def test_labels_are_those_a_reader_finds():
    for held_out in (False, True):
        texts, labels = generate_reviews(400, 5, held_out=held_out)
        assert [read(text)[1] for text in texts] == labels


def test_held_out_combinations_never_occur_in_training():
    def combinations(seeds, held_out):
        texts = [
            text for seed in seeds for text in generate_reviews(800, seed, held_out=held_out)[0]
        ]
        return {(construction, words) for construction, _, words in map(read, texts)}

    training, held_out = combinations((1, 2), False), combinations((1, 2, 3), True)
    assert len(training) > 500 and len(held_out) > 200
    assert not training & held_out


def test_held_out_words_all_occur_in_training():
    def words(texts):
        return {word for text in texts for word in re.findall(r"[a-z]+|[一-鿿]", text.lower())}

    training, _ = generate_reviews(3000, 0, held_out=False)
    held_out, _ = generate_reviews(800, 1, held_out=True)
    assert words(held_out) <= words(training)


def test_reviews_are_varied_and_neither_short_nor_long():
    texts, _ = generate_reviews(4000, 0, held_out=False)
    assert len(set(texts)) > 0.97 * len(texts)
    lengths = [len(text.split()) for text in texts if text.isascii()]
    assert min(lengths) >= 6 and max(lengths) <= 35
    assert all(8 <= len(text) <= 60 for text in texts if not text.isascii())


def test_counting_words_does_not_go_far():
    training = generate_reviews(3000, 0, held_out=False)
    held_out = generate_reviews(800, 1, held_out=True)
    assert 0.4 < bag_of_words_accuracy(*training, *held_out) < 0.8


def test_bag_of_words_reads_english_words_and_chinese_characters():
    train = ["all good here", "all bad here", "这里很好吃", "这里很难吃"] * 5
    labels = ["positive", "negative"] * 10
    test = ["a good day", "a bad day", "真好", "真难"]
    assert bag_of_words_accuracy(train, labels, test, labels[:4]) == 1.0
    assert bag_of_words_accuracy(train, labels, ["all"] * 4, labels[:4]) == 0.5
