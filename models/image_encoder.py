"""Makes the layers that turn images into hidden states, as ViT and its successors have them."""

from ..layers import Encoder, ImageEmbedding
from .image_families import OF_CLASS_TOKEN, image_family


def make_image_layers(config, dtype):
    """Makes the layers between the images and what the head reads.

    Args:
        config: The arguments of a `VisionTransformer`, complete, by name.
        dtype: Precision of the layers.

    Returns:
        An `ImageEmbedding` and an `Encoder`.
    """
    embedding = _make_embedding(config, dtype)
    return embedding, _make_encoder(config, embedding.num_first, dtype)


def grid_of(config):
    """Returns the rows and columns of the patches."""
    return [side // config["patch_size"] for side in config["image_shape"][:2]]


def _make_embedding(config, dtype):
    own = image_family(config["family"]).embedding
    own = {**own, **config["variation"].get("embedding", {})}
    if own.pop("normalize", False):
        own["norm_epsilon"] = config["layer_norm_epsilon"]
    return ImageEmbedding(
        config["image_shape"],
        config["hidden_dim"],
        config["patch_size"],
        class_token=config["pooling"] in OF_CLASS_TOKEN,
        stem=config["stem"],
        dropout=config["dropout"],
        **own,
        dtype=dtype,
        name="embedding",
    )


def _make_encoder(config, num_first, dtype):
    """Makes the encoder of what has that many tokens before the patches."""
    has_norm = config["pooling"] == "class" or image_family(config["family"]).norm == "outputs"
    has_distances = config["variation"].get("distances", {}).get("of_all_blocks")
    return Encoder(
        config["num_layers"],
        config["num_heads"],
        config["intermediate_dim"],
        config["dropout"],
        config["attention_dropout"],
        config["activation"],
        config["layer_norm_epsilon"],
        normalize_first=True,
        stochastic_depth=config["stochastic_depth"],
        block=_of_blocks(config, num_first),
        normalize_output=has_norm,
        grid=grid_of(config) if has_distances else None,
        dtype=dtype,
        name="encoder",
    )


def _of_blocks(config, num_first):
    """Returns the arguments of the blocks that are not those of the encoder."""
    variation = config["variation"]
    own = {**image_family(config["family"]).block, **variation.get("block", {})}
    if variation.get("distances", {}).get("of_each_block"):
        own["grid"] = grid_of(config)
    if "rotary" in variation:
        own["rotary"] = {"grid": grid_of(config), "num_first": num_first, **variation["rotary"]}
    return own
