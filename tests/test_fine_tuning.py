import keras
import numpy as np
import pytest

from regard.models import TextClassifier
from regard.recipes.errors import UserError
from regard.recipes.text.start import add_lora, freeze
from regard.recipes.training.fit import merged_float32
from tiers import only_first

INPUTS = {
    "token_ids": np.array([[2, 7, 5, 3], [2, 9, 3, 0]]),
    "segment_ids": np.zeros((2, 4), int),
    "padding_mask": np.array([[True] * 4, [True, True, True, False]]),
}
TARGETS = np.eye(3)[[0, 2]]


def make_model(dtype=None, **options):
    sizes = {"num_layers": 3, "num_heads": 2, "intermediate_dim": 12, "dropout": 0.0}
    return TextClassifier(11, 3, 8, **{**sizes, **options}, dtype=dtype)


def train(model):
    """A few steps at a high rate; the paths of the weights that changed."""
    before = {weight.path: np.array(weight) for weight in model.weights}
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=False)
    model.fit(INPUTS, TARGETS, epochs=3, verbose=0)
    return {
        weight.path for weight in model.weights if (np.array(weight) != before[weight.path]).any()
    }


@pytest.mark.parametrize("num_layers", only_first([1, 3]))
def test_freezing_keeps_embedding_and_lower_layers(num_layers):
    model = make_model()
    freeze(model, num_layers)
    changed = {path.split("/")[0] for path in train(model)}
    blocks = {path.split("/")[1] for path in train(model) if path.startswith("encoder/")}
    assert "embedding" not in changed
    assert {"pooler", "head"} <= changed
    assert blocks == {f"block_{index}" for index in range(num_layers, 3)}


def test_freezing_nothing():
    model = make_model()
    freeze(model, 0)
    assert any(path.startswith("embedding/") for path in train(model))


def test_more_layers_than_there_are():
    with pytest.raises(UserError, match=r"has 3 layers.*4"):
        freeze(make_model(), 4)


def test_layers_that_share_their_weights_are_frozen_together():
    """Else the lowest one would take all others with it."""
    variation = {"encoder": {"num_groups": 2, "group_size": 2}}
    model = make_model(num_layers=4, family="albert", variation=variation)
    for count in (1, 3):
        message = rf"Pass --freeze 0 or 2 or 4, or --lora\. Received: {count}"
        with pytest.raises(UserError, match=message):
            freeze(model, count)
    with pytest.raises(UserError, match=r"has 4 layers.*5"):
        freeze(model, 5)
    assert all(block.trainable for block in model.encoder.blocks)
    freeze(model, 2)
    changed = {path.split("/")[1] for path in train(model) if path.startswith("encoder/")}
    assert changed == {"block_2", "block_3"}


def test_lora_trains_its_matrices_pooler_and_head():
    model = make_model()
    add_lora(model, 2)
    changed = train(model)
    encoder = {path for path in changed if path.startswith(("encoder/", "embedding/"))}
    assert len(encoder) == 3 * 4 * 2
    assert all("lora_kernel" in path for path in encoder)
    assert {"pooler/dense/kernel", "head/kernel"} <= changed


def test_lora_is_merged():
    model = make_model()
    add_lora(model, 2)
    train(model)
    plain = merged_float32(model)
    assert not any("lora" in weight.path for weight in plain.weights)
    assert all(weight.trainable for weight in plain.weights)
    np.testing.assert_allclose(plain(INPUTS), model(INPUTS), atol=1e-5)
    kernel = "encoder/block_0/feed_forward/output/kernel"
    before, after = (
        next(np.array(weight) for weight in each.weights if weight.path == kernel)
        for each in (model, plain)
    )
    assert np.abs(after - before).max() > 1e-3


def test_lora_of_no_use():
    with pytest.raises(UserError, match=r"width, 8\. Received: 8"):
        add_lora(make_model(), 8)


def test_plain_is_float32_with_the_same_weights():
    model = make_model(dtype="mixed_bfloat16")
    plain = merged_float32(model)
    assert plain.embedding.compute_dtype == "float32"
    for ours, theirs in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))
