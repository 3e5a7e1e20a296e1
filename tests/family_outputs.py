"""What a classifier of this package computes from a checkpoint of any family of text encoders."""

from keras import ops

from regard.models import TextClassifier
from regard.models.checkpoints import Checkpoint


def opened(directory):
    """A checkpoint and its classifier, a new one of three classes if it has none of texts."""
    checkpoint = Checkpoint(directory)
    number = None if checkpoint.names_of("classifier") else 3
    return checkpoint, TextClassifier.from_checkpoint(checkpoint, num_classes=number)


def outputs_of(model, inputs, has_logits=True):
    """The hidden states of all blocks at the real tokens, and the logits."""
    states = ops.convert_to_numpy(hidden_states(model, inputs))
    outputs = {"hidden_states": states * inputs["padding_mask"][..., None]}
    if has_logits:
        outputs["logits"] = ops.convert_to_numpy(model(inputs))
    return outputs


def hidden_states(model, inputs):
    """The embedding's output and that of each block: (L + 1, B, T, D)."""
    encoder, embedded = model.encoder, model.embedding(inputs["token_ids"], inputs["segment_ids"])
    *states, last = [embedded, *encoder.states(embedded, inputs["padding_mask"])]
    return ops.stack([*states, last if encoder.final_norm is None else encoder.final_norm(last)])
