"""Declares the settings of a classifier of texts, and how its data is named and read."""

from dataclasses import replace
from typing import Self

from ..data.label_reading import LabelReading
from ..declarations import declared, setting
from ..errors import UserError
from ..settings import (
    BATCH_TOKENS,
    EPOCHS_HELP,
    FEWEST_TO_TELL,
    SHARE,
    BertSettings,
    ClassifierSettings,
    TableReading,
    file_or_fraction,
)

# The settings where nothing else decides. With a teacher, texts are plenty and their targets soft,
# so that a model cannot remember them: without dropout it comes closer to the teacher, in half the
# time. Each of the epochs then has synthetic texts as well.
# fmt: off
WITHOUT_TEACHER = {
    "batch_tokens": BATCH_TOKENS, "adversarial": 0.0, "label_smoothing": 0.1, "token_dropout": 0.1,
}
# Chosen on draws of 8 and 16 sentences a class of SST-2, as the learning rate below: from 4 to 10
# steps and twice or half that rate are within the spread. A batch is what is compared.
FEW_SHOT = {"batch_tokens": 8192, "layer_decay": 1.0, "adversarial": 0.0}
FEW_SHOT_STEPS = 8
WITH_TEACHER = {
    "epochs": 4, "batch_tokens": 4096, "adversarial": 0.0,
    "label_smoothing": 0.0, "token_dropout": 0.0, "dropout": 0.0,
}
# fmt: on


