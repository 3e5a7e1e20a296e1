"""Declares what decides the training of a classifier of images, and what its data is."""

from typing import Any, Self

from ...models.presets import IMAGE_PRESETS, image_preset
from ..declarations import Declared, declared, setting
from ..errors import UserError
from ..settings import SHARE, Reading, Settings, file_or_fraction, find_preset, preset_name

STRENGTHS = ("none", "light", "medium", "strong")  # of augmentation

# What a training is where nothing else decides: from random weights, which takes many epochs and
# all the variety that can be made; and from a checkpoint, which has seen a million images.
# fmt: off
FROM_SCRATCH = {
    "preset": "vit_compact", "epochs": 30, "learning_rate": 1e-3, "batch_size": 128,
    "augmentation": "medium", "stochastic_depth": 0.1, "layer_decay": 1.0,
}
FROM_CHECKPOINT = {
    "epochs": 5, "learning_rate": 1e-4, "batch_size": 32,
    "augmentation": "light", "stochastic_depth": 0.0, "layer_decay": 0.75,
}
# fmt: on


def _either(name: str) -> str:
    return f"{FROM_SCRATCH[name]} from scratch, {FROM_CHECKPOINT[name]} from a checkpoint"


def image_size(text: str) -> int | tuple[int, int]:
    """Makes a side, or height and width, of what is typed: 224, or 192x256."""
    parts = text.split("x")
    if not (1 <= len(parts) <= 2 and all(part.isdecimal() and int(part) for part in parts)):
        raise ValueError(f"must be a number of pixels, or two as in 192x256. Received: {text}")
    return int(parts[0]) if len(parts) == 1 else tuple(map(int, parts))


@declared(
    checkpoint={"help": "Start from a pretrained ViT in Hugging Face's layout, or from a run."},
    preset={
        "help": f"Size from scratch: {', '.join(IMAGE_PRESETS)}.",
        "default_is": FROM_SCRATCH["preset"],
        "parse": preset_name(image_preset),
        "metavar": "NAME",
    },
    epochs=_either("epochs"),
    learning_rate={
        "help": "Highest learning rate, which falls as a cosine.",
        "default_is": _either("learning_rate"),
    },
    patience={"help": "Epochs without a better macro-F1 after which training stops."},
)
class ImageSettings(Settings):
    """Decides a training of a classifier of images."""

    image_size: tuple[int, int] | int | None = setting(
        "Side of the square that is read, in pixels, or height x width; a checkpoint's positions "
        "are interpolated for another size than its own.",
        default_is="the checkpoint's or the preset's",
        parse=image_size,
        metavar="PIXELS",
    )
    patch_size: int | None = setting(
        "Side of a patch, in pixels, from scratch.", default_is="the preset's", at_least=1
    )
    batch_size: int | None = setting(
        "Images in a batch.", default_is=_either("batch_size"), at_least=1
    )
    augmentation: str | None = setting(
        "What is done to images in training, in rising strength; medium and strong mirror them "
        "too.",
        default_is=_either("augmentation"),
        choices=STRENGTHS,
    )
    label_smoothing: float = setting(
        "Share of a target that is spread over all classes.", 0.1, at_least=0, below=1
    )
    stochastic_depth: float | None = setting(
        "Probability of leaving out a sub-layer of an example in the last block, less before.",
        default_is=_either("stochastic_depth"),
        **SHARE,
    )
    layer_decay: float | None = setting(
        "Learning rate of a layer as a multiple of that of the layer above.",
        default_is=_either("layer_decay"),
        above=0,
        at_most=1,
    )
    weight_decay: float = setting(
        "Share of a weight that a step takes away, times the learning rate.", 0.05, **SHARE
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.image_size is not None and min(_sides(self.image_size)) < 1:
            raise UserError(f"`image_size` must be at least 1. Received: {self.image_size}")
        if self.checkpoint is not None and self.patch_size is not None:
            raise UserError("A checkpoint has its own patches: leave out patch_size.")

    def completed(self) -> Self:
        """Returns the same with what is not given filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            return self.with_defaults(**FROM_CHECKPOINT)
        settings = self.with_defaults(**FROM_SCRATCH)
        find_preset(image_preset, settings.preset)
        return settings

    def model_options(self) -> dict[str, Any]:
        options = {**super().model_options(), "stochastic_depth": self.stochastic_depth}
        if self.image_size is not None:
            options["image_shape"] = (*_sides(self.image_size), 3)
        if self.patch_size is not None:
            options["patch_size"] = self.patch_size
        return options


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


@declared(encoding={"help": "Encoding of a table."})
class ImageReading(Reading):
    """Says how labelled images are read."""

    image_column: str | None = setting(
        "Column of the paths of images, in a table.", default_is="guessed", metavar="NAME"
    )
    label_column: str | None = setting(
        "Column of the labels.", default_is="guessed", metavar="NAME"
    )
    skip_bad_files: bool = setting("Count and skip images that cannot be read, not stop.", False)


@declared()
class ImageSources(ImageReading):
    """Says what a classifier of images learns from, and is validated on."""

    train: str = setting("", is_argument=True)
    validation: str | float | None = setting(
        "Images to validate on, likewise, or the share of TRAIN to hold out for it.",
        default_is="TRAIN/validation if it is there, else 0.1",
        parse=file_or_fraction,
        metavar="FILE|FRACTION",
    )


@declared()
class ImageInputs(Declared):
    """Says how images are taken that are to be classified."""

    skip_bad_files: bool | None = setting("Count and skip images that cannot be read, not stop.")
