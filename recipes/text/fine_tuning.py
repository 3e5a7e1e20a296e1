"""Freezes a part of a pretrained model, or trains it through LoRA."""

from ...models import TextClassifier
from ..errors import UserError


def freeze(model: TextClassifier, num_layers: int) -> None:
    """Keeps the embedding and the `num_layers` lowest blocks as they are; with 0, nothing.

    Raises:
        UserError: If the model has fewer blocks.
    """
    blocks = model.encoder.blocks
    if num_layers > len(blocks):
        raise UserError(
            f"The model has {len(blocks)} layers, so at most so many can be frozen. "
            f"Received: {num_layers}"
        )
    model.embedding.trainable = num_layers == 0
    for block in blocks[:num_layers]:
        block.trainable = False


def add_lora(model: TextClassifier, rank: int) -> None:
    """Leaves the encoder as it is, and trains a product of two narrow matrices beside each kernel.

    The rank is the number of columns of the first matrix, and of rows of the second. The pooler and
    the head are trained as they are.

    Raises:
        UserError: If the rank is not below the width, where it would save nothing.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models",
        https://arxiv.org/abs/2106.09685
    """
    if rank >= model.config["hidden_dim"]:
        raise UserError(
            f"The rank of LoRA must be below the model's width, {model.config['hidden_dim']}. "
            f"Received: {rank}"
        )
    model.embedding.trainable = False
    for block in model.encoder.blocks:
        for dense in block.dense_layers:
            dense.enable_lora(rank)
        for variable in block.trainable_variables:
            variable.trainable = variable.name.startswith("lora_")
