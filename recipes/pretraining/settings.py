"""Declares what decides a pre-training, and what its data is."""

from typing import Self

from ..declarations import declared, setting
from ..settings import BATCH_TOKENS, EPOCHS_HELP, BertSettings, TableReading


@declared(
    epochs=EPOCHS_HELP,
    learning_rate="0.128 / width from scratch, 0.0384 / width from a checkpoint",
    dropout="the checkpoint's; from scratch 0.1",
    batch_tokens=f"{BATCH_TOKENS}",
)
class PretrainingSettings(BertSettings):
    """Decides a training of a masked language model.

    Texts longer than `max_sequence_length` are cut into several, and nothing of them is lost.
    """

    masked_share: float = setting(
        "Share of the words to hide.", 0.15, above=0, below=1, flag=False
    )  # as in BERT

    def completed(self) -> Self:
        return super().completed().with_defaults(batch_tokens=BATCH_TOKENS)


@declared()
class UnlabelledReading(TableReading):
    """Says how texts without labels are read."""

    text_column: str | tuple[str, ...] | None = setting(
        "Column of the texts, in tables; several are joined.",
        default_is="guessed",
        metavar="NAME",
        is_several=True,
    )


@declared()
class UnlabelledSources(UnlabelledReading):
    """Says what a masked language model learns from."""

    sources: tuple[str, ...] = setting("", is_argument=True, metavar="FILE...")
