"""Declares what decides the training of a classifier of images, and what its data is."""

from dataclasses import replace
from math import inf, log2
from pathlib import Path
from typing import Any, Self

from ...models.presets import IMAGE_PRESETS, image_preset
from ..data.label_reading import LabelReading
from ..declarations import Declared, declared, setting
from ..errors import UserError
from ..settings import (
    SHARE,
    ClassifierSettings,
    Settings,
    TableLayout,
    file_or_fraction,
    find_preset,
    preset_name,
)

STRENGTHS = ("none", "light", "medium", "strong")  # of augmentation

# What a training is where the user does not decide: from random weights, of few images and of
# plenty; and from a checkpoint, which has seen a million images.
# fmt: off
FROM_SCRATCH = {
    "learning_rate": 1e-3, "stochastic_depth": 0.1, "layer_decay": 1.0,
}
# By the number of images below which it holds. A few are remembered unless they are mixed; of
# some thousands each is seen often enough as it is.
BY_NUMBER = {
    500: {"preset": "vit_mini_conv", "augmentation": "strong"},
    10_000: {"preset": "vit_mini_conv", "augmentation": "light"},
    inf: {"preset": "vit_compact_conv", "augmentation": "medium"},
}
FROM_CHECKPOINT = {
    "learning_rate": 1e-4, "augmentation": "light", "stochastic_depth": 0.0, "layer_decay": 0.75,
}
# Neither the images nor what is below the head changes where the head alone learns.
FROZEN = {
    "augmentation": "none", "mirror": False, "stochastic_depth": 0.0, "layer_decay": 1.0,
}
# fmt: on
RATE_OF_HEAD = 3e-3  # of learning, where it learns alone
SMOOTHING = 0.1  # of labels
LARGEST_BATCH, LARGEST_BATCH_FROM_CHECKPOINT = 128, 32
SIZES = (32, 48, 64)  # pixels, from scratch: the largest that images have; more learn slower
OF_ANY_SIZE = ("vit_mini_conv", "vit_compact", "vit_compact_conv")  # presets
FEWEST_STEPS = 200
EPOCHS_OF_HEAD, FEWEST_STEPS_OF_HEAD = 30, 600  # of features, each of milliseconds
FEW = 10_000  # images, with which the advice is to begin from a pretrained model


def _either(name: str) -> str:
    return f"{FROM_SCRATCH[name]} from scratch, {FROM_CHECKPOINT[name]} from a checkpoint"


def image_size(text: str) -> int | tuple[int, int]:
    """Makes a side, or height and width, of what is typed: 224, or 192x256."""
    parts = text.split("x")
    if not (1 <= len(parts) <= 2 and all(part.isdecimal() and int(part) for part in parts)):
        raise ValueError(f"must be a number of pixels, or two as in 192x256. Received: {text}")
    return int(parts[0]) if len(parts) == 1 else tuple(map(int, parts))


