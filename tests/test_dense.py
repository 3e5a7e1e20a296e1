import keras
import numpy as np
import tensorflow as tf

from layer_checks import check_behaviour, floats
from regard.layers.dense import Dense

B, T, D, F = 2, 3, 5, 7


def test_is_the_dense_layer_of_keras():
    x = floats(B, T, D)
    ours, theirs = Dense(F, activation="tanh"), keras.layers.Dense(F, activation="tanh")
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([floats(D, F), floats(F, seed=1)])
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)
    np.testing.assert_allclose(ours(x[0]), theirs(x[0]), atol=1e-6)


def test_product_and_bias_are_neighbours_in_the_graph():
    """Else the graph optimizer cannot make one operation of the two."""
    layer = Dense(F)
    call = tf.function(layer, input_signature=[tf.TensorSpec((None, None, D))])
    operations = call.get_concrete_function().graph.get_operations()
    (bias,) = (operation for operation in operations if operation.type == "BiasAdd")
    assert bias.inputs[0].op.type == "MatMul"


def test_keeps_the_layer_checks():
    check_behaviour(Dense(F, activation="tanh"), {"inputs": floats(B, T, D)})
