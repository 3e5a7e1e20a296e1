"""Names the sizes of models."""

from difflib import get_close_matches

# Turc et al., 2019, "Well-Read Students Learn Better", table 1, https://arxiv.org/abs/1908.08962;
# Devlin et al., 2018, "BERT", section 3, https://arxiv.org/abs/1810.04805 (base and large).
# "scratch" is ours: small enough to learn from a few thousand sentences without pre-training.
TEXT_PRESETS = {
    "scratch": {"num_layers": 2, "hidden_dim": 128, "num_heads": 4, "intermediate_dim": 512},
    "tiny": {"num_layers": 2, "hidden_dim": 128, "num_heads": 2, "intermediate_dim": 512},
    "mini": {"num_layers": 4, "hidden_dim": 256, "num_heads": 4, "intermediate_dim": 1024},
    "small": {"num_layers": 4, "hidden_dim": 512, "num_heads": 8, "intermediate_dim": 2048},
    "medium": {"num_layers": 8, "hidden_dim": 512, "num_heads": 8, "intermediate_dim": 2048},
    "base": {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "intermediate_dim": 3072},
    "large": {"num_layers": 24, "hidden_dim": 1024, "num_heads": 16, "intermediate_dim": 4096},
}


# Vaswani et al., 2017, "Attention Is All You Need", table 3, https://arxiv.org/abs/1706.03762
# (base and big). "transformer_small" is ours, for some 10,000s of pairs of sentences: shallow,
# because with more blocks it takes far longer to find out where to look in a source.
TRANSLATION_PRESETS = {
    "transformer_small": {
        "num_layers": 2,
        "hidden_dim": 192,
        "num_heads": 6,
        "intermediate_dim": 768,
        "dropout": 0.3,
    },
    "transformer_base": {
        "num_layers": 6,
        "hidden_dim": 512,
        "num_heads": 8,
        "intermediate_dim": 2048,
        "dropout": 0.1,
    },
    "transformer_big": {
        "num_layers": 6,
        "hidden_dim": 1024,
        "num_heads": 16,
        "intermediate_dim": 4096,
        "dropout": 0.3,
    },
    # Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, in the size of "transformer_small".
    "rnnsearch_small": {"hidden_dim": 192, "units": 256, "dropout": 0.3},
}

# Dosovitskiy et al., 2021, "An Image is Worth 16x16 Words", table 1,
# https://arxiv.org/abs/2010.11929 (base, large, huge); Touvron et al., 2021, "Training
# data-efficient image transformers", table 1, https://arxiv.org/abs/2012.12877 (tiny, small). What
# stands last is the size of a patch. "vit_mini" and "vit_compact" are ours: for images of 32 to 64
# pixels, from scratch.
_VIT_TINY = {"hidden_dim": 192, "num_layers": 12, "num_heads": 3, "intermediate_dim": 768}
_VIT_SMALL = {"hidden_dim": 384, "num_layers": 12, "num_heads": 6, "intermediate_dim": 1536}
_VIT_BASE = {"hidden_dim": 768, "num_layers": 12, "num_heads": 12, "intermediate_dim": 3072}
_VIT_LARGE = {"hidden_dim": 1024, "num_layers": 24, "num_heads": 16, "intermediate_dim": 4096}
_VIT_HUGE = {"hidden_dim": 1280, "num_layers": 32, "num_heads": 16, "intermediate_dim": 5120}
_PUBLISHED = {"image_shape": (224, 224, 3)}
_VIT_COMPACT = {
    "image_shape": (32, 32, 3),
    "patch_size": 4,
    "hidden_dim": 192,
    "num_layers": 6,
    "num_heads": 6,
    "intermediate_dim": 384,
}
_VIT_MINI = {
    "image_shape": (64, 64, 3),
    "patch_size": 8,
    "hidden_dim": 128,
    "num_layers": 4,
    "num_heads": 4,
    "intermediate_dim": 256,
}
_CONVOLUTIONAL = {"stem": "convolutions", "pooling": "average"}
IMAGE_PRESETS = {
    "vit_mini_conv": {**_VIT_MINI, **_CONVOLUTIONAL},
    "vit_compact": _VIT_COMPACT,
    "vit_compact_conv": {**_VIT_COMPACT, **_CONVOLUTIONAL},
    "vit_tiny_16": {**_PUBLISHED, "patch_size": 16, **_VIT_TINY},
    "vit_small_16": {**_PUBLISHED, "patch_size": 16, **_VIT_SMALL},
    "vit_base_16": {**_PUBLISHED, "patch_size": 16, **_VIT_BASE},
    "vit_base_32": {**_PUBLISHED, "patch_size": 32, **_VIT_BASE},
    "vit_large_16": {**_PUBLISHED, "patch_size": 16, **_VIT_LARGE},
    "vit_large_32": {**_PUBLISHED, "patch_size": 32, **_VIT_LARGE},
    "vit_huge_14": {**_PUBLISHED, "patch_size": 14, **_VIT_HUGE},
}


def image_preset(name):
    """Returns the sizes of a classifier of images.

    Args:
        name: A key of `IMAGE_PRESETS`.

    Returns:
        A new dict of constructor arguments of `VisionTransformer`.

    Raises:
        ValueError: If there is no such preset; the message names the nearest.
    """
    return _preset(IMAGE_PRESETS, name)


def text_preset(name):
    """Returns the sizes of a text encoder.

    Args:
        name: A key of `TEXT_PRESETS`.

    Returns:
        A new dict of constructor arguments of `TextClassifier`.

    Raises:
        ValueError: If there is no such preset; the message names the nearest.
    """
    return _preset(TEXT_PRESETS, name)


def translation_preset(name):
    """Returns the sizes of a translator, and its dropout.

    Args:
        name: A key of `TRANSLATION_PRESETS`.

    Returns:
        A new dict of constructor arguments of `Translator`.

    Raises:
        ValueError: If there is no such preset; the message names the nearest.
    """
    return _preset(TRANSLATION_PRESETS, name)


def _preset(presets, name):
    if name not in presets:
        nearest = get_close_matches(str(name).lower(), presets, n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"There is no preset {name!r}.{hint} The presets are: {', '.join(presets)}"
        )
    return dict(presets[name])
