"""Writes letters with names, places, dates and amounts in them, in English and Chinese.

Who is held out is made of other names and places than those to learn from, so that only what is
around them tells what they are. Nine in ten of those to learn from are made up and come once, as
most names in real texts do: else a model would know each name as a whole, and never learn the
pieces of words that others are made of.
"""

import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from .spans import Span

# fmt: off
_FIRST = (
    "Ada", "Grace", "Alan", "Edith", "Kurt", "Emmy", "Sofia", "Niels", "Lise", "Max", "Rosalind",
    "Enrico", "Paul", "Maria", "Isaac", "Carl", "Dorothy", "Ernest", "Barbara", "James", "Irene",
    "Hedy", "Otto", "Clara", "Hugo", "Vera", "Felix", "Nora", "Oscar", "Ruth",
)
_LAST = (
    "Byron", "Hopper", "Turing", "Stein", "Noether", "Bohr", "Planck", "Fermi", "Curie", "Newton",
    "Gauss", "Hodgkin", "Lamarr", "Hahn", "Immerwahr", "Rubin", "Weiss", "Keller", "Lindqvist",
    "Moreau", "Okafor", "Tanaka", "Silva", "Novak", "Rossi", "Haugen",
)
_PLACES = (
    "Rome", "Oslo", "Lisbon", "Vienna", "Prague", "Zurich", "Dublin", "Geneva", "Athens", "Cairo",
    "Lima", "Quito", "Kyoto", "Osaka", "Turin", "Basel", "Leeds", "Ghent", "Porto", "Malmö",
)
_HELD_OUT_FIRST = (
    "Blaise", "Evariste", "Sadi", "Wilma", "Tycho", "Ludwig", "Subrahmanyan", "Chien", "Zhores",
    "Maryam", "Ingrid", "Bjarne",
)
_HELD_OUT_LAST = (
    "Pascal", "Galois", "Carnot", "Brahe", "Boltzmann", "Shiung", "Alferov", "Mirzakhani",
    "Yilmaz", "Petrov", "Castellanos", "Dvořák",
)
_HELD_OUT_PLACES = (
    "Warsaw", "Bergen", "Seville", "Krakow", "Tallinn", "Bogotá", "Nagoya", "Marseille", "Utrecht",
    "Riga",
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)
_SURNAMES = "王李张刘陈杨赵黄周吴"
_GIVEN = "伟芳娜敏静强磊洋艳勇"
_CITIES = ("北京", "上海", "广州", "成都", "杭州")
_HELD_OUT_SURNAMES = "徐孙胡朱高"
_HELD_OUT_GIVEN = "霞平刚桂英"
_HELD_OUT_CITIES = ("武汉", "西安", "南京")
_ONSETS = (
    *"bcdfghjklmnprstvwyz", *"bdgklmnprst", "", "", "", "br", "ch", "cl", "dr", "fr", "gr", "kh",
    "kr", "ph", "pr", "qu", "sch", "sh", "sk", "st", "th", "tr", "x", "zh",
)
_VOWELS = (*"aeiou", *"aeiou", *"aeiou", "ai", "ee", "ie", "io", "ou", "ya", *"áéíóöüå", "y")
_CODAS = (*[""] * 12, *"bcdgklmnrstvxz", *"lnr", "ck", "ll", "nd", "ng", "nn", "rt", "ss", "ř")
# fmt: on
_MADE_UP = 0.9  # of the names and places to learn from
_HAN = 0x4E00, 0x9FA6  # the code points of the first Chinese characters of Unicode, and the end
_NEVER = {  # what nobody is to learn
    *(*_HELD_OUT_FIRST, *_HELD_OUT_LAST, *_HELD_OUT_PLACES),
    *"".join((_HELD_OUT_SURNAMES, _HELD_OUT_GIVEN, *_HELD_OUT_CITIES)),
}
# A sentence is an opening, a clause and an ending.
_ENGLISH = (
    (
        *("", "", "", "Yesterday", "On {DATE} ,", "In {LOC} ,", "As you know ,", "Dear {PER} ,"),
        *("We heard that", "{PER} wrote that"),
    ),
    (
        "{PER} moved from {LOC} to {LOC}",
        "{PER} paid {MONEY} to {PER}",
        "{PER} borrowed {MONEY} and left for {LOC}",
        "{PER} and {PER} met in {LOC}",
        "we met {PER} in {LOC}",
        "we received {MONEY} from your office in {LOC}",
        "they sold the house for {MONEY}",
        "the meeting with {PER} in {LOC} is on {DATE}",
        "please send {MONEY} before {DATE}",
        "our shop in {LOC} closed in May",
        "the rent is {MONEY} a month",
        "the flat in {LOC} is large",
        "the train to {LOC} was late",
        "{LOC} is far from {LOC}",
        "nobody in {LOC} has seen {PER} since {DATE}",
        "thank you for your letter of {DATE}",
        "ask for {PER} at the desk , room 12 , second floor",
        "you may call {PER} at any time",
        "it costs {MONEY}",
        "nothing else happened that week",
    ),
    (
        *("", "", "", ", and the weather was fine", ", and nobody noticed", ", said {PER}"),
        *(", which is more than {PER} had", ", on {DATE}"),
    ),
)
_CHINESE = (
    ("", "", "昨天", "听说", "{DATE}，", "{PER}写道，"),
    (
        "{PER}于{DATE}从{LOC}来到{LOC}",
        "请在{DATE}之前把{MONEY}交给{PER}",
        "我们在{LOC}见到了{PER}",
        "{PER}付给{PER}{MONEY}",
        "房租每月{MONEY}",
        "{LOC}的商店关门了",
        "我们还没有收到{MONEY}",
        "这个星期没有别的消息",
    ),
    ("", "", "，天气很好", "，由{PER}支付", "，{PER}这样说"),
)
_CHINESE_SHARE = 0.3
_FIELD = re.compile(r"\{(\w+)\}")


