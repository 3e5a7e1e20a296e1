"""What decides the training of a classifier of texts."""

import math
from dataclasses import dataclass, replace
from typing import Self

from ..errors import UserError
from ..settings import BATCH_TOKENS, EPOCHS, EPOCHS_FROM_CHECKPOINT, TrainingSettings

# What a classifier's settings are where nothing else decides. With a teacher, texts are plenty and
# their targets soft, so nothing else keeps a model from remembering them: without dropout it comes
# closer to the teacher, in half the time.
WITHOUT_TEACHER = {
    "epochs": EPOCHS,
    "batch_tokens": BATCH_TOKENS,
    "label_smoothing": 0.1,
    "token_dropout": 0.1,
    "adversarial": 0.0,
}
WITH_TEACHER = {
    "epochs": 4,  # each with synthetic texts as well
    "batch_tokens": 4096,
    "label_smoothing": 0.0,
    "token_dropout": 0.0,
    "dropout": 0.0,
    "adversarial": 0.0,
}


@dataclass(frozen=True)
class TextSettings(TrainingSettings):
    """The settings of a training of a text classifier.

    Attributes:
        label_smoothing: Shard of a target, in [0, 1), that is spread over all classes. Defaults to
            0 from a checkpoint or with a teacher, else to 0.1.
        token_dropout: Probability in [0, 1) of hiding a token in training. Likewise.
        layer_decay: Learning rate of a layer as a multiple of that of the layer above, in (0, 1].
            Defaults to 0.8 from a checkpoint, 1 from scratch.
        adversarial: Norm of the perturbation of a text's embeddings that misleads the model most,
            as a share of theirs, at least 0; see `regard.recipes.adversarial`. A step takes twice
            the time unless it is 0. Defaults to 0.02 from a checkpoint, but 0 from scratch, with
            LoRA or with a teacher.
        freeze: Number of layers, from below, that stay as they are, with the embedding. Defaults
            to 0, which leaves the embedding free as well.
        lora: Rank of the matrices that LoRA trains in place of the encoder's weights; they are
            merged when training ends. Defaults to no LoRA.
        teacher: Whether a linear model of n-grams teaches as well, where the data is small enough
            to need it; see `regard.recipes.teacher`. It helps where words and phrases decide, as in
            most real texts, and misleads where only their order does. Defaults to True from
            scratch, False from a checkpoint or with `adversarial`.

    `epochs` defaults to 3 from a checkpoint; from scratch to 4 with a teacher, each with synthetic
    texts as well, and to 20 without; `vocabulary_size` to 16,000; `dropout` with a teacher to 0.
    `patience` is not asked with a teacher, where the mean of the last steps' weights is kept. The
    rest is that of `TrainingSettings`.
    """

    vocabulary_size: int = 16_000
    label_smoothing: float | None = None
    token_dropout: float | None = None
    layer_decay: float | None = None
    adversarial: float | None = None
    freeze: int = 0
    lora: int | None = None
    teacher: bool | None = None

    def _check(self) -> None:
        super()._check()
        for name in ("label_smoothing", "token_dropout"):
            self._must(name, lambda share: 0 <= share < 1, "in [0, 1)")
        self._must("layer_decay", lambda decay: 0 < decay <= 1, "in (0, 1]")
        self._must("adversarial", lambda size: 0 <= size < math.inf, "finite and at least 0")
        self._must("freeze", lambda layers: layers >= 0, "at least 0")
        self._must("lora", lambda rank: rank >= 1, "at least 1")
        received = f"Received: freeze={self.freeze}, lora={self.lora}"
        if self.checkpoint is None and (self.freeze or self.lora):
            raise UserError(
                f"Without a checkpoint there is nothing to keep as it is: name one. {received}"
            )
        if self.freeze and self.lora:
            raise UserError(f"LoRA keeps all layers: give freeze or lora, not both. {received}")
        if self.teacher and self.adversarial:
            raise UserError(
                "A teacher's lesson is learned without perturbations: give one of the two. "
                f"Received: teacher={self.teacher}, adversarial={self.adversarial}"
            )

    def completed(self) -> Self:
        settings = super().completed()
        if self.checkpoint is None:
            return settings.with_defaults(layer_decay=1.0, teacher=not self.adversarial)
        return settings.with_defaults(
            label_smoothing=0.0,
            token_dropout=0.0,
            layer_decay=0.8,  # as in ELECTRA, table 7, https://arxiv.org/abs/2003.10555
            adversarial=0.0 if self.lora or self.teacher else 0.02,
            teacher=False,
            epochs=EPOCHS_FROM_CHECKPOINT,
        )

    def for_lesson(self, has_teacher: bool) -> Self:
        """The same with what depends on a teacher, once the data tells whether there is one."""
        defaults = WITH_TEACHER if has_teacher else WITHOUT_TEACHER
        return replace(self, teacher=has_teacher).with_defaults(**defaults)

    def average_every(self) -> int | None:
        """Steps between those whose weights are averaged; None where no mean is kept.

        A pretrained model has so many weights that a mean of all steps would take a tenth of one.
        """
        if self.teacher:
            return 1
        return None if self.checkpoint is None else 4

    def for_checkpoint(self, width: int, longest: int) -> Self:
        # LoRA's few weights start from nothing; the other rate is that of ELECTRA, as above.
        settings = self.with_defaults(learning_rate=(0.384 if self.lora else 0.0768) / width)
        return super(TextSettings, settings).for_checkpoint(width, longest)
