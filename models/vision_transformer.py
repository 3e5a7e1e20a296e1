"""Classifies images with a Vision Transformer."""

import keras
from keras import ops

from ..layers import PatchPooling, TwinHead, resize_positions
from ..layers.checks import check_positive, check_rate
from ..layers.grid_position_bias import resize_distances
from .checkpoints import as_checkpoint
from .classifier_heads import count_classes, load_classifier
from .configured_model import ConfiguredModel, own_arguments
from .deit_layout import BOTH
from .image_encoder import grid_of, make_image_layers
from .image_families import IMAGE_LAYOUTS, OF_CLASS_TOKEN, image_family
from .poolers import make_pooler, pooling_config
from .presets import image_preset
from .text_families import whole_variation
from .vit_layout import LAYOUTS

OWN_POOLINGS = (*OF_CLASS_TOKEN, "average")


@keras.saving.register_keras_serializable("regard")
class VisionTransformer(ConfiguredModel):
    """Patches, encoder, head: a classifier of images, as ViT computes it, and its successors.

    An ordinary Keras model: `compile`, `fit`, `evaluate`, `predict`, `.keras` save and load. With a
    `stem` or a `pooling` away from its family's it is none of them: its checkpoints open here
    alone, and other poolings than "class" and "average" are kept by `.keras` alone.

    Args:
        image_shape: Height H, width W and channels C of the images, in pixels; both sides multiples
            of `patch_size`.
        num_classes: Number of classes.
        patch_size: Height and width of a patch, in pixels.
        hidden_dim: Width D.
        num_layers: Number of encoder blocks.
        num_heads: Number of attention heads; must divide `hidden_dim`.
        intermediate_dim: Width F inside the feed-forward layers.
        dropout: Probability in [0, 1) of dropping, in training, a unit of the embedding or of a
            sub-layer's output. Defaults to 0.
        attention_dropout: Likewise of dropping an attention weight. Defaults to 0.
        stochastic_depth: Likewise of leaving out a sub-layer of the last block, drawn for each
            example. It falls linearly towards the first block. Defaults to 0.
        activation: Activation of the feed-forward layers. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        stem: "patches", or "convolutions" for a `ConvolutionalStem`. Defaults to "patches".
        pooling: "class" for the output of a class token; or, without such a token, "average" for
            the mean of the patches, "kernel", "learned_kernel" or "attention" for `KernelPooling`
            without and with a learned width or `AttentionPooling`, or a layer of that kind. With a
            class token also "patches" for the mean of the patches, "class_and_patches" for both
            side by side, and "class_and_distillation" for DeiT's two heads. Defaults to "class".
        family: The family that it belongs to, a `model_type` of Hugging Face: "vit", "deit",
            "dinov2", "dinov2_with_registers", "clip", "siglip", "beit" or "dinov3_vit". Defaults to
            "vit".
        variation: What its layers have beside the sizes, by the names of their arguments: a dict
            with "embedding" for `ImageEmbedding` and "block" for `EncoderBlock`, each a dict. For
            BEiT "distances" has `of_each_block` and `of_all_blocks`, for DINOv3 "rotary" `theta`.
            Defaults to what most models of the family have.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        images: (B, H, W, C), normalized as the model was trained.

    Returns:
        Logits of shape (B, number of classes), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = VisionTransformer.from_preset("vit_tiny_16", num_classes=5)
        >>> keras.ops.shape(model(keras.ops.ones((2, 224, 224, 3))))
        (2, 5)

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929
    """

    def __init__(
        self,
        image_shape,
        num_classes,
        patch_size,
        hidden_dim,
        num_layers,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth=0.0,
        activation="gelu",
        layer_norm_epsilon=1e-12,  # as in transformers
        stem="patches",
        pooling="class",
        family="vit",
        variation=None,
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        config = _checked(config)
        embedding, encoder = make_image_layers(config, dtype)
        make_head = TwinHead if config["pooling"] == BOTH else keras.layers.Dense
        head = make_head(num_classes, dtype="float32", name="head")
        images = keras.Input(config["image_shape"], name="images")
        x = embedding(images)  # (B, 1 + P, D), or (B, P, D) without a class token
        x = _pooled(config, x, embedding, encoder, dtype)  # (B, D), or (B, 2 D)
        super().__init__(images, head(x), config, embedding, encoder, **kwargs)
        self.head = head

    @property
    def layout(self):
        """Returns the layout of its checkpoints."""
        stem, pooling = self.config["stem"], self.config["pooling"]
        if self.config["family"] != "vit":
            return image_family(self.config["family"]).layout
        # Of others than these two there is none; the nearest one refuses to write them.
        return LAYOUTS[stem, pooling if pooling in ("class", "average") else "average"]

    @property
    def architecture(self):
        """Returns the name of its class in Hugging Face's `transformers`."""
        known = self.layout.architectures
        names = [name for name in known if "classifier" in known[name]]
        return names[-1 if self.config["pooling"] == BOTH else 0]

    @property
    def checkpoint_groups(self):
        """Returns the groups of tensors that its checkpoints hold."""
        has_pooler = self.config["pooling"] != "class"
        return tuple(group for group in self.layout.groups if group != "pooler" or has_pooler)

    @classmethod
    def from_preset(cls, preset, *args, **kwargs):
        """Makes a classifier of a named size, with random weights.

        Args:
            preset: A key of `regard.models.IMAGE_PRESETS`, such as "vit_base_16".
            *args: Further arguments of the constructor.
            **kwargs: Likewise by name; they go before the preset's.

        Raises:
            ValueError: If there is no such preset; the message names the nearest.
        """
        return cls(*args, **{**image_preset(preset), **kwargs})

    @classmethod
    def from_checkpoint(
        cls, checkpoint, num_classes=None, image_shape=None, class_names=None, **kwargs
    ):
        """Makes a classifier from a Hugging Face checkpoint of a ViT, or of another family.

        The classifier's rows of other classes than the checkpoint knows start from random weights,
        and the log says so.

        Args:
            checkpoint: A directory, `hf://ORG/NAME[@REVISION]`, or a `Checkpoint`.
            num_classes: Number of classes. Defaults to that of the checkpoint's classifier; where
                it has another number, all rows are new.
            image_shape: Height, width and channels of the images. Defaults to the checkpoint's;
                positions are interpolated for another.
            class_names: Names of the classes, in the order of the logits. Rows of the checkpoint's
                classifier go to the classes of the same names. Defaults to the checkpoint's.
            **kwargs: `dropout`, `attention_dropout`, `stochastic_depth`, `name` and `dtype`; the
                sizes are the checkpoint's.

        Returns:
            A `VisionTransformer`.

        Raises:
            CheckpointError: If it is not a whole checkpoint of one of the families, or if it has no
                classifier and neither number nor names of classes are given.
        """
        checkpoint = as_checkpoint(checkpoint, *IMAGE_LAYOUTS)
        num_classes = count_classes(checkpoint, num_classes, class_names)
        model = cls(num_classes=num_classes, **{**checkpoint.arguments, **kwargs})
        load_classifier(model, checkpoint, class_names)
        if image_shape is None or tuple(image_shape) == model.config["image_shape"]:
            return model
        return model.resized(image_shape)

    def resized(self, image_shape):
        """Makes the same classifier for images of another size, with interpolated positions.

        Args:
            image_shape: Height, width and channels; the channels must stay.

        Raises:
            ValueError: If the sides are not multiples of a patch, the channels differ, or the
                family wants images as wide as high.
        """
        if image_shape[2] != self.config["image_shape"][2]:
            raise ValueError(
                f"The channels of `image_shape` must stay {self.config['image_shape'][2]}. "
                f"Received: image_shape={image_shape}"
            )
        other = type(self).from_config({**self.get_config(), "image_shape": tuple(image_shape)})
        grids = [grid_of(model.config) for model in (self, other)]
        values = {variable.path: variable for variable in self.weights}
        antialias = image_family(self.config["family"]).antialias
        for variable in other.weights:
            value = values[variable.path]
            if variable.path == "embedding/position_embedding/embeddings":
                value = resize_positions(ops.convert_to_numpy(value), *grids, antialias)
            elif variable.path.endswith("position_bias/embeddings"):
                value = resize_distances(ops.convert_to_numpy(value), *grids)
            variable.assign(value)
        return other

    def get_config(self):
        return {**super().get_config(), "image_shape": list(self.config["image_shape"])}


def _checked(config):
    """Checks the arguments that no layer checks, and returns all of them."""
    check_positive(num_classes=config["num_classes"])
    check_rate(dropout=config["dropout"], attention_dropout=config["attention_dropout"])
    family, shape = image_family(config["family"]), tuple(config["image_shape"])
    if family.is_square and shape[0] != shape[1]:
        raise ValueError(
            f"Images for {family.layout.title} must be as wide as high. Received: "
            f"image_shape={shape}"
        )
    return {
        **config,
        "image_shape": shape,
        "pooling": pooling_config(config["pooling"], own=OWN_POOLINGS),
        "variation": whole_variation(family, config["variation"]),
    }


def _pooled(config, x, embedding, encoder, dtype):
    """Returns what the head reads of each image: (B, D), or (B, 2 D) of two tokens."""
    pooling, norm = config["pooling"], image_family(config["family"]).norm
    if pooling == "class":
        return encoder(x, first_only=True)[:, 0]
    if norm == "unused":
        encoder.final_norm.trainable = False
    x = encoder(x)  # (B, T, D)
    if pooling == "average":
        return ops.mean(x, axis=1)
    if pooling == BOTH:
        return ops.reshape(x[:, :2], (-1, 2 * config["hidden_dim"]))
    if pooling not in OF_CLASS_TOKEN:
        return make_pooler(pooling, dtype)(x)
    with_first = pooling == "class_and_patches"
    pooler = PatchPooling(embedding.num_first, with_first, dtype=dtype, name="pooler")
    return encoder.final_norm(pooler(x)) if norm == "pooled" else pooler(x)