def generate_letters(count: int, seed: int, held_out: bool) -> tuple[list[str], list[list[Span]]]:
    """Makes texts, each a line of a letter, with the entities in them.

    Args:
        count: The number of texts.
        seed: Decides them all.
        held_out: Whether names and places are those that are never learned from.

    Returns:
        The texts, and of each its entities: PER, LOC, DATE and MONEY.
    """
    draw = random.Random(f"{seed} {held_out}")
    texts, entities = [], []
    for _ in range(count):
        is_chinese = draw.random() < _CHINESE_SHARE
        template = _sentence(draw, is_chinese)
        text, spans, place = "", [], 0
        for field in _FIELD.finditer(template):
            text += template[place : field.start()]
            value = _MAKERS[field[1]](draw, is_chinese, held_out)
            spans.append((len(text), len(text) + len(value), field[1]))
            text += value
            place = field.end()
        texts.append(text + template[place:])
        entities.append(spans)
    return texts, entities


def _sentence(draw: random.Random, is_chinese: bool) -> str:
    """Draws a sentence, with the kinds of its entities in braces."""
    if is_chinese:
        return "".join(map(draw.choice, _CHINESE)) + "。"
    sentence = " ".join(filter(None, map(draw.choice, _ENGLISH))) + " ."
    return sentence[0].upper() + sentence[1:]


def _person(draw: random.Random, is_chinese: bool, held_out: bool) -> str:
    if is_chinese:
        surnames, given = (_HELD_OUT_SURNAMES, _HELD_OUT_GIVEN) if held_out else (_SURNAMES, _GIVEN)
        parts = [surnames, *[given] * draw.randint(1, 2)]
        return "".join(_drawn(draw, part, _character, held_out) for part in parts)
    first, last = (_HELD_OUT_FIRST, _HELD_OUT_LAST) if held_out else (_FIRST, _LAST)
    names = [_drawn(draw, part, _word, held_out) for part in (first, last)]
    return " ".join(draw.choice((names, names, names[:1], [f"{names[0][0]}.", names[1]])))


def _place(draw: random.Random, is_chinese: bool, held_out: bool) -> str:
    if is_chinese:
        return _drawn(draw, _HELD_OUT_CITIES if held_out else _CITIES, _city, held_out)
    return _drawn(draw, _HELD_OUT_PLACES if held_out else _PLACES, _word, held_out)


def _drawn(
    draw: random.Random, known: Sequence[str], make: Callable[[random.Random], str], held_out: bool
) -> str:
    """Draws one that is known, or, of those to learn from, makes most of them up."""
    if held_out or draw.random() >= _MADE_UP:
        return draw.choice(known)
    made = make(draw)
    return draw.choice(known) if _NEVER.intersection((made, *made)) else made


def _word(draw: random.Random) -> str:
    parts = (_ONSETS, _VOWELS, _CODAS) * draw.randint(1, 4)
    return "".join(map(draw.choice, parts)).capitalize()


def _character(draw: random.Random) -> str:
    return chr(draw.randrange(*_HAN))


def _city(draw: random.Random) -> str:
    return _character(draw) + _character(draw)


def _date(draw: random.Random, is_chinese: bool, held_out: bool) -> str:
    day, month, year = draw.randint(1, 28), draw.randint(1, 12), draw.randint(1900, 2030)
    if is_chinese:
        return f"{year}年{month}月{day}日"
    name = _MONTHS[month - 1]
    return draw.choice(
        (f"{day} {name} {year}", f"{name} {day} , {year}", f"{year}-{month:02}-{day:02}")
    )


def _amount(draw: random.Random, is_chinese: bool, held_out: bool) -> str:
    number = draw.choice((draw.randint(5, 99), 100 * draw.randint(1, 99)))
    if is_chinese:
        return f"{number}元"
    return draw.choice((f"${number:,}", f"{number} euros", f"€{number}.50", f"{number} dollars"))


_MAKERS: dict[str, Callable[[random.Random, bool, bool], str]] = {
    "PER": _person,
    "LOC": _place,
    "DATE": _date,
    "MONEY": _amount,
}


def to_conll(texts: Sequence[str], entities: Sequence[Sequence[Span]]) -> str:
    """Returns texts as a file of words with tags has them, a word a line."""
    return "\n".join(
        "".join(f"{word}\t{tag}\n" for word, tag in _tagged(text, spans))
        for text, spans in zip(texts, entities, strict=True)
    )


def _tagged(text: str, spans: Sequence[Span]) -> list[tuple[str, str]]:
    """Returns the words of a text, each with its tag: what spaces and spans divide."""
    cuts = sorted({0, len(text), *(place for span in spans for place in span[:2])})
    found = []
    for start, end in pairwise(cuts):
        kind = next((each for first, last, each in spans if first <= start < last), "")
        for number, word in enumerate(text[start:end].split()):
            prefix = "I" if number else "B"
            found.append((word, f"{prefix}-{kind}" if kind else "O"))
    return found
