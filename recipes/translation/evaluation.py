"""Measures translations by BLEU and chrF, as sacreBLEU computes them, with their signatures."""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sacrebleu.metrics import BLEU, CHRF

from ..runs.display import aligned

# Scripts without spaces between words, of which 13a would make one word of each sentence: those of
# the classes ID, SA, AK and AS of Unicode Standard Annex 14, https://www.unicode.org/reports/tr14/,
# but for those of AK that are written with spaces.
_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_OTHERS = (
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese kana
    "\u0e00-\u0fff"  # Thai, Lao, Tibetan
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese and its relatives
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    "\ua000-\ua4cf\U00016fe0-\U0001b2ff"  # Yi, Tangut, Nüshu, old kana
)
_LETTERS = {
    "zh": re.compile(f"[{_HAN}]"),
    "char": re.compile(f"[{_OTHERS}]"),
    "13a": re.compile(f"[^\\W\\d_{_HAN}{_OTHERS}]"),
}
_SHARE = 0.3  # of all letters
_LONG_WORD = 25  # characters, on average: no language with spaces comes near

# Where both are below, a few frequent words, or characters where those count, would do as well.
LEARNED_BLEU = {"13a": 2.0, "zh": 4.0, "char": 15.0}
LEARNED_CHRF = 20.0

logger = logging.getLogger("regard")


def tokenization(references: Iterable[str]) -> str:
    """Chooses BLEU's tokenizer: "13a" where words have spaces between, else "zh" or "char"."""
    text = "\n".join(references)
    counts = {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
    total = sum(counts.values())
    if counts["zh"] + counts["char"] > _SHARE * total:
        return "char" if counts["char"] > 0.1 * total else "zh"
    words = text.split()
    return "char" if len(text) > (_LONG_WORD + 1) * len(words) > 0 else "13a"


def translation_metrics(
    translations: Sequence[str],
    references: Sequence[str] | Sequence[Sequence[str]],
    tokenize: str | None = None,
) -> dict[str, Any]:
    """Compares translations with references, one for each or, for all, the same number of them.

    Args:
        translations: Texts that a model wrote.
        references: Texts that people wrote: for each translation one, or several.
        tokenize: sacreBLEU's name of BLEU's tokenizer. Defaults to that of `tokenization`.

    Returns:
        Plain Python values, ready for JSON: `num_examples`; `bleu`, from 0 to 100;
        `bleu_lowercase`, the BLEU of lower-cased texts, and `chrf`, likewise; `exact`, the share of
        translations that equal a reference; and `signatures`, those of the three scores.

    References:
        Post, "A Call for Clarity in Reporting BLEU Scores", https://arxiv.org/abs/1804.08771;
        Popović, "chrF", https://aclanthology.org/W15-3049
    """
    several = [[each] if isinstance(each, str) else each for each in references]
    tokenize = tokenize or tokenization(text for texts in several for text in texts)
    metrics = {
        "bleu": BLEU(tokenize=tokenize, force=True),  # no warning of what looks tokenized
        "bleu_lowercase": BLEU(tokenize=tokenize, lowercase=True, force=True),
        "chrf": CHRF(),
    }
    columns = [list(column) for column in zip(*several, strict=True)]
    scores = {
        name: metric.corpus_score(list(translations), columns).score
        for name, metric in metrics.items()
    }
    pairs = list(zip(translations, several, strict=True))
    return {
        "num_examples": len(pairs),
        **scores,
        "exact": sum(translation in texts for translation, texts in pairs) / len(pairs),
        "signatures": {name: str(metric.get_signature()) for name, metric in metrics.items()},
    }


def warn_unless_learned(metrics: dict[str, Any]) -> None:
    """Warns of a translator whose translations have next to nothing of their references."""
    if has_hardly_learned(metrics):
        logger.warning(
            "It has hardly learned to translate: BLEU is %.1f and chrF %.1f, of 100. Train for "
            "more steps (--epochs), on more pairs, or start from a translator (--checkpoint).",
            *(metrics["bleu"], metrics["chrf"]),
        )


def has_hardly_learned(metrics: dict[str, Any]) -> bool:
    """Returns whether a few frequent words would do as well."""
    tokenize = re.search(r"\btok:([^|]+)", metrics["signatures"]["bleu"])[1]
    least = LEARNED_BLEU.get(tokenize, LEARNED_BLEU["13a"])
    return metrics["bleu"] < least and metrics["chrf"] < LEARNED_CHRF


def format_translation_metrics(metrics: dict[str, Any]) -> str:
    """Lays out what `TranslationRun.evaluate` returns for a terminal, signatures below."""
    rows = [
        ("sentences", f"{metrics['num_examples']:,}"),
        ("BLEU", f"{metrics['bleu']:.2f}"),
        ("BLEU, lower-cased", f"{metrics['bleu_lowercase']:.2f}"),
        ("chrF", f"{metrics['chrf']:.2f}"),
        ("exact", f"{metrics['exact']:.4f}"),
        ("perplexity", f"{metrics['perplexity']:.3f}"),
        ("sentences per second", f"{metrics['sentences_per_second']:,.1f}"),
    ]
    signatures = [f"{name}: {text}" for name, text in metrics["signatures"].items()]
    return "\n".join([aligned(rows), "", *signatures])