@declared(
    epochs=f"{WITH_TEACHER['epochs']} with a teacher, which makes new texts for each; else "
    + EPOCHS_HELP,
    learning_rate="0.128 / width from scratch; from a checkpoint 0.0768 / width, with LoRA "
    "0.384 / width",
    patience={
        "help": "Epochs without a better macro-F1 after which training stops; with a teacher it "
        "does not.",
    },
    dropout="the checkpoint's; from scratch 0.1, but 0 with a teacher",
    batch_tokens=f"{BATCH_TOKENS}, but {WITH_TEACHER['batch_tokens']} with a teacher",
    vocabulary_size={"default": 16_000},
    checkpoint={
        "help": "Start from a pretrained encoder in Hugging Face's layout, a BERT or one of its "
        "kind, or from a run.",
    },
)
class TextSettings(BertSettings, ClassifierSettings):
    """Decides how a text classifier is trained."""

    long_texts: str = setting(
        "What to read of longer texts: cut takes their beginning; head-tail takes a quarter of the "
        "tokens from there, the rest from their end; windows reads all, in overlapping windows "
        "whose logits are averaged.",
        "cut",
        choices=("cut", "head-tail", "windows"),
    )
    seeds: int = setting(
        "Train with that many seeds in a row and keep the best; metrics have mean and spread.",
        1,
        at_least=1,
    )
    refit: bool | None = setting(
        "Learn once more, from all texts, when those held out have been measured.",
        default_is=f"where fewer than {FEWEST_TO_TELL} texts are held out",
    )
    label_smoothing: float | None = setting(
        "Share of a target that is spread over all classes.",
        default_is="0 from a checkpoint or with a teacher, else 0.1",
        **SHARE,
        flag=False,
    )
    token_dropout: float | None = setting(
        "Probability of hiding a token in training.",
        default_is="0 from a checkpoint or with a teacher, else 0.1",
        **SHARE,
        flag=False,
    )
    layer_decay: float | None = setting(
        "Learning rate of a layer as a multiple of that of the layer above.",
        default_is="0.8 from a checkpoint, else 1",
        above=0,
        at_most=1,
    )
    adversarial: float | None = setting(
        "Learn every batch once more with its embeddings moved against the model, by that share "
        "of their norm; takes twice the time.",
        default_is="0.02 from a checkpoint; 0 from scratch, with LoRA or with a teacher",
        at_least=0,
        metavar="SHARE",
    )
    freeze: int = setting(
        "Keep the embedding and the lowest N layers of the checkpoint as they are; with 0 the "
        "embedding learns, too.",
        0,
        at_least=0,
        metavar="N",
    )
    lora: int | None = setting(
        "Train matrices of that rank beside the encoder's, which stay as they are (LoRA); all are "
        "merged in the end.",
        default_is="no LoRA",
        at_least=1,
        metavar="RANK",
    )
    few_shot: bool = setting(
        "Learn from a few texts a class: compare their vectors in pairs, then fit a linear model.",
        False,
    )
    teacher: bool | None = setting(
        "Let a linear model of n-grams teach as well, if the data is small. It helps where words "
        "and phrases decide, as in most texts, and misleads where only their order does.",
        default_is="only from scratch, and without --adversarial or --embeddings",
    )

    def _check_together(self) -> None:
        super()._check_together()
        received = f"Received: freeze={self.freeze}, lora={self.lora}"
        if self.checkpoint is None and (self.freeze or self.lora):
            raise UserError(
                f"Without a checkpoint there is nothing to keep as it is: name one. {received}"
            )
        if self.freeze and self.lora:
            raise UserError(f"LoRA keeps all layers: give freeze or lora, not both. {received}")
        if self.refit and self.abstain_below is not None:
            raise UserError(
                "What is promised of answers holds for the model that was measured: leave out "
                f"refit. Received: refit=True, abstain_below={self.abstain_below}"
            )
        if self.few_shot:
            self._check_few_shot()
        if self.teacher and self.embeddings is not None:
            raise UserError(
                "A teacher gives the embeddings first weights of its own: give one of the two. "
                f"Received: teacher={self.teacher}, embeddings={self.embeddings}"
            )
        if self.teacher and self.adversarial:
            raise UserError(
                "A teacher's lesson is learned without perturbations: give one of the two. "
                f"Received: teacher={self.teacher}, adversarial={self.adversarial}"
            )

    def _check_few_shot(self) -> None:
        """Raises `UserError` for what does not go with pairs of a few texts."""
        if self.checkpoint is None:
            raise UserError(
                "A few texts teach only a model that knows the language: name a --checkpoint, one "
                "of sentence vectors best. Received: few_shot=True, checkpoint=None"
            )
        for name in ("teacher", "adversarial", "label_smoothing", "lora", "freeze", "patience"):
            if getattr(self, name):
                raise UserError(
                    "Few texts are compared in pairs, all layers learn, and the last step is kept: "
                    "leave out the one or the other. Received: few_shot=True, "
                    f"{name}={getattr(self, name)}"
                )

    def completed(self) -> Self:
        settings = super().completed()
        if self.few_shot:
            settings = settings.with_defaults(**FEW_SHOT)
        if self.checkpoint is None:
            has_teacher = not (self.adversarial or self.embeddings)
            return settings.with_defaults(layer_decay=1.0, teacher=has_teacher)
        return settings.with_defaults(
            label_smoothing=0.0,
            token_dropout=0.0,
            layer_decay=0.8,  # as in ELECTRA, table 7, https://arxiv.org/abs/2003.10555
            adversarial=0.0 if self.lora or self.teacher else 0.02,
            teacher=False,
        )

    def for_lesson(self, has_teacher: bool) -> Self:
        """Returns the same with what depends on a teacher, once the data tells if there is one."""
        defaults = WITH_TEACHER if has_teacher else WITHOUT_TEACHER
        return replace(self, teacher=has_teacher).with_defaults(**defaults)

    def average_every(self) -> int | None:
        """Returns the most steps from one update of the mean to the next; None if there is none.

        A pretrained model has so many weights that a mean of all steps would take a tenth of one.
        """
        if self.teacher:
            return 1
        return None if self.checkpoint is None or self.few_shot else 4

    def for_steps(self, steps_per_epoch: int) -> Self:
        if self.few_shot:
            return self.with_epochs(1, steps_per_epoch, FEW_SHOT_STEPS)
        return super().for_steps(steps_per_epoch)

    def checkpoint_rate(self) -> float:
        if self.few_shot:
            return 0.0384
        # LoRA's few weights start from nothing; the other rate is that of ELECTRA, as above.
        return 0.384 if self.lora else 0.0768


@declared()
class TextQuestions(TableReading):
    """Decides how texts are read that are to be classified."""

    text_column: str | tuple[str, ...] | None = setting(
        "Column of the texts; several are joined, such as a subject and a body.",
        default_is="guessed",
        metavar="NAME",
        is_several=True,
    )
    pair_column: str | None = setting(
        "Column of second texts, for pairs of texts.", default_is="single texts", metavar="NAME"
    )


@declared()
class TextReading(LabelReading, TextQuestions):
    """Decides how labelled texts are read."""


@declared()
class TextSources(TextReading):
    """Names the data that a text classifier learns from, and is validated on."""

    train: tuple[str, ...] = setting("", is_argument=True, metavar="TRAIN...")
    validation: str | float = setting(
        "Data to validate on, or the share of TRAIN to hold out for it.",
        0.1,
        parse=file_or_fraction,
        metavar="FILE|FRACTION",
    )
