"""What this package computes from a preset of KerasHub."""

import numpy as np

from regard.models import TextClassifier, VisionTransformer
from regard.models.checkpoints import Checkpoint


def outputs_of_preset(directory, inputs):
    """The features at the real tokens, and the logits; and the model."""
    checkpoint = Checkpoint(directory)
    if "images" in inputs:
        model = VisionTransformer.from_checkpoint(checkpoint)
        embedded, mask = model.embedding(inputs["images"]), None
    else:
        model = TextClassifier.from_checkpoint(checkpoint)
        inputs = {"segment_ids": np.zeros_like(inputs["token_ids"]), **inputs}
        inputs["padding_mask"] = inputs["padding_mask"].astype(bool)
        embedded = model.embedding(inputs["token_ids"], inputs["segment_ids"])
        mask = inputs["padding_mask"]
    features = np.array(model.encoder(embedded, padding_mask=mask))
    features = features if mask is None else features * mask[..., None]
    given = inputs.get("images", inputs)
    return {"features": features, "logits": np.array(model(given))}, model
