"""Makes the model that a training of a classifier of images starts from."""

import logging

from ...models import VisionTransformer
from ..errors import UserError
from .data import LabelledImages
from .preprocessing import ImagePreprocessing
from .run import open_image_checkpoint
from .settings import ImageSettings

OWN = "regard_"  # what the types of models begin with that other programs do not know

logger = logging.getLogger("regard")


def start(
    train: LabelledImages, settings: ImageSettings
) -> tuple[VisionTransformer, ImagePreprocessing, list[str], bool]:
    """Makes a model of random weights, or takes that of a checkpoint; with its preprocessing.

    Both are for the size of images that is asked for. The class names are in the order of the
    model's logits; the last is whether its head has learned these labels before.
    """
    class_names, options = train.class_names(), settings.model_options()
    try:
        if settings.checkpoint is None:
            sizes = {"num_classes": len(class_names), **options}
            model = VisionTransformer.from_preset(settings.preset, **sizes)
            height, width, _ = model.config["image_shape"]
            return model, ImagePreprocessing.for_shape(height, width), class_names, False
        checkpoint, preprocessing = open_image_checkpoint(settings.checkpoint)
        channels = checkpoint.arguments["image_shape"][2]
        own_shape = preprocessing.height, preprocessing.width, channels
        options = {"image_shape": own_shape, **options}
        knows = set(checkpoint.class_names) == set(class_names)
        if knows:
            class_names = checkpoint.class_names  # in the order of the checkpoint's classifier
        model = VisionTransformer.from_checkpoint(checkpoint, class_names=class_names, **options)
    except ValueError as error:
        raise UserError(str(error)) from error
    if model.layout.model_type.startswith(OWN):
        logger.info("%s: a run that begins from it opens in Regard alone.", settings.checkpoint)
    height, width, _ = model.config["image_shape"]
    return model, preprocessing.resized(height, width), class_names, knows
