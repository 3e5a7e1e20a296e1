"""Opens a checkpoint of a text encoder with the tokenizer that it was trained with."""

from pathlib import Path

import keras

from ...models.checkpoints import LAYOUTS, Checkpoint
from ...models.json_files import read_json
from ...models.kinds import joined
from ...models.layout import Layout, write_json
from ..errors import UserError
from ..tasks import TASKS
from ..tokenizers.encoder import EncoderTokenizer
from ..tokenizers.opening import open_tokenizer
from .directories import model_directory

# What each task begins from: the kind of layouts, and of these the model types; empty for all.
_BEGINNINGS = {
    "text": ("texts", ()),
    "tokens": ("texts", ()),
    "masked_lm": ("texts", ("bert",)),
    "images": ("images", ()),
    "translation": ("translations", ()),
}


def open_model(source: str | Path, task: str) -> Checkpoint:
    """Opens a checkpoint, or that of a run, that a task can begin from.

    Raises:
        ValueError: If it cannot be used.
        UserError: If it is of another task; the message says which command begins from it.
    """
    checkpoint = Checkpoint(model_directory(source))
    if not _begins(task, checkpoint.layout):
        others = (each for each in _BEGINNINGS if _begins(each, checkpoint.layout))
        commands = joined((f"`regard {TASKS[each].command}`" for each in others), "or")
        mine = joined((each.title for each in LAYOUTS.values() if _begins(task, each)), "or")
        raise UserError(
            f"{source} is a checkpoint of {checkpoint.layout.title}: {commands} begins from it, "
            f"and `regard {TASKS[task].command}` from {mine}."
        )
    return checkpoint


def _begins(task: str, layout: Layout) -> bool:
    kind, model_types = _BEGINNINGS[task]
    return layout.kind == kind and (not model_types or layout.model_type in model_types)


def open_checkpoint(source: str | Path, task: str = "text") -> tuple[Checkpoint, EncoderTokenizer]:
    """Opens a checkpoint of a text encoder, or that of a run, and reads its tokenizer.

    Raises:
        ValueError: If either cannot be used, or the tokenizer has token ids that the model has no
            embedding for.
        UserError: If it is of another task.
    """
    checkpoint = open_model(source, task)
    tokenizer = open_tokenizer(checkpoint.directory)
    pieces, size = len(tokenizer.vocabulary), checkpoint.arguments["vocabulary_size"]
    if pieces > size:
        raise ValueError(
            f"{source}: the tokenizer has {pieces} pieces, but config.json says "
            f"vocab_size={size}. Take the tokenizer that the model was trained with."
        )
    return checkpoint, tokenizer


def tell_segments(model: keras.Model, directory: Path) -> None:
    """Says in a tokenizer's files that their model takes no segments, if it takes none."""
    path = directory / "tokenizer_config.json"
    if model.config.get("num_segments") == 0 and path.is_file():
        names = {"model_input_names": ["input_ids", "attention_mask"]}
        write_json(path, {**read_json(path), **names})
