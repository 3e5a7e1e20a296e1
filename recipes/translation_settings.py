"""What decides the training of a translator."""

import math
from dataclasses import dataclass
from typing import Any

from ..models.presets import translation_preset
from .errors import UserError
from .settings import TrainingSettings


@dataclass(frozen=True)
class TranslationSettings(TrainingSettings):
    """The settings of a training of a translator.

    Attributes:
        preset: A key of `regard.models.TRANSLATION_PRESETS`. Defaults to "transformer_tiny".
        epochs: Largest number of passes over the training data. Defaults to 100 from scratch, 10
            from a checkpoint.
        learning_rate: Highest learning rate. Defaults to 2e-4 from a checkpoint, and from scratch
            to the paper's, (width · `warmup_steps`)^-0.5.
        warmup_steps: Steps to the highest learning rate, which then falls with the inverse root of
            the step. Defaults to 1,000.
        batch_tokens: Tokens in a batch, of its longer side, padding included. Defaults to 4,096.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to the checkpoint's
            or the preset's.
        label_smoothing: Share of a target, in [0, 1), that is spread over all tokens. Defaults to
            0.1.
        subword_dropout: Probability in [0, 1) of leaving out a merge of two pieces in training, so
            that a text is cut up in other ways each time (BPE-dropout). Defaults to 0.1 from
            scratch, 0 from a checkpoint.
        patience: Epochs without a better BLEU after which training stops. Defaults to 10.
        vocabulary_size: Pieces to learn from scratch, for both languages together. Defaults to
            8,000.
        num_beams: Beams of the search for a translation. Defaults to 4.
        length_penalty: Power of the length that scores of translations are divided by. Defaults to
            1.

    The rest is that of `TrainingSettings`.
    """

    warmup_steps: int = 1000
    label_smoothing: float = 0.1
    subword_dropout: float | None = None
    num_beams: int = 4
    length_penalty: float = 1.0

    def _check(self) -> None:
        super()._check()
        for name in ("warmup_steps", "num_beams"):
            self._must(name, lambda value: value >= 1, "at least 1")
        for name in ("label_smoothing", "subword_dropout"):
            self._must(name, lambda share: 0 <= share < 1, "in [0, 1)")
        self._must("length_penalty", math.isfinite, "finite")

    def completed(self) -> "TranslationSettings":
        """The same with what the preset decides filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        settings = self.with_defaults(batch_tokens=4096)
        if self.checkpoint is not None:
            return settings.with_defaults(epochs=10, learning_rate=2e-4, subword_dropout=0.0)
        preset = self.preset or "transformer_tiny"
        try:
            width = translation_preset(preset)["hidden_dim"]
        except ValueError as error:
            raise UserError(str(error)) from error
        return settings.with_defaults(
            preset=preset,
            epochs=100,
            # Vaswani et al., section 5.3, https://arxiv.org/abs/1706.03762
            learning_rate=(width * self.warmup_steps) ** -0.5,
            subword_dropout=0.1,
        )

    def decoding(self) -> dict[str, Any]:
        """Arguments of a search for translations that the settings decide."""
        return {"num_beams": self.num_beams, "length_penalty": self.length_penalty}
