"""Writes hotel reviews in English and Chinese by a small grammar: the data of `regard demo text`.

Every sentence below is written as a *positive* review; exchanging its good and bad words makes the
negative one. So both labels share their sentences and nearly all their words. The label depends on
how the words are put together: negation, contrast, degree, and opinions that prove right or wrong.
"""

import random
import zlib
from dataclasses import dataclass

LABELS = ("positive", "negative")
EXTRA_PLAIN = 0.25  # share of added plain sentences: they teach the words, the rest builds on them


@dataclass(frozen=True)
class Grammar:
    """Holds the words and sentences in which one language speaks of a hotel."""

    aspects: dict[str, tuple[str, str]]  # aspect: good adjectives, bad adjectives
    constructions: dict[str, tuple[str, ...]]  # name: sentences about aspect A, and perhaps B
    intensifiers: tuple[str, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    space: str  # between sentences


ENGLISH = Grammar(
    aspects={
        "room": ("good clean quiet bright cosy", "bad dirty noisy dark cramped"),
        "bed": ("good comfortable clean cosy", "bad lumpy dirty creaky"),
        "bathroom": ("good clean modern spacious", "bad dirty mouldy cramped smelly"),
        "breakfast": ("good fresh tasty generous", "bad stale bland meagre disappointing"),
        "service": ("good friendly quick polite attentive", "bad rude slow careless sloppy"),
        "wifi": ("good fast reliable stable", "bad slow patchy flaky"),
        "restaurant": ("good cosy affordable clean", "bad gloomy overpriced disappointing"),
        "pool": ("good clean warm inviting", "bad dirty chilly crowded"),
        "lobby": ("good elegant bright spacious", "bad shabby gloomy smelly noisy"),
        "neighbourhood": ("good safe quiet charming", "bad dangerous noisy shabby"),
    },
    constructions={
        "plain": (
            "The {A} was {very} {good_A}.",
            "I found the {A} {very} {good_A}.",
            "What struck us most was the {A}, which was {very} {good_A}.",
            "The {A} was {good_A}, and the {B} was {very} {good_B}.",
        ),
        "negation": (
            "The {A} was not {bad_A} at all.",
            "The {A} was anything but {bad_A}.",
            "The {A} was far from {bad_A}.",
            "There was nothing {bad_A} about the {A}.",
            "Nobody could call the {A} {bad_A}.",
        ),
        "affirmation": (  # negative words that leave the adjective as it is
            "Nobody could deny that the {A} was {good_A}.",
            "There is no doubt that the {A} was {good_A}.",
            "We never found the {A} anything but {good_A}.",
            "In no other hotel was the {A} so {good_A}.",
        ),
        "expectation": (
            "I expected the {A} to be {good_A}, and I was right.",
            "I expected the {A} to be {bad_A}, and I was wrong.",
            "Other guests call the {A} {good_A}, which is true.",
            "Other guests call the {A} {bad_A}, which is simply not true.",
        ),
        "change": (
            "The {A} used to be {good_A}, and it still is.",
            "The {A} used to be {bad_A}, but it no longer is.",
            "At our last hotel the {A} was {good_A}, and here it was no different.",
            "At our last hotel the {A} was {bad_A}, but here it was quite the opposite.",
        ),
        "comparison": (
            "The {A} was every bit as {good_A} as other guests had said.",
            "The {A} was not nearly as {bad_A} as other guests had said.",
        ),
        "agreement": (
            "Not only was the {A} {good_A}, but the {B} was {good_B} too.",
            "The {A} was {good_A}, and the {B} was not {bad_B} either.",
        ),
        "contrast": (
            "The {B} was {bad_B}, but the {A}, which matters far more to me, was {good_A}.",
            "The {B} was {bad_B}, but the {A}, which matters far more to me, was not {bad_A}.",
            "The {A} was {good_A}, and that is what counts, even though the {B} was {bad_B}.",
            "The {B} was {bad_B}, but that hardly matters when the {A} is {good_A}.",
        ),
        "degree": (
            "The {B} was fairly {bad_B}, but the {A} was so {good_A} that nothing else mattered.",
            "The {A} was so {good_A} that we soon forgot how {bad_B} the {B} was.",
        ),
    },
    intensifiers=("very", "really", "extremely", "truly", "remarkably"),
    openings=(
        "We stayed here for three nights in May.",
        "I was here on business last week.",
        "We came with our two small children.",
        "I booked this hotel for a conference.",
        "My parents and I spent a weekend here.",
    ),
    closings=("That was our stay.", "I hope this helps the next guest.", "That sums it up for us."),
    space=" ",
)

CHINESE = Grammar(
    aspects={
        "房间": ("好 干净 安静 宽敞 舒服", "差 脏 吵 狭小 昏暗"),
        "床铺": ("好 舒服 干净 柔软", "差 潮湿 脏 破旧"),
        "卫生间": ("好 干净 宽敞 整洁", "差 脏 潮湿 昏暗"),
        "早餐": ("好 丰盛 新鲜 美味", "差 单调 油腻 难吃"),
        "服务": ("好 热情 周到 贴心", "差 冷淡 敷衍 马虎"),
        "前台": ("好 热情 耐心 礼貌", "差 冷淡 傲慢 粗鲁"),
        "网络": ("好 快 稳定 流畅", "差 慢 卡"),
        "泳池": ("好 干净 清澈", "差 脏 浑浊 拥挤"),
        "周边环境": ("好 安静 安全 整洁", "差 脏 吵 混乱"),
        "设施": ("好 齐全 先进", "差 陈旧 简陋 破旧"),
    },
    constructions={
        "plain": (
            "{A}{very}{good_A}。",
            "我觉得这里的{A}{very}{good_A}。",
            "印象最深的是{A}，{very}{good_A}。",
            "{A}很{good_A}，{B}{very}{good_B}。",
        ),
        "negation": (
            "{A}一点也不{bad_A}。",
            "{A}根本算不上{bad_A}。",
            "这里的{A}实在谈不上{bad_A}。",
            "没有人会觉得{A}{bad_A}。",
            "要说{A}{bad_A}，那是假话。",
        ),
        "affirmation": (
            "没有人会否认{A}很{good_A}。",
            "毫无疑问，这里的{A}很{good_A}。",
            "别的酒店，{A}都没有这么{good_A}。",
            "要说{A}不{good_A}，那是假话。",
        ),
        "expectation": (
            "来之前我就猜{A}会很{good_A}，结果猜对了。",
            "来之前我就猜{A}会很{bad_A}，结果猜错了。",
            "网上都说{A}很{good_A}，确实如此。",
            "网上都说{A}很{bad_A}，其实不然。",
        ),
        "change": (
            "这里的{A}以前很{good_A}，现在还是这样。",
            "这里的{A}以前很{bad_A}，现在不再是这样了。",
            "上次住的那家酒店{A}很{good_A}，这家也一样。",
            "上次住的那家酒店{A}很{bad_A}，这家正好相反。",
        ),
        "comparison": ("{A}跟别人说的一样{good_A}。", "{A}并不像别人说的那么{bad_A}。"),
        "agreement": (
            "不但{A}很{good_A}，而且{B}也很{good_B}。",
            "{A}很{good_A}，{B}也一点都不{bad_B}。",
        ),
        "contrast": (
            "虽然{B}很{bad_B}，但是我最看重的{A}很{good_A}。",
            "虽然{B}很{bad_B}，但是我最看重的{A}一点也不{bad_A}。",
            "我最看重的{A}很{good_A}，尽管{B}很{bad_B}。",
            "{B}很{bad_B}，不过这不要紧，要紧的是{A}很{good_A}。",
        ),
        "degree": (
            "{B}是挺{bad_B}的，可是{A}实在太{good_A}了，别的都不重要了。",
            "{A}实在太{good_A}了，{B}再{bad_B}也不重要了。",
        ),
    },
    intensifiers=("非常", "真的很", "特别", "十分", "确实很"),
    openings=(
        "我们在这里住了三个晚上。",
        "上周出差住在这里。",
        "假期带两个孩子来玩。",
        "陪父母出来旅游，选了这家酒店。",
        "因为开会，订了这家酒店。",
    ),
    closings=("以上是我的真实感受。", "希望对大家有帮助。", "这就是我想说的。", "仅供参考。"),
    space="",
)


def generate_reviews(num_reviews: int, seed: int, *, held_out: bool) -> tuple[list[str], list[str]]:
    """Writes reviews, half of them positive and half in each language, in random order.

    Each combination of construction, aspects and adjectives is used either for training or for
    evaluation, whatever the seed. So held-out reviews combine known words in new ways.

    Args:
        num_reviews: How many reviews to write.
        seed: The same seed gives the same reviews.
        held_out: Whether to write reviews for evaluation, a fifth of all combinations.

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
