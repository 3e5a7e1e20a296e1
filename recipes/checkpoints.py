"""A checkpoint as a recipe takes it: the weights with the tokenizer that they were trained with."""

from pathlib import Path

from ..models.checkpoints import Checkpoint
from .directories import model_directory
from .errors import UserError
from .image_preprocessing import ImagePreprocessing
from .sentencepiece_tokenizer import SentencePieceTokenizer
from .tokenizers import WordPieceTokenizer


def open_checkpoint(source: str | Path) -> tuple[Checkpoint, WordPieceTokenizer]:
    """Opens a checkpoint, or that of a run, and reads its tokenizer.

    Args:
        source: A directory, `hf://ORG/NAME[@REVISION]`, or the directory of a run.

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


def open_image_checkpoint(source: str | Path) -> tuple[Checkpoint, ImagePreprocessing]:
    """Opens a ViT checkpoint, or that of a run, with its preprocessing.

    Args:
        source: A directory, `hf://ORG/NAME[@REVISION]`, or a run of a classifier of images.

    Raises:
        ValueError: If either cannot be used, or the two are for images of different sizes.
    """
    checkpoint = Checkpoint(model_directory(source))
    if "image_shape" not in checkpoint.arguments:
        raise ValueError(f"{source}: it must be a ViT, not a {checkpoint.layout.model_type}.")
    height, width, _ = checkpoint.arguments["image_shape"]
    return checkpoint, ImagePreprocessing.load(checkpoint.directory, height, width)


def open_translator(source: str | Path) -> tuple[Checkpoint, SentencePieceTokenizer]:
    """Opens a Marian checkpoint with its tokenizer.

    Args:
        source: A directory, `hf://ORG/NAME[@REVISION]`, or a run of a translator.

    Raises:
        CheckpointError: If it is not a whole Marian checkpoint.
        UserError: If its tokenizer is missing or damaged, or has ids that the model has not.
    """
    checkpoint = Checkpoint(model_directory(source))
    tokenizer = SentencePieceTokenizer.load(checkpoint.directory)
    largest = max(tokenizer.vocabulary.values())
    size = checkpoint.arguments["vocabulary_size"]
    ids = {"end_id": tokenizer.end_id, "pad_id": tokenizer.pad_id}
    expected = {name: checkpoint.arguments.get(name) for name in ids}
    if largest >= size or ids != expected:
        raise UserError(
            f"{checkpoint.directory}: the tokenizer must have the model's ids, below {size} and "
            f"with {expected}. Received: ids up to {largest}, with {ids}"
        )
    return checkpoint, tokenizer
