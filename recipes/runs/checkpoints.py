"""Opens a checkpoint of a BERT with the tokenizer that it was trained with."""

from pathlib import Path

from ...models.checkpoints import Checkpoint
from ..tokenizers.wordpiece import WordPieceTokenizer
from .directories import model_directory


def open_checkpoint(source: str | Path) -> tuple[Checkpoint, WordPieceTokenizer]:
    """Opens a checkpoint, or that of a run, and reads its tokenizer.

    Raises:
        ValueError: If either cannot be used, or the tokenizer has token ids that the model has no
            embedding for.
    """
    checkpoint = Checkpoint(model_directory(source))
    tokenizer = WordPieceTokenizer.load(checkpoint.directory)
    pieces, size = len(tokenizer.vocabulary), checkpoint.arguments["vocabulary_size"]
    if pieces > size:
        raise ValueError(
            f"{source}: the tokenizer has {pieces} pieces, but config.json says "
            f"vocab_size={size}. Take the tokenizer that the model was trained with."
        )
    return checkpoint, tokenizer
