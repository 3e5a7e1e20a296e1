"""Normalizes texts as BERT does, in a graph.

The patterns are those of google-research/bert, tokenization.py, in RE2's syntax.
"""

from dataclasses import dataclass

import tensorflow as tf
import tensorflow_text as tf_text

# Private characters, put around a special token in a text until it is looked up among the words.
START, END = "\U00100000", "\U00100001"
# Controls but tab, line feed and return, and private characters but our own:
_DROPPED = (
    r"[\x{FFFD}\p{Cf}\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}\x{100002}-\x{10FFFD}"
    r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}]"
)
_CHINESE = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)  # 2B920, where BERT has 2B820: so it is in Hugging Face's tokenizers


@dataclass(frozen=True)
class BertNormalization:
    """Cleans texts and folds their case, as a BERT checkpoint asks for it.

    Attributes:
        lowercase: Whether to fold case. Defaults to True.
        strip_accents: Whether to drop accents. Defaults to the value of `lowercase`.
        split_chinese: Whether each Chinese character is a word of its own. Defaults to True.
        clean_text: Whether to drop control characters. Defaults to True.
    """

    lowercase: bool = True
    strip_accents: bool | None = None
    split_chinese: bool = True
    clean_text: bool = True

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Normalizes texts (B,) in UTF-8."""
        if self.clean_text:
            texts = tf.strings.regex_replace(texts, _DROPPED, "")
        if self.split_chinese:
            texts = tf.strings.regex_replace(texts, f"({_CHINESE})", r" \1 ")
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            texts = tf_text.normalize_utf8(texts, "NFD")
            texts = tf.strings.regex_replace(texts, r"\p{Mn}", "")
        if self.lowercase:
            texts = tf.strings.regex_replace(texts, "Σ", "σ")  # never the final sigma, as in BERT
            texts = tf.strings.lower(texts, encoding="utf-8")
        return texts
