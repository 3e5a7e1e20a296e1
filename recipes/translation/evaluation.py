"""How good translations are: BLEU and chrF as sacreBLEU computes them, with their signatures."""

import re
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU, CHRF

# Texts that are mostly of these characters have no spaces between words, so that 13a would make one
# word of each sentence.
_HAN_AND_KANA = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile("[\u3040-\u30ff]")
_SHARE = 0.3


def tokenization(references: Sequence[str]) -> str:
    """How sacreBLEU is to tokenize: "zh" for Chinese, "char" for Japanese, else "13a"."""
    text = "".join(references)
    if len(_HAN_AND_KANA.findall(text)) <= _SHARE * len(text):
        return "13a"
    return "char" if len(_KANA.findall(text)) > 0.1 * len(text) else "zh"


def translation_metrics(
    translations: Sequence[str], references: Sequence[str], tokenize: str | None = None
) -> dict[str, Any]:
    """Compares translations with references, one of each.

    Args:
        translations: What a model wrote.
        references: What people wrote.
        tokenize: How BLEU tokenizes, by sacreBLEU's name: "13a", "zh", "intl", "char" and so on.
            Defaults to "zh" for Chinese references, "char" for Japanese, else "13a".

    Returns:
        A dictionary of plain Python values, ready for JSON: `num_examples`; `bleu`, the same of
        lower-cased texts as `bleu_lowercase`, and `chrf`, each from 0 to 100; `exact`, the share of
        translations that are their reference; and the `signatures` of the first three.

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
    pairs = zip(translations, references, strict=True)
    return {
        "num_examples": len(references),
        **scores,
        "exact": sum(translation == reference for translation, reference in pairs)
        / len(references),
        "signatures": {name: str(metric.get_signature()) for name, metric in metrics.items()},
    }
