"""Turns a trained model into the float32 model that is kept."""

import keras


def merged_float32(model: keras.Model) -> keras.Model:
    """Returns the same model in float32, all trainable, LoRA's matrices merged into the kernels."""
    config = {**model.get_config(), "dtype": "float32", "trainable": True}
    merged = type(model).from_config(config)
    values = {variable.path: variable for variable in model.weights}
    for block in model.encoder.blocks:
        # Keras gives a layer's kernel with LoRA's product added.
        values |= {f"{dense.path}/kernel": dense.kernel for dense in block.dense_layers}
    for variable in merged.weights:
        variable.assign(values[variable.path])
    return merged
