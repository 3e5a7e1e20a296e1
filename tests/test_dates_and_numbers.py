from datetime import date

import pytest

from regard.recipes.translation.dates_and_numbers import (
    chinese_date,
    chinese_number,
    english_dates,
    english_number,
    generate_pairs,
)


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (0, "zero", "零"),
        (10, "ten", "十"),
        (15, "fifteen", "十五"),
        (20, "twenty", "二十"),
        (99, "ninety-nine", "九十九"),
        (100, "one hundred", "一百"),
        (110, "one hundred and ten", "一百一十"),
        (305, "three hundred and five", "三百零五"),
        (1_000, "one thousand", "一千"),
        (1_005, "one thousand and five", "一千零五"),
        (1_050, "one thousand and fifty", "一千零五十"),
        (1_500, "one thousand five hundred", "一千五百"),
        (10_000, "ten thousand", "一万"),
        (10_010, "ten thousand and ten", "一万零一十"),
        (12_345, "twelve thousand three hundred and forty-five", "一万二千三百四十五"),
        (100_000, "one hundred thousand", "十万"),
        (110_000, "one hundred and ten thousand", "十一万"),
        (300_200, "three hundred thousand two hundred", "三十万零二百"),
        (
            *(999_999, "nine hundred and ninety-nine thousand nine hundred and ninety-nine"),
            "九十九万九千九百九十九",
        ),
    ],
)
def test_numbers(number, english, chinese):
    assert (english_number(number), chinese_number(number)) == (english, chinese)


def test_numbers_are_all_different():
    numbers = [*range(2_000), *range(9_900, 12_000), *range(99_900, 101_000), 999_999]
    assert len(set(map(english_number, numbers))) == len(numbers)
    assert len(set(map(chinese_number, numbers))) == len(numbers)


def test_dates():
    day = date(2026, 11, 20)
    assert list(english_dates(day)) == [
        "20 November 2026",
        "November 20, 2026",
        "Nov 20, 2026",
        "20 Nov 2026",
        "the 20th of November 2026",
        "November 20th, 2026",
        "Friday, 20 November 2026",
        "Friday, November 20, 2026",
        "2026-11-20",
    ]
    assert chinese_date(day) == "2026年11月20日"
    assert chinese_date(day, with_weekday=True) == "2026年11月20日星期五"


@pytest.mark.parametrize(
    ("day", "ordinal"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd")],
)
def test_ordinals(day, ordinal):
    assert f"the {ordinal} of March 1999" in english_dates(date(1999, 3, day))


def test_pairs_follow_from_the_seed():
    assert generate_pairs(50, 0, False) == generate_pairs(50, 0, False)
    assert generate_pairs(50, 0, False) != generate_pairs(50, 1, False)


def test_nothing_that_is_held_out_is_learned():
    learned, held_out = (generate_pairs(3_000, 0, is_out) for is_out in (False, True))
    assert not set(learned[1]) & set(held_out[1])
    assert len(set(held_out[1])) > 1_500
    weekday = [target for source, target in zip(*learned, strict=True) if "day," in source]
    assert weekday
    assert all("星期" in target for target in weekday)
