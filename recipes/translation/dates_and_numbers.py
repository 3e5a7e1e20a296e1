"""Writes English dates and numbers with their Chinese: the data of `regard demo translation`.

"20 November 2026" is "2026年11月20日", "three hundred and five" is "三百零五". A date can be
written in many ways, which have one translation. The words of a number have another order and other
groups: English counts in thousands, Chinese in ten thousands.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta

LARGEST_NUMBER = 999_999
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
NUMBER_SHARE = 0.4  # of all pairs

# fmt: off
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)
# fmt: on
CHINESE_WEEKDAYS = "一二三四五六日"
CHINESE_DIGITS = "零一二三四五六七八九"


def english_number(number: int) -> str:
    """Writes a number below a million in words: "three hundred and five"."""
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            upper, rest = divmod(number, size)
            words = f"{english_number(upper)} {name}"
            joint = " and " if rest < 100 else " "
            return f"{words}{joint}{english_number(rest)}" if rest else words
    if number < 20:
        return UNITS[number]
    tens, rest = divmod(number, 10)
    return f"{TENS[tens]}-{UNITS[rest]}" if rest else TENS[tens]


def chinese_number(number: int) -> str:
    """Writes a number below a million in Chinese numerals: "三百零五"."""
    upper, lower = divmod(number, 10_000)
    if not upper:
        return _below_ten_thousand(lower) or CHINESE_DIGITS[0]
    gap = "零" if 0 < lower < 1000 else ""
    return f"{_below_ten_thousand(upper)}万{gap}{_below_ten_thousand(lower, after=True)}"


def _below_ten_thousand(number: int, after: bool = False) -> str:
    """Writes at most four digits in numerals; ten is 十, but 一十 after other numerals."""
    numerals, has_gap = "", False
    for value, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // value % 10
        if digit:
            is_bare_ten = unit == "十" and digit == 1 and not numerals and not after
            numerals += "零" if has_gap and numerals else ""
            numerals += ("" if is_bare_ten else CHINESE_DIGITS[digit]) + unit
        has_gap = digit == 0
    return numerals


def english_dates(day: date) -> Iterator[str]:
    """Yields the ways to write a day."""
    month, short = MONTHS[day.month - 1], MONTHS[day.month - 1][:3]
    is_teen = 11 <= day.day <= 13
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    ordinal = f"{day.day}{ending}"
    yield f"{day.day} {month} {day.year}"
    yield f"{month} {day.day}, {day.year}"
    yield f"{short} {day.day}, {day.year}"
    yield f"{day.day} {short} {day.year}"
    yield f"the {ordinal} of {month} {day.year}"
    yield f"{month} {ordinal}, {day.year}"
    yield f"{WEEKDAYS[day.weekday()]}, {day.day} {month} {day.year}"
    yield f"{WEEKDAYS[day.weekday()]}, {month} {day.day}, {day.year}"
    yield f"{day.year}-{day.month:02}-{day.day:02}"


def chinese_date(day: date, with_weekday: bool = False) -> str:
    """Writes a day in Chinese: "2026年11月20日", with "星期五" after it if asked for."""
    weekday = f"星期{CHINESE_WEEKDAYS[day.weekday()]}" if with_weekday else ""
    return f"{day.year}年{day.month}月{day.day}日{weekday}"


def generate_pairs(count: int, seed: int, held_out: bool) -> tuple[list[str], list[str]]:
    """Draws dates and numbers: the English texts, and the Chinese ones.

    With `held_out` they are of the tenth of all numbers and days that never occurs without it.
    """
    draw = random.Random(f"{seed} {held_out}")
    pairs = [_pair(draw, held_out) for _ in range(count)]
    sources, targets = zip(*pairs, strict=True)
    return list(sources), list(targets)


def _pair(draw: random.Random, held_out: bool) -> tuple[str, str]:
    is_number = draw.random() < NUMBER_SHARE
    while True:
        # A random number of digits, so that small numbers are as usual as large ones.
        largest = min(10 ** draw.randint(1, 6) - 1, LARGEST_NUMBER)
        value = draw.randint(0, largest if is_number else (LAST_DAY - FIRST_DAY).days)
        # Numbers below a hundred are never held out: the others are made of them.
        is_held_out = random.Random(value).random() < 0.1 and not (is_number and value < 100)
        if is_held_out == held_out:
            break
    if is_number:
        return english_number(value), chinese_number(value)
    day = FIRST_DAY + timedelta(days=value)
    english = draw.choice(list(english_dates(day)))
    return english, chinese_date(day, with_weekday="day," in english)
