"""Gives a classifier the weights of a checkpoint, which may know other classes."""

import logging
from collections.abc import Sequence

import keras

from .checkpoints import CLASSIFIERS, Checkpoint, CheckpointError, load_checkpoint

logger = logging.getLogger("regard")


def count_classes(
    checkpoint: Checkpoint,
    num_classes: int | None,
    class_names: Sequence[str] | None,
    head: str = "classifier",
) -> int:
    """Returns the number of classes that is asked for, or else that of a checkpoint's classifier.

    The `head` is the group of its tensors.

    Raises:
        CheckpointError: If it has no classifier, and nothing is asked for.
        ValueError: If a number is asked for that is not that of the names.
    """
    if class_names is not None:
        if num_classes not in (None, len(class_names)):
            raise ValueError(
                "`num_classes` must be the number of `class_names`. Received: "
                f"num_classes={num_classes}, {len(class_names)} names"
            )
        return len(class_names)
    known = checkpoint.names_of(head)
    if num_classes is None and not known:
        raise CheckpointError(
            f"{checkpoint.directory} has no {head}, so the number of classes must be given. "
            "Received: num_classes=None"
        )
    return len(known) if num_classes is None else num_classes


def load_classifier(
    model: keras.Model, checkpoint: Checkpoint, class_names: Sequence[str] | None = None
) -> None:
    """Copies the weights of a checkpoint into a classifier of its sizes, and logs what is new.

    With `class_names`, in the order of the logits, the head takes the checkpoint's rows for the
    classes that both know by name; the rest stays random. Without names it takes all rows, or none
    where there is another number of classes.

    Raises:
        CheckpointError: If a weight is not finite.
    """
    head = _head_of(model)
    known = checkpoint.names_of(head)
    names = known if class_names is None else list(class_names)
    if names == known and model.config["num_classes"] == len(known):
        load_checkpoint(model, checkpoint)
        return
    load_checkpoint(model, checkpoint, [head])
    kept = [name for name in names if name in known] if class_names is not None else []
    if kept:
        _copy_rows(model, checkpoint, names, kept)
    if class_names is not None and known:
        new = [name for name in names if name not in known]
        message = "%s: of its classifier the new one keeps the rows of %s; new rows: %s"
        shown = (", ".join(map(repr, some)) or "none" for some in (kept, new))
        logger.info(message, checkpoint.source, *shown)


def _copy_rows(
    model: keras.Model, checkpoint: Checkpoint, names: Sequence[str], kept: Sequence[str]
) -> None:
    variables = {variable.path: variable for variable in model.variables}
    to, since = ([some.index(name) for name in kept] for some in (names, checkpoint.class_names))
    for path, values in checkpoint.values([_head_of(model)]).items():  # (D, C) and (C,)
        rows = keras.ops.convert_to_numpy(variables[path]).copy()
        rows[..., to] = values[..., since]
        variables[path].assign(rows)


def _head_of(model: keras.Model) -> str:
    """Returns the group of tensors of a model's classifier; layouts have it in any place."""
    (head,) = CLASSIFIERS.intersection(model.checkpoint_groups)
    return head
