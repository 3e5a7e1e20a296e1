"""Reshapes tensors of which a graph knows some sizes and not others."""

from keras import ops


def reshape(tensor, sizes):
    """Reshapes a tensor, without operations for a size that follows from the others.

    Args:
        tensor: The tensor.
        sizes: Its new sizes: integers, or scalar tensors where the graph does not know them, as in
            `ops.shape`. If there is only one scalar tensor, it is not used.
    """
    unknown = [index for index, size in enumerate(sizes) if not isinstance(size, int)]
    if len(unknown) == 1:
        sizes = [-1 if index in unknown else size for index, size in enumerate(sizes)]
    return ops.reshape(tensor, sizes)
