"""Makes the pooler of a classifier, from its name or from a layer."""

import keras

from ..layers import AttentionPooling, AveragePooling, KernelPooling

POOLERS = {
    "average": AveragePooling,
    "kernel": KernelPooling,
    "learned_kernel": lambda **kwargs: KernelPooling(learn_width=True, **kwargs),
    "attention": AttentionPooling,
}


def pooling_config(pooling, own):
    """Returns a pooling as a model's config keeps it: its name, or the config of a layer.

    Args:
        pooling: A name, a layer, or the config of a layer as `keras.saving` writes it.
        own: The names that the model knows beside `POOLERS`.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(pooling, keras.layers.Layer):
        return keras.saving.serialize_keras_object(pooling)
    names = dict.fromkeys((*own, *POOLERS))
    if isinstance(pooling, dict) or pooling in names:
        return pooling
    raise ValueError(
        f"`pooling` must be one of {', '.join(names)}, or a layer that pools, such as "
        f"`regard.layers.KernelPooling('boxcar')`. Received: pooling={pooling!r}"
    )


def make_pooler(pooling, dtype):
    """Makes a layer of its own for a model: of that name in `POOLERS`, or alike to that layer.

    Args:
        pooling: As `pooling_config` returns it.
        dtype: Precision of the layer.
    """
    if isinstance(pooling, str):
        return POOLERS[pooling](dtype=dtype, name="pooler")
    layer = keras.saving.deserialize_keras_object(pooling)
    return type(layer).from_config({**layer.get_config(), "dtype": dtype, "name": "pooler"})
