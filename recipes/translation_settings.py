"""What decides the training of a translator."""

import math
from dataclasses import dataclass

from ..models.presets import translation_preset
from .errors import UserError
from .settings import TrainingSettings

SIZES = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim")


@dataclass(frozen=True)
class TranslationSettings(TrainingSettings):
    """The settings of a training of a translator.

    Attributes:
        preset: A key of `regard.models.TRANSLATION_PRESETS`. Defaults to "transformer_tiny".
        num_layers: Number of blocks of the encoder, and of the decoder. This and the next three
            default to the preset's.
        hidden_dim: Width.
        num_heads: Number of attention heads; must divide the width.
        intermediate_dim: Width inside the feed-forward layers.
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
        long_texts: What to do with texts of more tokens than `max_sequence_length`: "cut" and count
            them, or "refuse" the data. Defaults to "cut".
        patience: Epochs without a better BLEU after which training stops. Defaults to 10.
        vocabulary_size: Pieces to learn from scratch, for both languages together. Defaults to
            8,000.
        num_beams: Beams of the search for a translation. Defaults to 4.
        length_penalty: Power of the length that scores of translations are divided by. Defaults to
            1.

    The rest is that of `TrainingSettings`.
    """

    num_layers: int | None = None
    hidden_dim: int | None = None
    num_heads: int | None = None
    intermediate_dim: int | None = None
    warmup_steps: int = 1000
    label_smoothing: float = 0.1
    subword_dropout: float | None = None
    long_texts: str = "cut"
    num_beams: int = 4
    length_penalty: float = 1.0

    def _check(self) -> None:
        super()._check()
        for name in ("warmup_steps", "num_beams", *SIZES):
            self._must(name, lambda value: value >= 1, "at least 1")
        self._must("hidden_dim", lambda width: width % 2 == 0, "even")
        for name in ("label_smoothing", "subword_dropout"):
            self._must(name, lambda share: 0 <= share < 1, "in [0, 1)")
        self._must("long_texts", ("cut", "refuse").__contains__, "cut or refuse")
        self._must("length_penalty", math.isfinite, "finite")
        if self.checkpoint is not None and any(getattr(self, name) is not None for name in SIZES):
            raise UserError(f"A checkpoint has its own sizes: leave out {', '.join(SIZES)}.")

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
            sizes = translation_preset(preset)
        except ValueError as error:
            raise UserError(str(error)) from error
        settings = settings.with_defaults(
            preset=preset,
            epochs=100,
            subword_dropout=0.1,
            **sizes,
        )
        if settings.hidden_dim % settings.num_heads:
            raise UserError(
                "The width must be a multiple of the number of heads. Received: "
                f"hidden_dim={settings.hidden_dim}, num_heads={settings.num_heads}"
            )
        # Vaswani et al., section 5.3, https://arxiv.org/abs/1706.03762
        rate = (settings.hidden_dim * self.warmup_steps) ** -0.5
        return settings.with_defaults(learning_rate=rate)

    def sizes(self) -> dict[str, int]:
        """The sizes of a model from scratch, as its constructor takes them."""
        return {name: getattr(self, name) for name in SIZES}
