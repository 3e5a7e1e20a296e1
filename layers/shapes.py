"""Shapes of which a graph knows some sizes, and others not."""

from keras import ops


def reshape(tensor, sizes):
    """Reshapes a tensor, and leaves out what a graph need not compute.

    Args:
        tensor: The tensor.
        sizes: Its new sizes: integers, or scalar tensors where the graph does not know them, as in
            `ops.shape`. Where that is one alone it follows from the others.
    """
    unknown = [index for index, size in enumerate(sizes) if not isinstance(size, int)]
    if len(unknown) == 1:
        sizes = [-1 if index in unknown else size for index, size in enumerate(sizes)]
    return ops.reshape(tensor, sizes)
