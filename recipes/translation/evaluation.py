"""Measures translations by BLEU and chrF, as sacreBLEU computes them, with their signatures."""

import logging
import re
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU, CHRF

from ..runs.display import aligned

# Texts that are mostly of these characters have no spaces between words, so that 13a would make one
# word of each sentence.
_HAN_AND_KANA = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile("[\u3040-\u30ff]")
_SHARE = 0.3
LEARNED = {"bleu": 2.0, "chrf": 20.0}  # below both, a few frequent words would do as well

logger = logging.getLogger("regard")


def tokenization(references: Sequence[str]) -> str:
    """Chooses sacreBLEU's tokenizer: "zh" for Chinese, "char" for Japanese, else "13a"."""
    text = "".join(references)
    if len(_HAN_AND_KANA.findall(text)) <= _SHARE * len(text):
        return "13a"
    return "char" if len(_KANA.findall(text)) > 0.1 * len(text) else "zh"


def translation_metrics(
    translations: Sequence[str], references: Sequence[str], tokenize: str | None = None
) -> dict[str, Any]:
    """Compares translations with references, one reference for each.

    Args:
        translations: Texts that a model wrote.
        references: Texts that people wrote.
        tokenize: sacreBLEU's name of BLEU's tokenizer. Defaults to that of `tokenization`.

    Returns:
        Plain Python values, ready for JSON: `num_examples`; `bleu`, from 0 to 100;
        `bleu_lowercase`, the BLEU of lower-cased texts, and `chrf`, likewise; `exact`, the share of
        translations that equal their reference; and `signatures`, those of the three scores.

    References:
        Post, "A Call for Clarity in Reporting BLEU Scores", https://arxiv.org/abs/1804.08771;
        Popović, "chrF", https://aclanthology.org/W15-3049
    """
    tokenize = tokenize or tokenization(references)
    metrics = {
        "bleu": BLEU(tokenize=tokenize, force=True),  # no warning of what looks tokenized
        "bleu_lowercase": BLEU(tokenize=tokenize, lowercase=True, force=True),
        "chrf": CHRF(),
    }
    scores = {
        name: metric.corpus_score(list(translations), [list(references)]).score
        for name, metric in metrics.items()
    }
    pairs = list(zip(translations, references, strict=True))
    return {
        "num_examples": len(pairs),
        **scores,
        "exact": sum(translation == reference for translation, reference in pairs) / len(pairs),
        "signatures": {name: str(metric.get_signature()) for name, metric in metrics.items()},
    }


def warn_unless_learned(metrics: dict[str, Any]) -> None:
    """Warns of a translator whose translations have next to nothing of their references."""
    if metrics["bleu"] < LEARNED["bleu"] and metrics["chrf"] < LEARNED["chrf"]:
        logger.warning(
            "It has hardly learned to translate: BLEU is %.1f and chrF %.1f, of 100. Train for "
            "more steps (--epochs), on more pairs, or start from a translator (--checkpoint).",
            *(metrics["bleu"], metrics["chrf"]),
        )


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