@declared(
    checkpoint={
        "help": "Start from a pretrained ViT, DeiT, DINOv2, DINOv3, CLIP, SigLIP or BEiT in "
        "Hugging Face's layout, or from a run."
    },
    preset={
        "help": f"Size from scratch: {', '.join(IMAGE_PRESETS)}.",
        "default_is": "vit_mini_conv, from 10,000 images on vit_compact_conv",
        "parse": preset_name(image_preset),
        "metavar": "NAME",
    },
    epochs="many for few images: 200 for 100, 89 for 1000, 25 for 40,000 from scratch; 5 from a "
    f"checkpoint, or what makes {FEWEST_STEPS} steps",
    learning_rate={
        "help": "Highest learning rate, which falls as a cosine.",
        "default_is": f"{_either('learning_rate')}, {RATE_OF_HEAD} of a head alone",
    },
    patience={"help": "Epochs without a better macro-F1 after which training stops."},
)
class ImageSettings(Settings, ClassifierSettings):
    """Decides a training of a classifier of images."""

    image_size: tuple[int, int] | int | None = setting(
        "Side of the square that is read, in pixels, or height x width; a checkpoint's positions "
        "are interpolated for another size than its own.",
        default_is="the checkpoint's; from scratch that of half of the images or more, up to "
        f"{SIZES[-1]}, but a published preset's",
        parse=image_size,
        metavar="PIXELS",
    )
    patch_size: int | None = setting(
        "Side of a patch, in pixels, from scratch.",
        default_is="an eighth of the image's, but a published preset's",
        at_least=1,
    )
    batch_size: int | None = setting(
        "Images in a batch.",
        default_is=f"about the square root of their number, 8 to {LARGEST_BATCH}, from a "
        f"checkpoint to {LARGEST_BATCH_FROM_CHECKPOINT}",
        at_least=1,
    )
    augmentation: str | None = setting(
        "What is done to images in training, in rising strength.",
        default_is="light; from scratch strong below 500 images, medium from 10,000 on",
        choices=STRENGTHS,
    )
    mirror: bool | None = setting(
        "Mirror images left and right in training, where they are changed at all.",
        default_is="where a linear model of pixels knows mirrored images as well as others",
    )
    label_smoothing: float | None = setting(
        "Share of a target that is spread over all classes.",
        default_is=f"{SMOOTHING}, but 0 where an image has several labels or a number",
        **SHARE,
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
    freeze: str | None = setting(
        "With `all`, keep the checkpoint below its head as it is: the features of the images are "
        "computed once, and the head alone learns.",
        default_is="all learns",
        choices=("all",),
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
        if self.freeze is not None:
            self._check_frozen()

    def _check_frozen(self) -> None:
        """Refuses what would have no effect where the head alone learns."""
        if self.checkpoint is None:
            raise UserError(
                "Without a checkpoint there is nothing to keep as it is: name one. "
                f"Received: freeze={self.freeze}"
            )
        given = {name: getattr(self, name) for name in (*FROZEN, "dropout")}
        idle = [name for name, each in given.items() if each not in (None, FROZEN.get(name))]
        if idle:
            received = ", ".join(f"{name}={given[name]}" for name in idle)
            raise UserError(
                "Features are computed once, of images as they are, and the head alone learns: "
                f"leave out {' and '.join(idle)}, or freeze. Received: freeze={self.freeze}, "
                f"{received}"
            )

    def completed(self) -> Self:
        """Returns the same with what no data decides filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            alone = {"learning_rate": RATE_OF_HEAD, **FROZEN}
            return self.with_defaults(**(alone if self.freeze else FROM_CHECKPOINT))
        if self.preset is not None:
            find_preset(image_preset, self.preset)
        return self.with_defaults(**FROM_SCRATCH)

    def for_images(self, number: int, side: int, mirrors: bool) -> Self:
        """Returns the same with what the images decide filled in.

        Args:
            number: Number of images to learn from.
            side: Median of their shorter sides, in pixels.
            mirrors: Whether an image and its mirror image show the same class.
        """
        is_new = self.checkpoint is None
        largest = LARGEST_BATCH if is_new else LARGEST_BATCH_FROM_CHECKPOINT
        batch_size = min(largest, max(8, 2 ** int(log2(number) / 2)))
        settings = self.with_defaults(mirror=mirrors, batch_size=batch_size)
        settings = replace(settings, batch_size=min(settings.batch_size, number))
        steps = number // settings.batch_size
        if settings.freeze:
            return settings.with_epochs(EPOCHS_OF_HEAD, steps, FEWEST_STEPS_OF_HEAD)
        if not is_new:
            return settings.with_epochs(5, steps, FEWEST_STEPS)
        # Images seen in all rise with the number, but slower: 100,000 of 1,300, a million of
        # 40,000.
        settings = settings.with_epochs(max(1, round(1000 * number**-0.35)), steps, FEWEST_STEPS)
        suited = next(each for most, each in BY_NUMBER.items() if number < most)
        return settings.with_defaults(**suited)._for_side(side)

    def _for_side(self, side: int) -> Self:
        """Returns the same, from scratch, with the size of images and of patches."""
        if self.preset not in OF_ANY_SIZE:
            return self
        size = max([SIZES[0], *(each for each in SIZES if each <= side)])
        settings = self.with_defaults(image_size=size)
        sides = _sides(settings.image_size)
        fitting = [p for p in range(4, min(sides) + 1, 2) if not any(s % p for s in sides)]
        patch_size = min(fitting or [4], key=lambda each: abs(each - min(sides) / 8))
        return settings.with_defaults(patch_size=patch_size)

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
class ImageQuestions(TableLayout):
    """Says how a table of images is read that are to be classified."""

    image_column: str | None = setting(
        "Column of the paths of images, in a table.", default_is="guessed", metavar="NAME"
    )
    image_folder: str | None = setting(
        "Folder that the paths in a table begin from; suffixes may be missing there.",
        default_is="the table's own",
        metavar="DIR",
    )
    skip_bad_files: bool = setting("Count and skip images that cannot be read, not stop.", False)

    def __post_init__(self):
        if isinstance(self.image_folder, Path):
            object.__setattr__(self, "image_folder", str(self.image_folder))
        super().__post_init__()


@declared()
class ImageReading(LabelReading, ImageQuestions):
    """Says how labelled images are read."""


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

    skip_bad_files: bool = setting("Count and skip images that cannot be read, not stop.", False)
