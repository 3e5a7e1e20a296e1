"""Which characters have a piece of their own, and which are spelled in bytes."""

import random

from regard.recipes.tokenizers.spelling import choose_spelled

COMMON = ["the dog runs, über die Straße"] * 60


def test_little_text_or_few_pieces_have_no_bytes():
    assert choose_spelled(["ab ab", "ab"], 8000) is None
    assert choose_spelled(COMMON, 1000) is None
    assert choose_spelled([*COMMON, "龘"], 100) is None


def test_rare_characters_are_spelled(caplog):
    caplog.set_level("INFO", "regard")
    assert choose_spelled(COMMON, 4000) == set()
    assert not caplog.records
    assert choose_spelled([*COMMON, "龘😀", "😀ñ", "ñ ñ"], 4000) == {"龘", "😀"}
    said = [record.getMessage() for record in caplog.records]
    assert said == ["2 of 20 different characters are rare (0.207% of the text): spelled in bytes."]


def test_single_characters_are_half_of_the_pieces_at_most():
    rng = random.Random(0)
    texts = [chr(0x4E00 + n) * (3 + n) for n in range(2000)]
    rng.shuffle(texts)
    spelled = choose_spelled(texts, 2256)
    assert spelled == {chr(0x4E00 + n) for n in range(1000)}  # the rarest
    assert choose_spelled(texts, 600) > spelled
    assert choose_spelled(texts, 5000) == set()


def test_more_characters_than_pieces():
    texts = ["".join(chr(0x4E00 + n) for n in range(700))]
    assert len(choose_spelled(texts, 512)) == 700  # each was seen once
    assert choose_spelled(texts * 3, 511) is None
    assert len(choose_spelled(texts * 3, 512)) == 700 - 128
    assert choose_spelled(texts * 3, 703) is None
    assert choose_spelled(texts, 702) is not None
