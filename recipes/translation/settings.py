"""What decides the training of a translator."""

import math
from dataclasses import dataclass

from ...models.presets import translation_preset
from ..errors import UserError
from ..settings import TrainingSettings

SIZES = ("num_layers", "num_decoder_layers", "hidden_dim", "num_heads", "intermediate_dim")

# What a training is where nothing else decides: for some 10,000s of pairs; for millions of them,
# where vocabulary and warm-up are those of Vaswani et al., sections 5.1 and 5.3; and for a model
# that has learned already.
FEW_PAIRS = {"epochs": 100, "vocabulary_size": 4000, "batch_tokens": 1024, "warmup_steps": 1000}
MANY_PAIRS = {"epochs": 100, "vocabulary_size": 37_000, "batch_tokens": 4096, "warmup_steps": 4000}
FROM_CHECKPOINT = {
    "epochs": 10,
    "batch_tokens": 4096,
    "warmup_steps": 1000,
    "learning_rate": 2e-4,
}


@dataclass(frozen=True)
class TranslationSettings(TrainingSettings):
    """The settings of a training of a translator.

    Attributes:
        preset: A key of `regard.models.TRANSLATION_PRESETS`. Defaults to "transformer_small".
        num_layers: Number of blocks of the encoder, and of the decoder. This and the sizes below
            default to the preset's.
        num_decoder_layers: Number of blocks of the decoder alone. Defaults to `num_layers`.
        hidden_dim: Width.
        num_heads: Number of attention heads; must divide the width.
        intermediate_dim: Width inside the feed-forward layers.
        epochs: Largest number of passes over the training data. Defaults to 100 from scratch, 10
            from a checkpoint.
        learning_rate: Highest learning rate. Defaults to 2e-4 from a checkpoint, and from scratch
            to the paper's, (width · `warmup_steps`)^-0.5.
        warmup_steps: Steps to the highest learning rate, which then falls with the inverse root of
            the step. Defaults to 4,000 with the paper's presets, else 1,000.
        batch_tokens: Tokens in a batch, of its longer side, padding included. Defaults to 1,024
            with "transformer_small", else 4,096.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to the checkpoint's
            or the preset's.
        label_smoothing: Shard of a target, in [0, 1), that is spread over all tokens. Defaults to
            0.1.
        subword_dropout: Probability in [0, 1) of leaving out a merge of two pieces in training, so
            that a text is cut up in other ways each time (BPE-dropout), which a short training is
            worse for. Defaults to 0.
        long_texts: What to do with texts of more tokens than `max_sequence_length`: "cut" and count
            them, or "refuse" the data. Defaults to "cut".
        patience: Epochs without a better BLEU after which training stops. Defaults to 10.
        vocabulary_size: Pieces to learn from scratch, for both languages together. Defaults to
            37,000 with the paper's presets, else 4,000.
        num_beams: Beams of the search for a translation. Defaults to 4.
        length_penalty: Power of the length that scores of translations are divided by. Defaults to
            1.

    The rest is that of `TrainingSettings`.
    """

    num_layers: int | None = None
    num_decoder_layers: int | None = None
    hidden_dim: int | None = None
    num_heads: int | None = None
    intermediate_dim: int | None = None
    warmup_steps: int | None = None
    vocabulary_size: int | None = None
    label_smoothing: float = 0.1
    subword_dropout: float = 0.0
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
        if self.checkpoint is not None:
            return self.with_defaults(**FROM_CHECKPOINT)
        preset = self.preset or "transformer_small"
        try:
            sizes = translation_preset(preset)
        except ValueError as error:
            raise UserError(str(error)) from error
        training = FEW_PAIRS if preset == "transformer_small" else MANY_PAIRS
        settings = self.with_defaults(preset=preset, **sizes, **training)
        settings = settings.with_defaults(num_decoder_layers=settings.num_layers)
        if settings.hidden_dim % settings.num_heads:
            raise UserError(
                "The width must be a multiple of the number of heads. Received: "
                f"hidden_dim={settings.hidden_dim}, num_heads={settings.num_heads}"
            )
        # Vaswani et al., section 5.3, https://arxiv.org/abs/1706.03762
        rate = (settings.hidden_dim * settings.warmup_steps) ** -0.5
        return settings.with_defaults(learning_rate=rate)

    def sizes(self) -> dict[str, int]:
        """The sizes of a model from scratch, as its constructor takes them."""
        return {name: getattr(self, name) for name in SIZES}
