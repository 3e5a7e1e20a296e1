"""Declares what decides the training of a translator, and what its data is."""

from dataclasses import replace
from math import ceil
from typing import Self

from ...models.presets import translation_preset
from ..declarations import Declared, declared, setting
from ..errors import UserError
from ..settings import (
    FEWEST_STEPS,
    FEWEST_STEPS_FROM_CHECKPOINT,
    SHARE,
    LanguageSettings,
    TableReading,
    file_or_fraction,
    find_preset,
    preset_name,
)

# Sizes of the Transformer, and of the recurrent translator.
BLOCKS = ("num_layers", "num_decoder_layers", "num_heads", "intermediate_dim")
SIZES = ("hidden_dim", "units", *BLOCKS)

# What a training is where nothing else decides: for up to some 10,000s of pairs; for millions of
# them, as in Vaswani et al., section 5.1; and for a model that has learned already.
SMALL = ("transformer_small", "rnnsearch_small")
FEW_PAIRS = {"vocabulary_size": 4000, "batch_tokens": 1024}
MANY_PAIRS = {"vocabulary_size": 37_000, "batch_tokens": 4096}
FROM_CHECKPOINT = {"batch_tokens": 4096, "learning_rate": 2e-4}
EPOCHS, EPOCHS_FROM_CHECKPOINT = 100, 10
WARMUP, WARMUP_OF_MANY = 1000, 4000  # steps, the second as in section 5.3
WARMUP_SHARE = 1 / 5  # of all steps, at most
FEWEST_TO_WAIT = 10, 500  # epochs and steps without a better BLEU
LARGE = "transformer_base and transformer_big"


def _size(help: str, default_is: str = "the preset's"):
    return setting(help, default_is=default_is, at_least=1)


