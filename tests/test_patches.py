import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import HE_NORMAL, check_layer, floats
from regard.layers import ConvolutionalStem, ImageEmbedding, PatchEmbedding, resize_positions

B, ROWS, COLUMNS, SIZE, C, D = 3, 2, 5, 3, 7, 11
H, W = ROWS * SIZE, COLUMNS * SIZE


def randomize(layer):
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def test_patch_embedding_conforms():
    config = {"hidden_dim": D, "patch_size": SIZE, "kernel_initializer": HE_NORMAL}
    config["use_bias"] = False
    check_layer(PatchEmbedding, config, {"images": floats(B, H, W, C)})


def test_patches_by_hand():
    layer = PatchEmbedding(hidden_dim=1, patch_size=2)
    images = np.arange(16.0).reshape(1, 4, 4, 1)
    layer.build(images.shape)
    layer.set_weights([np.array([1.0, 10.0, 100.0, 1000.0]).reshape(2, 2, 1, 1), np.array([0.5])])
    # The first patch holds 0, 1, 4, 5; the second 2, 3, 6, 7; the third 8, 9, 12, 13.
    expected = [5410.5, 7632.5, 14298.5, 16520.5]
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(images))[0, :, 0], expected)


def test_patches_are_a_convolution_whose_stride_is_its_width():
    images = floats(B, H, W, C)
    layer = PatchEmbedding(D, SIZE)
    layer.build(images.shape)
    randomize(layer)
    expected = ops.conv(images, layer.kernel, strides=SIZE) + layer.bias
    np.testing.assert_allclose(
        layer(images), ops.reshape(expected, (B, ROWS * COLUMNS, D)), atol=1e-5
    )


def test_what_is_left_of_an_image_is_not_read():
    images = floats(B, H + 2, W + 1, C)
    layer = PatchEmbedding(D, SIZE)
    np.testing.assert_array_equal(layer(images), layer(images[:, :H, :W]))


def test_convolutional_stem_conforms():
    config = {"hidden_dim": 12, "patch_size": 6, "kernel_initializer": HE_NORMAL, "use_bias": False}
    check_layer(ConvolutionalStem, config, {"images": floats(B, 12, 30, C)})


@pytest.mark.parametrize("patch_size", [4, 6, 8, 10, 12, 14, 16])
def test_a_stem_gives_a_vector_for_every_patch(patch_size):
    images = floats(2, 2 * patch_size, 3 * patch_size, 3)
    layer = ConvolutionalStem(8, patch_size)
    assert layer(images).shape == (2, 6, 8)


@pytest.mark.parametrize(("hidden_dim", "patch_size"), [(10, 4), (8, 2), (8, 5)])
def test_a_stem_refuses_what_it_cannot_divide(hidden_dim, patch_size):
    with pytest.raises(ValueError, match=f"hidden_dim={hidden_dim}, patch_size={patch_size}"):
        ConvolutionalStem(hidden_dim, patch_size)


def test_image_embedding_conforms():
    config = {
        "image_shape": [12, 20, C],
        "hidden_dim": 12,
        "patch_size": 4,
        "class_token": False,
        "stem": "convolutions",
        "dropout": 0.3,
        "distillation_token": True,
        "num_registers": 2,
        "positions": False,
        "patch_bias": False,
        "norm_epsilon": 1e-5,
    }
    check_layer(ImageEmbedding, config, {"images": floats(B, 12, 20, C)})


def test_registers_stand_between_the_tokens_and_the_patches_without_positions():
    images = floats(B, H, W, C)
    layer = ImageEmbedding((H, W, C), D, SIZE, distillation_token=True, num_registers=3)
    layer.build()
    randomize(layer)
    positions = ops.convert_to_numpy(layer.position_embedding.embeddings)  # (2 + P, D)
    outputs = ops.convert_to_numpy(layer(images))
    assert outputs.shape == (B, layer.num_first + ROWS * COLUMNS, D)
    assert layer.num_first == 5
    tokens = [layer.class_token, layer.distillation_token]
    tokens = np.concatenate([np.array(token)[0] for token in tokens]) + positions[:2]
    expected = np.concatenate([tokens, np.array(layer.registers)[0]])
    np.testing.assert_allclose(outputs[:, :5], np.tile(expected, (B, 1, 1)), atol=1e-6)
    patches = np.array(layer.patches(images)) + positions[2:]
    np.testing.assert_allclose(outputs[:, 5:], patches, atol=1e-6)


def test_a_class_token_stands_first_and_every_token_has_a_position():
    images = floats(B, H, W, C)
    layer = ImageEmbedding((H, W, C), D, SIZE)
    layer.build()
    randomize(layer)
    positions = ops.convert_to_numpy(layer.position_embedding.embeddings)
    outputs = ops.convert_to_numpy(layer(images))
    assert outputs.shape == (B, 1 + ROWS * COLUMNS, D)
    token = ops.convert_to_numpy(layer.class_token)[0, 0]
    np.testing.assert_allclose(outputs[:, 0], np.tile(token + positions[0], (B, 1)), atol=1e-6)
    patches = ops.convert_to_numpy(layer.patches(images)) + positions[1:]
    np.testing.assert_allclose(outputs[:, 1:], patches, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (12, 16)}, r"height, width and channels.*image_shape=\(12, 16\)"),
        ({"image_shape": (13, 16, 3)}, r"image_shape=\(13, 16, 3\), patch_size=4"),
        ({"image_shape": (12, 0, 3)}, r"image_shape=\(12, 0, 3\)"),
        ({"patch_size": 0}, "patch_size=0"),
        ({"stem": "conv"}, "one of patches, convolutions. Received: stem='conv'"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_image_embedding_refuses(arguments, message):
    good = {"image_shape": (12, 16, 3), "hidden_dim": 8, "patch_size": 4}
    with pytest.raises(ValueError, match=message):
        ImageEmbedding(**{**good, **arguments})


def test_positions_for_as_many_patches_stay_as_they_are():
    table = floats(1 + 6, D)
    np.testing.assert_allclose(resize_positions(table, (2, 3), (2, 3)), table, atol=1e-7)


def test_positions_by_hand():
    table = np.array([[5.0], [0.0], [1.0]])  # a class token, then a row of two patches
    # The new centres lie at -1/4, 1/4, 3/4 and 5/4 of the old ones' 0 and 1. With a = -3/4 the
    # kernel is 67/256 at 3/4, -27/256 at 5/4 and -9/256 at 7/4; beyond an edge is the edge again.
    expected = [5, -27 / 256, (67 - 9) / 256, 1 - (67 - 9) / 256, 1 + 27 / 256]
    np.testing.assert_allclose(resize_positions(table, (1, 2), (1, 4))[:, 0], expected, atol=1e-7)


def test_a_constant_stays_one_at_any_size():
    table = np.full((1 + 12, D), 3.0)
    resized = resize_positions(table, (3, 4), (7, 2))
    np.testing.assert_allclose(resized, np.full((1 + 14, D), 3.0), atol=1e-6)


def test_an_embedding_runs_on_images_of_unknown_batch():
    model = keras.Sequential([keras.Input((12, 16, 3)), ImageEmbedding((12, 16, 3), 8, 4)])
    assert model.output_shape == (None, 13, 8)
