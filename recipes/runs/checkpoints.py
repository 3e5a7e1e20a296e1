"""Opens a checkpoint of an encoder with the tokenizer that it was trained with."""

from pathlib import Path

from ...models.checkpoints import Checkpoint
from ..tokenizers.encoder import EncoderTokenizer
from ..tokenizers.opening import open_tokenizer
from .directories import model_directory


def open_checkpoint(source: str | Path) -> tuple[Checkpoint, EncoderTokenizer]:
    """Opens a checkpoint, or that of a run, and reads its tokenizer.

    Raises:
        ValueError: If either cannot be used, or the tokenizer has token ids that the model has no
            embedding for.
    """
    checkpoint = Checkpoint(model_directory(source))
    tokenizer = open_tokenizer(checkpoint.directory)
    pieces, size = len(tokenizer.vocabulary), checkpoint.arguments["vocabulary_size"]
    if pieces > size:
        raise ValueError(
            f"{source}: the tokenizer has {pieces} pieces, but config.json says "
            f"vocab_size={size}. Take the tokenizer that the model was trained with."
        )
    return checkpoint, tokenizer
