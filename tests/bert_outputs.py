"""What this package computes from a checkpoint, beside what `transformers` does."""

import keras
import numpy as np
from keras import ops

from regard.models import MaskedLanguageModel, TextClassifier
from regard.models.checkpoints import Checkpoint


def outputs_of(directory, inputs):
    """Everything that the architecture of a checkpoint has, by the names of the golden files."""
    checkpoint = Checkpoint(directory)
    if "masked-LM head" in checkpoint.groups:
        model = MaskedLanguageModel.from_checkpoint(checkpoint)
        outputs = masked_lm_outputs(model, inputs)
    else:
        outputs, model = {}, TextClassifier.from_checkpoint(checkpoint, num_classes=3)
    outputs["hidden_states"] = hidden_states(model, inputs)
    if "classifier" in checkpoint.groups:
        outputs["logits"] = model(model_inputs(inputs))
    if "pooler" in checkpoint.groups:
        if not isinstance(model, TextClassifier):
            model = TextClassifier.from_checkpoint(checkpoint, num_classes=3)
        outputs["pooled"] = model.pooler(outputs["hidden_states"][-1])
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def assert_close(outputs, expected, atol=1e-5):
    """The same outputs by name, shape and value."""
    assert outputs.keys() == expected.keys()
    for name in outputs:
        assert outputs[name].shape == expected[name].shape, name
        np.testing.assert_allclose(outputs[name], expected[name], rtol=0, atol=atol, err_msg=name)


def model_inputs(inputs):
    return {name: inputs[name] for name in ("token_ids", "segment_ids", "padding_mask")}


def hidden_states(model, inputs):
    """The embedding's output and that of each block: (L + 1, B, T, D)."""
    states = [model.embedding(inputs["token_ids"], inputs["segment_ids"])]
    for block in model.encoder.blocks:
        states.append(block(states[-1], padding_mask=inputs["padding_mask"]))
    return ops.stack(states)


def masked_lm_outputs(model, inputs):
    positions = inputs["masked_positions"]
    logits = model({**model_inputs(inputs), "masked_positions": positions})  # (B, M, V)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {
        "masked_lm_logits": logits,
        "masked_lm_loss": loss(inputs["masked_labels"], logits),
    }
