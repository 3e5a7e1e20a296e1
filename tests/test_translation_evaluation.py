import json

import pytest
import sacrebleu

from regard.recipes.translation.evaluation import (
    tokenization,
    translation_metrics,
    warn_unless_learned,
)

REFERENCES = [
    "Two dogs are running through the green field.",
    "A man in a red shirt isn't smiling, he says.",
    "The USA won 3,000 points.",
    "A child sleeps.",
]
TRANSLATIONS = [
    "Two dogs run through the green field.",
    "A man in a red shirt is not smiling, he says.",
    "the usa won 3,000 points.",
    "A child sleeps.",
]
CHINESE = ["两只狗在绿色的田野上奔跑。", "一个穿红衬衫的男人没有笑。", "孩子睡着了。"]
WRITTEN_CHINESE = ["两只狗在田野上奔跑。", "一个红衬衫的男人没有笑。", "孩子睡着了。"]


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (REFERENCES, "13a"),
        (CHINESE, "zh"),
        (["我爱 Keras 和 TensorFlow，它们都很好用"], "zh"),
        (["The character 好 means good."], "13a"),
        (["한국어 문장입니다."], "13a"),
        (["Ein Satz mit Ä, Ö und Ü."], "13a"),
        ([""], "13a"),
        ([*REFERENCES, "孩子睡着了。"], "13a"),
    ],
)
def test_chinese_is_tokenized_by_its_characters(references, expected):
    assert tokenization(references) == expected


@pytest.mark.parametrize("references", [REFERENCES, CHINESE])
def test_a_perfect_translation(references):
    metrics = translation_metrics(references, references)
    assert metrics["bleu"] == pytest.approx(100)
    assert metrics["bleu_lowercase"] == pytest.approx(100)
    assert metrics["chrf"] == pytest.approx(100)
    assert (metrics["exact"], metrics["num_examples"]) == (1.0, len(references))


@pytest.mark.parametrize(
    ("translations", "references", "tokenize"),
    [(TRANSLATIONS, REFERENCES, "13a"), (WRITTEN_CHINESE, CHINESE, "zh")],
)
def test_figures_are_those_of_sacrebleu(translations, references, tokenize):
    metrics = translation_metrics(translations, references)
    bleu, lowercase = (
        sacrebleu.corpus_bleu(translations, [references], tokenize=tokenize, lowercase=lowercase)
        for lowercase in (False, True)
    )
    assert 20 < bleu.score < 90
    assert metrics["bleu"] == bleu.score
    assert metrics["bleu_lowercase"] == lowercase.score
    assert metrics["chrf"] == sacrebleu.corpus_chrf(translations, [references]).score


def test_case_counts_for_one_figure_alone():
    metrics = translation_metrics(TRANSLATIONS, REFERENCES)
    assert metrics["bleu"] + 1 < metrics["bleu_lowercase"]
    shouted = translation_metrics([text.upper() for text in REFERENCES], REFERENCES)
    assert shouted["bleu_lowercase"] == pytest.approx(100)
    assert shouted["bleu"] < 50


def test_bleu_by_hand():
    """Precisions 7/8, 5/7, 4/6 and 3/5 of words and their sequences, and as many words."""
    metrics = translation_metrics(["a b c d e f g x"], ["a b c d e f y g"], tokenize="none")
    hits = ((7, 8), (5, 7), (4, 6), (3, 5))
    product = 1.0
    for right, count in hits:
        product *= right / count
    assert metrics["bleu"] == pytest.approx(100 * product**0.25)


def test_signatures():
    signatures = translation_metrics(TRANSLATIONS, REFERENCES)["signatures"]
    version = sacrebleu.__version__
    bleu = f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"
    assert signatures == {
        "bleu": bleu,
        "bleu_lowercase": bleu.replace("mixed", "lc"),
        "chrf": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}",
    }
    chinese = translation_metrics(WRITTEN_CHINESE, CHINESE)["signatures"]
    assert "tok:zh" in chinese["bleu"] and "tok:zh" in chinese["bleu_lowercase"]


def test_tokenization_may_be_named():
    metrics = translation_metrics(TRANSLATIONS, REFERENCES, tokenize="char")
    expected = sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES], tokenize="char").score
    assert metrics["bleu"] == expected
    assert "tok:char" in metrics["signatures"]["bleu"]


def test_exact_is_the_share_of_equal_texts():
    assert translation_metrics(TRANSLATIONS, REFERENCES)["exact"] == 0.25
    assert translation_metrics(["a", "B", ""], ["a", "b", "c"])["exact"] == pytest.approx(1 / 3)


def test_nothing_written():
    metrics = translation_metrics(["", "", "", ""], REFERENCES)
    assert (metrics["bleu"], metrics["chrf"], metrics["exact"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("written", "says"),
    [("a the", True), ("", True), ("A man in a red green field sleeps.", False)],
)
def test_translations_that_are_all_the_same(written, says, caplog):
    metrics = translation_metrics([written] * 4, REFERENCES)
    with caplog.at_level("WARNING", "regard"):
        warn_unless_learned(metrics)
    assert ("It has hardly learned to translate: BLEU is 0.0" in caplog.text) == says


def test_figures_are_ready_for_json():
    metrics = translation_metrics(TRANSLATIONS, REFERENCES)
    assert json.loads(json.dumps(metrics)) == metrics
    assert list(metrics) == [
        "num_examples", "bleu", "bleu_lowercase", "chrf", "exact", "signatures",
    ]  # fmt: skip
