"""Finds the layers that a symbolic tensor comes from, so that a copied model can tie what was."""

import keras


def layers_before(tensor):
    """Lists the layers in whose calls a symbolic tensor was computed, and the layers inside them.

    Args:
        tensor: A `keras.KerasTensor`.

    Returns:
        Pairs of a layer and its path from the outermost layer that it is in, without the names of
        models: the same in a model and in its copies.
    """
    operations, tensors, seen = [], [tensor], set()
    while tensors:
        history = getattr(tensors.pop(), "_keras_history", None)
        if history is None or history.operation is None or history[:2] in seen:
            continue
        seen.add(history[:2])
        operations.append(history.operation)
        tensors += history.operation._inbound_nodes[history.node_index].input_tensors
    return [pair for operation in operations for pair in _layers_inside(operation)]


def _layers_inside(operation):
    if isinstance(operation, keras.Model):
        return [pair for layer in operation.layers for pair in _layers_inside(layer)]
    if not isinstance(operation, keras.layers.Layer):
        return []
    scope = (operation.path or "").removesuffix(operation.name)  # where it was built
    parts = operation._flatten_layers()
    return [(part, part.path.removeprefix(scope)) for part in parts if part.path]
