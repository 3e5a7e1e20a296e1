"""Declares the settings of a classifier of tokens, and how its data is named and read."""

from typing import Self

from ..declarations import declared, setting
from ..settings import (
    BATCH_TOKENS,
    EPOCHS_HELP,
    SHARE,
    BertSettings,
    TableReading,
    file_or_fraction,
)


@declared(
    epochs=EPOCHS_HELP,
    learning_rate="0.128 / width from scratch, 0.0768 / width from a checkpoint",
    patience={"help": "Epochs without a better F1 of entities after which training stops."},
    dropout="the checkpoint's; from scratch 0.1",
    batch_tokens=f"{BATCH_TOKENS}",
    checkpoint={
        "help": "Start from a pretrained encoder in Hugging Face's layout, a BERT "
        "or one of its kind, or from a run.",
    },
)
class TokenSettings(BertSettings):
    """Decides how a classifier of tokens is trained."""

    long_texts: str = setting(
        "What to read of longer texts: windows reads all, in overlapping windows whose logits are "
        "averaged; cut takes their beginning.",
        "windows",
        choices=("windows", "cut"),
    )
    token_dropout: float | None = setting(
        "Probability of hiding a token in training, so that what is around it must do.",
        default_is="0 from a checkpoint, else 0.1",
        **SHARE,
        flag=False,
    )
    layer_decay: float | None = setting(
        "Learning rate of a layer as a multiple of that of the layer above.",
        default_is="0.8 from a checkpoint, else 1",
        above=0,
        at_most=1,
    )

    def completed(self) -> Self:
        settings = super().completed().with_defaults(batch_tokens=BATCH_TOKENS)
        is_new = self.checkpoint is None
        return settings.with_defaults(
            token_dropout=0.1 if is_new else 0.0,
            layer_decay=1.0 if is_new else 0.8,  # as in ELECTRA, arxiv.org/abs/2003.10555, table 7
        )

    def average_every(self) -> int | None:
        """Returns the most steps from one update of the mean to the next; None if there is none."""
        return None if self.checkpoint is None else 4

    def checkpoint_rate(self) -> float:
        return 0.0768  # with a decay by layer, as a classifier of texts has it


@declared()
class TokenQuestions(TableReading):
    """Decides how texts are read whose entities are asked for."""

    text_column: str | None = setting(
        "Column of the texts, or of their words.", default_is="guessed", metavar="NAME"
    )


@declared()
class TokenReading(TokenQuestions):
    """Decides how texts with entities are read."""

    label_column: str | None = setting(
        "Column of the tags of words, or of the entities of texts.",
        default_is="guessed",
        metavar="NAME",
    )
    tag_names: str | None = setting(
        "Names of the tags that are written as numbers 0, 1, ..., with commas between.",
        default_is="what the file says",
        metavar="O,B-PER,...",
    )


@declared()
class TokenSources(TokenReading):
    """Names the data that a classifier of tokens learns from, and is validated on."""

    train: tuple[str, ...] = setting("", is_argument=True, metavar="TRAIN...")
    validation: str | float = setting(
        "Data to validate on, or the share of TRAIN to hold out for it.",
        0.1,
        parse=file_or_fraction,
        metavar="FILE|FRACTION",
    )
