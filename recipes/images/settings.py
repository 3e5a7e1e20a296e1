"""What decides the training of a classifier of images."""

from dataclasses import dataclass
from typing import Any

from ...models.presets import image_preset
from ..errors import UserError
from ..settings import Settings

STRENGTHS = ("none", "light", "medium", "strong")  # of augmentation

# What a training is where nothing else decides: from random weights, which takes many epochs and
# all the variety that can be made; and from a checkpoint, which has seen a million images.
FROM_SCRATCH = {
    "preset": "vit_compact",
    "epochs": 30,
    "learning_rate": 1e-3,
    "batch_size": 128,
    "augmentation": "medium",
    "stochastic_depth": 0.1,
    "layer_decay": 1.0,
    "weight_decay": 0.05,
}
FROM_CHECKPOINT = {
    "epochs": 5,
    "learning_rate": 1e-4,
    "batch_size": 32,
    "augmentation": "light",
    "stochastic_depth": 0.0,
    "layer_decay": 0.75,
    "weight_decay": 0.05,
}


@dataclass(frozen=True)
class ImageSettings(Settings):
    """The settings of a training of a classifier of images.

    Attributes:
        preset: A key of `regard.models.IMAGE_PRESETS`. Defaults to "vit_compact".
        image_size: Side of the square that a model reads, in pixels, or height and width. Defaults
            to the preset's, or the checkpoint's, whose positions are interpolated for another.
        patch_size: Side of a patch, in pixels. Defaults to the preset's.
        epochs: Largest number of passes over the training data. Defaults to 30 from scratch, 5 from
            a checkpoint.
        learning_rate: Highest learning rate, which falls as a cosine. Defaults to 1e-3 from
            scratch, 1e-4 from a checkpoint.
        batch_size: Images in a batch. Defaults to 128 from scratch, 32 from a checkpoint.
        augmentation: What is done to images in training, "none" or in rising strength "light",
            "medium" or "strong"; see `regard.recipes.augmentation`. Defaults to "medium" from
            scratch, "light" from a checkpoint.
        label_smoothing: Shard of a target, in [0, 1), that is spread over all classes. Defaults to
            0.1.
        stochastic_depth: Probability in [0, 1) of leaving out a sub-layer of an example in the last
            block, less before. Defaults to 0.1 from scratch, 0 from a checkpoint.
        layer_decay: Learning rate of a layer as a multiple of that of the layer above, in (0, 1].
            Defaults to 1 from scratch, 0.75 from a checkpoint.
        weight_decay: Shard of a weight that a step takes away, times the learning rate. Defaults to
            0.05.

    The rest is that of `Settings`.
    """

    image_size: int | tuple[int, int] | None = None
    patch_size: int | None = None
    batch_size: int | None = None
    augmentation: str | None = None
    label_smoothing: float = 0.1
    stochastic_depth: float | None = None
    layer_decay: float | None = None
    weight_decay: float | None = None

    def _check(self) -> None:
        super()._check()
        self._must("image_size", lambda size: min(_sides(size)) >= 1, "at least 1")
        for name in ("patch_size", "batch_size"):
            self._must(name, lambda value: value >= 1, "at least 1")
        self._must("augmentation", STRENGTHS.__contains__, f"one of {', '.join(STRENGTHS)}")
        for name in ("label_smoothing", "stochastic_depth"):
            self._must(name, lambda share: 0 <= share < 1, "in [0, 1)")
        self._must("layer_decay", lambda decay: 0 < decay <= 1, "in (0, 1]")
        self._must("weight_decay", lambda share: 0 <= share < 1, "in [0, 1)")
        if self.checkpoint is not None and self.patch_size is not None:
            raise UserError("A checkpoint has its own patches: leave out patch_size.")

    def completed(self) -> "ImageSettings":
        """The same with what is not given filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            return self.with_defaults(**FROM_CHECKPOINT)
        settings = self.with_defaults(**FROM_SCRATCH)
        try:
            image_preset(settings.preset)
        except ValueError as error:
            raise UserError(str(error)) from error
        return settings

    def image_shape(self) -> dict[str, Any]:
        """The shape of the images as a model's constructor takes it, if it is given."""
        return {} if self.image_size is None else {"image_shape": (*_sides(self.image_size), 3)}

    def model_options(self) -> dict[str, Any]:
        options = super().model_options()
        if self.patch_size is not None:
            options["patch_size"] = self.patch_size
        return {**options, "stochastic_depth": self.stochastic_depth}


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
