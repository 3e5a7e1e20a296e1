"""Makes lines of text to tokenize: natural ones, and such as nobody writes."""

import random

from tokenizers import BertWordPieceTokenizer

from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS

TEXTS = [
    "The café's crème brûlée was UNBELIEVABLY good!!!",
    "don't re-book; it's £100/night (really?)",
    "房间很干净，服务员态度非常好。下次还会再来！",
    "ＡＢＣ１２３，全角字符。【好】《书》",
    "mixed 中文and English混排text",
    "e\u0301 vs \u00e9, ﬁnancial, Straße, ΣΊΣΥΦΟΣ, İstanbul, ǅungla",
    "zero\u200bwidth\u200djoiner soft\u00adhyphen bom\ufeff",
    "tab\tnewline\ncarriage\rbell\x07null\x00delete\x7fnext\x85line",
    "nbsp\u00a0em\u2003ideographic\u3000line\u2028paragraph\u2029",
    "emoji 😀👩‍👩‍👧🇨🇳❤️ and ™ © ® € ¥",
    "عربي עברית ไทย हिन्दी 한국어 日本語カタカナ",
    "x" * 100 + " " + "y" * 101 + " " + "é" * 100,
    "中" * 120,
    "a-b_c~d`e^f|g<h>i=j+k$l",
    "𠀀𪜀﨎豈 \U0001f600",
    "",
    "   ",
]


STRESS_RANGES = (
    (0x20, 0x7E),  # ASCII
    (0xC0, 0x24F),  # accented Latin
    (0x300, 0x36F),  # combining marks
    (0x391, 0x3C9),  # Greek
    (0x5D0, 0x5EA),  # Hebrew
    (0x621, 0x64A),  # Arabic
    (0x4E00, 0x9FFF),  # Chinese
    (0xAC00, 0xD7A3),  # Hangul
    (0x200B, 0x200F),  # zero-width and direction marks
    (0x00, 0x1F),  # controls
    (0xFF01, 0xFF5E),  # full-width
    (0x1F300, 0x1F64F),  # emoji
)


# The first three are how English, German and Chinese people write; each line takes one of them.
WORDS = (
    "the a room was clean lovely don't we've stayed twice breakfast £100 10:30 p.m. Wi-Fi U.S. "
    'café naïve unbelievably well-kept staff\'s (really) "quoted" ... !? e-mail@host.org 50% #1',
    "der die das ein Mädchen läuft über die Straße größer Übung schön Füße Ärger Öl Haus Fußball "
    "und im Frühstücksraum draußen süß, heißt weiß-blau »Café« Jahre 1990er",
    "房间 很 干净 服务员 态度 非常 好 下次 还会 再来 ！ ，。 早餐 一般 、 性价比 高 ￥ 300 元 "
    "“不错” ＡＢＣ １２３ OK啦 位置 在 市中心",
)


SPELLINGS = (str, str, str, str.capitalize, str.upper, str.title)


def natural_lines(count):
    rng = random.Random(1)
    words = [line.split() for line in WORDS]
    for _ in range(count):
        language = rng.choice(words)
        drawn = rng.choices(language, k=rng.randint(1, 25))
        if rng.random() < 0.05:
            drawn.append(rng.choice(SPECIAL_TOKENS) + rng.choice(("", "s", ".")))
        line = rng.choice(("", " ", " ", "  ")).join(drawn)
        yield rng.choice(SPELLINGS)(line)


def stress_lines(count):
    rng = random.Random(0)
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 60)):
            character = chr(rng.randint(*rng.choice(STRESS_RANGES)))
            repeats = rng.choice((1,) * 40 + (150,))
            parts.append(" " if rng.random() < 0.2 else character * repeats)
            if rng.random() < 0.02:
                parts.append(rng.choice(SPECIAL_TOKENS))
        yield "".join(parts)


LINES = [*TEXTS, *natural_lines(8000), *stress_lines(3000)]


def peer_of(vocabulary, lowercase=True, strip_accents=None, split_chinese=True, clean_text=True):
    return BertWordPieceTokenizer(
        {piece: index for index, piece in enumerate(vocabulary)},
        lowercase=lowercase,
        strip_accents=strip_accents,
        handle_chinese_chars=split_chinese,
        clean_text=clean_text,
    )
