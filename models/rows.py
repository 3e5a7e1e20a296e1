"""Pairs the modules of a checkpoint with the layers that hold their weights here, row by row.

A layout is a table of such rows. Each function below makes the rows of one kind of module, and
`blocks` repeats rows over the blocks of a stack. The shape of a weight is written in letters, one
an axis, as it is in the checkpoint: "FD" for a kernel of F outputs and D inputs. D is the width of
the model, F that of its feed-forward layers and C the number of classes; `Layout.dimensions` says
what other letters stand for.
"""

from typing import NamedTuple


class Weight(NamedTuple):
    """One weight of a row.

    Attributes:
        theirs: What follows the module's name in the checkpoint, such as ".weight".
        ours: What follows the layer's path here, such as "/kernel".
        letters: Its shape in the checkpoint.
        is_kernel: Whether it has its axes in another order here: in Keras sizes, in, out; in the
            checkpoint out, in, sizes.
    """

    theirs: str
    ours: str
    letters: str
    is_kernel: bool = False


class Row(NamedTuple):
    """A module of a checkpoint, and the layer that holds its weights here.

    Attributes:
        module: The module's name in the checkpoint.
        layer: The layer's path here.
        weights: The weights of both.
        part: Which part of the layer's last axis they are, or None for the whole layer.
        num_parts: Number of equal parts that the axis falls into. Defaults to 3.
        is_row: Whether the checkpoint's tensor has a first axis of 1 that ours has not.
        num_blocks: What says how often the row is repeated: the names of numbers, each a
            constructor argument or one of `Layout.dimensions`; their product counts. A star in the
            module's name stands for an index of each, in their order, one in the layer's for the
            index of all. A number of 0 or 1 says whether there is such a row: see `where`.
        first: The first of the indices that stand for a star.
    """

    module: str
    layer: str
    weights: tuple[Weight, ...]
    part: int | None = None
    num_parts: int = 3
    is_row: bool = False
    num_blocks: tuple[str, ...] = ()
    first: int = 0


def dense(module: str, layer: str, letters: str) -> Row:
    """Returns the row of a dense layer with a kernel (out, in) and a bias (out,)."""
    kernel = Weight(".weight", "/kernel", letters, is_kernel=True)
    return Row(module, layer, (kernel, _bias(letters[0])))


def kernel(module: str, layer: str, letters: str) -> Row:
    """Returns the row of a dense layer, or a convolution, of which only the kernel counts."""
    return Row(module, layer, (Weight(".weight", "/kernel", letters, is_kernel=True),))


def fused(modules: str, names: tuple[str, ...], layer: str, letters: str, make=dense) -> list[Row]:
    """Returns the rows of layers that are one here, side by side in its last axis.

    Args:
        modules: What the names of the layers begin with in the checkpoint.
        names: What they end with, in the order of the parts.
        layer: The path of the one layer here.
        letters: The shape of each kernel, or bias, in the checkpoint.
        make: Makes the row of one: `dense`, `kernel` or `bias`. Defaults to `dense`.
    """
    rows = [make(f"{modules}{name}", layer, letters) for name in names]
    return [row._replace(part=part, num_parts=len(names)) for part, row in enumerate(rows)]


def convolution(module: str, layer: str, letters: str) -> Row:
    """Returns the row of a convolution with a kernel (out, in, height, width) and a bias (out,)."""
    return dense(module, layer, letters)  # the same weights, only of more axes


def norm(module: str, layer: str, letters: str = "D") -> Row:
    """Returns the row of a normalization, with a scale and an offset."""
    weights = Weight(".weight", "/gamma", letters), Weight(".bias", "/beta", letters)
    return Row(module, layer, weights)


def scale(module: str, layer: str, letters: str = "D") -> Row:
    """Returns the row of a normalization without an offset."""
    return Row(module, layer, (Weight(".weight", "/gamma", letters),))


def embedding(module: str, layer: str, letters: str) -> Row:
    """Returns the row of a table of vectors."""
    return Row(module, layer, (Weight(".weight", "/embeddings", letters),))


def bias(module: str, layer: str, letters: str) -> Row:
    """Returns the row of a module of which only the bias is its own."""
    return Row(module, layer, (_bias(letters),))


def bare(tensor: str, variable: str, letters: str, is_row: bool = False) -> Row:
    """Returns the row of a tensor that is no part of a module.

    Args:
        tensor: Its full name in the checkpoint.
        variable: The path of the variable here.
        letters: Its shape in the checkpoint.
        is_row: Whether it has a first axis of 1 there that ours has not.
    """
    return Row(tensor, variable, (Weight("", "", letters),), is_row=is_row)


def blocks(
    modules: str, layers: str, num_blocks: str | tuple[str, ...], rows: list[Row]
) -> list[Row]:
    """Returns the rows of all blocks of a stack, given those of one.

    Args:
        modules: What the names of a block begin with in the checkpoint, a star for its index.
        layers: What the paths of a block begin with here, likewise.
        num_blocks: The name of the number of blocks; or of several numbers, for a star each.
        rows: The rows of one block.
    """
    num_blocks = (num_blocks,) if isinstance(num_blocks, str) else num_blocks
    return [
        row._replace(
            module=f"{modules}{row.module}",
            layer=f"{layers}{row.layer}",
            num_blocks=(*num_blocks, *row.num_blocks),
        )
        for row in rows
    ]


def where(condition: str, *rows: Row) -> list[Row]:
    """Returns rows that are there where one of `Layout.dimensions` is 1, and not where it is 0."""
    return [row._replace(num_blocks=(*row.num_blocks, condition)) for row in rows]


def _bias(letters: str) -> Weight:
    return Weight(".bias", "/bias", letters)
