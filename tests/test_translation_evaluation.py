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


# The first article of the Universal Declaration of Human Rights, or the like.
UNSPACED = {
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม",
    "Lao": "ມະນຸດເກີດມາມີສິດເສລີພາບ ແລະ ສະເໝີໜ້າກັນໃນທາງກຽດຕິສັກ",
    "Khmer": "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងភាពស្មើគ្នាក្នុងសេចក្តីថ្លៃថ្នូរ",
    "Burmese": "လူတိုင်းသည်တူညီလွတ်လပ်သောဂုဏ်သိက္ခာဖြင့်လည်းကောင်း",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌།",
    "Javanese": "ꦱꦧꦼꦤ꧀ꦈꦮꦺꦴꦁꦏꦭꦲꦶꦫꦏꦺꦏꦟ꧀ꦛꦶꦩꦂꦢꦶꦏ",
    "Japanese": "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等。",
    "katakana alone": "コンピュータープログラム",
    "Yi": "ꊿꂷꃅꄿꐨꐥ，ꌅꅍꀂꏽꐯꒈꃅꐥꌐ。",
    "words of another script": "ฉันใช้ TensorFlow และ Keras ทุกวัน",
    "no script that we know of": "C1=CC=C(C=C1)C(=O)OCCN(CC)CC.Cl[C@H](F)Br",
}
SPACED = {
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng.",
    "Javanese in Latin letters": "Saben uwong kalairaké kanthi mardika lan darbé martabat.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "Amharic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።",
    "long words": "Donaudampfschifffahrtsgesellschaft und Rindfleischetikettierung",
    "numbers": "2026-11-20 12:30:00 1,234,567.89",
    "a word of Thai": "The word สวัสดี means hello, and it is heard everywhere in Thailand.",
}


@pytest.mark.parametrize("text", UNSPACED.values(), ids=UNSPACED.keys())
def test_bleu_can_tell_where_words_have_no_spaces_between(text):
    assert tokenization([text]) == "char"
    written = text[:9] + text[10:]
    metrics = translation_metrics([written], [text])
    assert 50 < metrics["bleu"] < 100
    assert "tok:char" in metrics["signatures"]["bleu"]


@pytest.mark.parametrize("text", SPACED.values(), ids=SPACED.keys())
def test_words_with_spaces_between_are_words(text):
    assert tokenization([text]) == "13a"


def test_dates_in_chinese_are_chinese():
    assert tokenization(["2026年11月20日", "1999年1月5日"]) == "zh"
    assert tokenization(["𠀀𠀁𠀂𠮷野家", "𪚥龘"]) == "zh"


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


def test_several_references():
    others = ["Two dogs run in the green field.", "x", "the usa won 3,000 points.", "A child."]
    pairs = list(zip(REFERENCES, others, strict=True))
    metrics = translation_metrics(TRANSLATIONS, pairs)
    columns = [REFERENCES, others]
    assert metrics["bleu"] == sacrebleu.corpus_bleu(TRANSLATIONS, columns).score
    assert metrics["chrf"] == sacrebleu.corpus_chrf(TRANSLATIONS, columns).score
    assert metrics["bleu"] > translation_metrics(TRANSLATIONS, REFERENCES)["bleu"]
    assert metrics["exact"] == 0.5
    assert {text[:7] for text in metrics["signatures"].values()} == {"nrefs:2"}
    assert translation_metrics(TRANSLATIONS, [[each] for each in REFERENCES]) == (
        translation_metrics(TRANSLATIONS, REFERENCES)
    )


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


THAI = [
    "สุนัขสองตัวกำลังวิ่งอยู่ในทุ่งหญ้าสีเขียว",
    "ผู้ชายคนหนึ่งในเสื้อสีแดงไม่ได้ยิ้ม",
    "เด็กผู้หญิงกำลังนอนหลับอยู่บนเตียง",
    "เราจะไปตลาดพรุ่งนี้เช้า",
    "รถไฟออกเวลาแปดโมงเช้า",
]
JAPANESE = [
    "二匹の犬が緑の野原を走っています。",
    "赤いシャツを着た男性は笑っていません。",
    "女の子がベッドで眠っています。",
    "私たちは明日の朝市場に行きます。",
    "電車は朝八時に出発します。",
]


@pytest.mark.parametrize(
    ("references", "often"), [(THAI, "กำลัง"), (JAPANESE, "ます。"), (CHINESE, "一个")]
)
def test_frequent_characters_alone_are_no_translations(references, often, caplog):
    babble = [(often * 20)[: len(text)] for text in references]
    warn_unless_learned(translation_metrics(babble, references))
    assert "It has hardly learned to translate" in caplog.text
    caplog.clear()
    rough = [text[: 2 * len(text) // 3] for text in references]
    warn_unless_learned(translation_metrics(rough, references))
    assert not caplog.text


def test_figures_are_ready_for_json():
    metrics = translation_metrics(TRANSLATIONS, REFERENCES)
    assert json.loads(json.dumps(metrics)) == metrics
    assert list(metrics) == [
        "num_examples", "bleu", "bleu_lowercase", "chrf", "exact", "signatures",
    ]  # fmt: skip