@declared(
    checkpoint={
        "help": "Start from a Marian model in Hugging Face's layout, from M2M100, NLLB or "
        "mBART-50, or from a run."
    },
    preset={
        "help": "Model from scratch: transformer_small, transformer_base or transformer_big; or "
        "rnnsearch_small, the recurrent network with attention that came before.",
        "default_is": "transformer_small",
        "parse": preset_name(translation_preset),
        "metavar": "NAME",
    },
    epochs=f"{EPOCHS} and at least {FEWEST_STEPS} steps; from a checkpoint "
    f"{EPOCHS_FROM_CHECKPOINT} and at least {FEWEST_STEPS_FROM_CHECKPOINT} steps",
    learning_rate="(width x warm-up steps)^-0.5 from scratch, 2e-4 from a checkpoint",
    patience={
        "help": "Epochs without a better BLEU after which training stops.",
        "default_is": "{} and at least {} steps".format(*FEWEST_TO_WAIT),
    },
    batch_tokens={
        "help": "Tokens in a batch, of its longer side, with padding.",
        "default_is": "1024 with a small preset, else 4096",
    },
    max_sequence_length={"help": "Tokens of a text that are read or written."},
    vocabulary_size={
        "default": None,
        "help": "Pieces of words to learn from scratch, for both languages together.",
        "default_is": f"4000; 37000 with {LARGE}",
        "at_least": 10,
        "flag": True,
    },
)
class TranslationSettings(LanguageSettings):
    """Decides a training of a translator."""

    source_language: str | None = setting(
        "Language of the texts, as the checkpoint names it, such as en or eng_Latn.",
        default_is="the checkpoint's",
        metavar="NAME",
    )
    target_language: str | None = setting(
        "Language to translate into, likewise; of an OPUS-MT model of several, that of >>NAME<<.",
        default_is="the checkpoint's",
        metavar="NAME",
    )
    num_layers: int | None = _size("Blocks of the encoder, and of the decoder.")
    num_decoder_layers: int | None = _size(
        "Blocks of the decoder, if it has others.", "the encoder's"
    )
    hidden_dim: int | None = _size("Width.")
    units: int | None = _size("Width of a state of rnnsearch_small.")
    num_heads: int | None = _size("Attention heads; their number must divide the width.")
    intermediate_dim: int | None = _size("Width inside the feed-forward layers.")
    warmup_steps: int | None = setting(
        "Steps to the highest learning rate, which then falls with the inverse root of the step.",
        default_is=f"{WARMUP}, {WARMUP_OF_MANY} with {LARGE}; at most a fifth of all steps",
        at_least=1,
    )
    label_smoothing: float = setting(
        "Share of a target that is spread over all tokens.", 0.1, at_least=0, below=1
    )
    subword_dropout: float = setting(
        "Probability of leaving out a merge of pieces, so that texts are cut up in other ways "
        "each time (BPE-dropout); a short training is worse for it.",
        0.0,
        **SHARE,
    )
    long_texts: str = setting(
        "What to do with longer texts in the data: cut and count them, or stop.",
        "cut",
        choices=("cut", "refuse"),
    )
    num_beams: int = setting("Beams of the search, once trained.", 4, at_least=1)
    length_penalty: float = setting(
        "Power of the length in that search; a large one favours long translations.", 1.0
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.hidden_dim is not None and self.hidden_dim % 2:
            raise UserError(f"`hidden_dim` must be even. Received: hidden_dim={self.hidden_dim}")
        languages = (self.source_language, self.target_language)
        if self.checkpoint is None and any(languages):
            raise UserError(
                "A model from scratch has no tokens of languages: leave out `source_language` and "
                f"`target_language`, or give a checkpoint. Received: {languages}"
            )
        if self.checkpoint is not None and any(getattr(self, name) is not None for name in SIZES):
            raise UserError(f"A checkpoint has its own sizes: leave out {', '.join(SIZES)}.")

    def completed(self) -> Self:
        """Returns the same with what the preset decides filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            return self.with_defaults(**FROM_CHECKPOINT)
        preset = self.preset or "transformer_small"
        sizes = find_preset(translation_preset, preset)
        known = {*sizes, *(["num_decoder_layers"] if "num_layers" in sizes else [])}
        given = [name for name in SIZES if getattr(self, name) is not None]
        foreign = [name for name in given if name not in known]
        if foreign:
            raise UserError(f"{preset} has none of these sizes: leave out {', '.join(foreign)}.")
        training = FEW_PAIRS if preset in SMALL else MANY_PAIRS
        settings = self.with_defaults(preset=preset, **sizes, **training)
        if settings.num_heads is not None:
            settings = settings.with_defaults(num_decoder_layers=settings.num_layers)
            _check_heads(settings.hidden_dim, settings.num_heads)
        # Vaswani et al., section 5.3, https://arxiv.org/abs/1706.03762
        rate = (settings.hidden_dim * (settings.warmup_steps or settings.longest_warmup())) ** -0.5
        return settings.with_defaults(learning_rate=rate)

    def longest_warmup(self) -> int:
        """Returns the steps of the warm-up, unless they are given or the training is short."""
        return WARMUP if self.preset in (None, *SMALL) else WARMUP_OF_MANY

    def for_steps(self, steps_per_epoch: int) -> Self:
        """Returns the same with what the number of steps in an epoch decides."""
        if self.checkpoint is None:
            settings = self.with_epochs(EPOCHS, steps_per_epoch, FEWEST_STEPS)
        else:
            fewest = FEWEST_STEPS_FROM_CHECKPOINT
            settings = self.with_epochs(EPOCHS_FROM_CHECKPOINT, steps_per_epoch, fewest)
        share = round(WARMUP_SHARE * settings.epochs * steps_per_epoch)
        epochs, steps = FEWEST_TO_WAIT
        return settings.with_defaults(
            warmup_steps=max(1, min(settings.longest_warmup(), share)),
            patience=max(epochs, ceil(steps / steps_per_epoch)),
        )

    def for_checkpoint(self, longest: int) -> Self:
        """Returns the same with what a checkpoint's longest text, in tokens, decides."""
        return replace(self, max_sequence_length=min(self.max_sequence_length, longest))

    def sizes(self) -> dict[str, int]:
        """Returns the sizes of a model from scratch, as its constructor takes them."""
        sizes = {name: getattr(self, name) for name in SIZES}
        return {name: size for name, size in sizes.items() if size is not None}


def _check_heads(hidden_dim: int, num_heads: int) -> None:
    if hidden_dim % num_heads:
        raise UserError(
            "The width must be a multiple of the number of heads. Received: "
            f"hidden_dim={hidden_dim}, num_heads={num_heads}"
        )


@declared()
class SourceReading(TableReading):
    """Says how texts are read that are to be translated."""

    source_column: str | None = setting(
        "Column of the texts to translate, in a table.", default_is="guessed", metavar="NAME"
    )


@declared()
class ParallelReading(SourceReading):
    """Says how texts are read with their translations."""

    target_column: str | None = setting(
        "Column of their translations.", default_is="guessed", metavar="NAME"
    )


@declared()
class ParallelFiles(ParallelReading):
    """Names texts and their translations: two files line beside line, or a table."""

    source: str | None = setting("The texts to translate, one a line.", metavar="FILE")
    target: str | tuple[str, ...] | None = setting(
        "Their translations, one a line; given several times, each text has several.",
        metavar="FILE",
        is_several=True,
    )


@declared()
class ParallelSources(ParallelFiles):
    """Says what a translator learns from, and is validated on."""

    table: tuple[str, ...] | None = setting("", is_argument=True, metavar="[TABLE...]")
    validation_source: str | None = setting("Data to validate on, likewise.", metavar="FILE")
    validation_target: str | None = setting("Its translations.", metavar="FILE")
    validation: str | float = setting(
        "A table to validate on, or the share of the data to hold out for it.",
        0.05,
        parse=file_or_fraction,
        metavar="FILE|FRACTION",
    )


@declared()
class Decoding(Declared):
    """Says how a translator searches, where not as its run says."""

    num_beams: int | None = setting(
        "Beams of a translator's search.", default_is="the RUN's", at_least=1
    )
    length_penalty: float | None = setting(
        "Power of the length in that search; a large one favours long translations.",
        default_is="the RUN's",
    )
    n_best: int | None = setting(
        "Translations to list of each text, the best first.",
        default_is="the best alone",
        at_least=1,
    )
