import numpy as np
import tensorflow as tf
from keras import ops

from regard.layers.shapes import reshape


def operations(shape):
    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def split(x):
        rows, columns, _ = ops.shape(x)
        return reshape(x, (rows, columns, 2, 3))

    for size in (0, 4):
        x = np.arange(size * 5 * 6, dtype="float32").reshape(size, 5, 6)
        np.testing.assert_array_equal(split(x), x.reshape(size, 5, 2, 3))
    graph = split.get_concrete_function().graph
    used = [output.op for output in graph.outputs]
    for operation in used:
        used.extend(each.op for each in operation.inputs if each.op not in used)
    return {operation.type for operation in used}


def test_one_unknown_size_is_not_computed():
    assert "Shape" not in operations([None, 5, 6])


def test_more_are():
    assert "Shape" in operations([None, None, 6])
