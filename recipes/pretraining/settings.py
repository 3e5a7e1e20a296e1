"""What decides a pre-training."""

from dataclasses import dataclass
from typing import Self

from ..settings import BATCH_TOKENS, EPOCHS, EPOCHS_FROM_CHECKPOINT, TrainingSettings


@dataclass(frozen=True)
class PretrainingSettings(TrainingSettings):
    """The settings of masked language modelling.

    Attributes:
        masked_share: Shard of the words, in (0, 1), to hide. Defaults to 0.15, as in BERT.

    `epochs` defaults to 20 from scratch and 3 from a checkpoint. The rest is that of
    `TrainingSettings`; texts longer than `max_sequence_length` are cut into several, and
    nothing of them is lost.
    """

    masked_share: float = 0.15

    def _check(self) -> None:
        super()._check()
        self._must("masked_share", lambda share: 0 < share < 1, "in (0, 1)")

    def completed(self) -> Self:
        epochs = EPOCHS if self.checkpoint is None else EPOCHS_FROM_CHECKPOINT
        return super().completed().with_defaults(epochs=epochs, batch_tokens=BATCH_TOKENS)
