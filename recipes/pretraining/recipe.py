"""From unlabelled texts to a pretrained checkpoint: masked language modelling, as BERT does it."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models import MaskedLanguageModel
from ..devices.strategy import check_batch, choose, open_devices, strategy
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..runs.directories import RUN_CONTENTS, check_output, default_output
from ..runs.report import write_learning_curves
from ..runs.run import versions, write_history
from ..runs.session import resume_in, run_directory
from ..tokenizers.vocabulary import learn_vocabulary
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.fit import BestEpoch, compile_masked_lm, fit, set_seed
from ..training.optimizers import make_optimizer, scaled
from ..training.precision import merged_float32
from ..training.token_budget import TokenBudget
from .batches import cut, masked_dataset, masked_validation_dataset
from .data import Texts, read_texts
from .run import MaskedLMRun
from .settings import PretrainingSettings

logger = logging.getLogger("regard")

VALIDATION_SHARE = 0.05  # of the stretches of text, to tell the best epoch by
LARGEST_VALIDATION = 2000  # stretches
WHOLE = 2**31 - 1  # tokens: longer than any text


def pretrain_text(
    sources: str | Path | Sequence[str | Path] | Texts,
    *,
    text_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> MaskedLMRun:
    """Pre-trains a BERT on unlabelled texts, from scratch or going on from a checkpoint.

    Whole words are hidden, others in every epoch, and the model learns to say what they are. The
    result's `model/` is a checkpoint for `fit_text(..., checkpoint=...)`.

    Args:
        sources: One or several files: plain text, a text a line, or tables with a column of texts.
        text_column: Column of the texts in tables; guessed where there is one sensible guess.
        encoding: Encoding of the files. Defaults to UTF-8.
        skip_bad_rows: Whether to count and skip bad rows instead of stopping. Defaults to False.
        output: The run directory to write. Defaults to `runs/pretrained-` and the first file's
            name.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **settings: Attributes of `regard.PretrainingSettings`: `checkpoint`, `preset`, `epochs`,
            `seed` and so on.

    Returns:
        The run, as `MaskedLMRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = pretrain_text("reviews.txt", output="runs/pretrained")
        >>> run.predict(["The room was [MASK]."])
        >>> fit_text("labelled.csv", checkpoint="runs/pretrained")
    """
    settings = PretrainingSettings(**settings).completed()
    if isinstance(sources, str | Path):
        sources = [sources]
    first = sources.sources[0] if isinstance(sources, Texts) else sources[0]
    output = Path(output or default_output(first, "pretrained-"))
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)
    texts = sources
    if not isinstance(sources, Texts):
        texts = read_texts(
            [str(source) for source in sources], text_column, encoding, skip_bad_rows
        )
    with run_directory(output, overwrite, settings) as places:
        run, history = train_masked_language_model(texts, settings, places.state)
        if places.run is not None:
            run.save(places.run)
            write_history(places.run / "history.csv", history)
            write_learning_curves(places.run / "report", history, run.metrics["best_epoch"])
    return run


def train_masked_language_model(
    texts: Texts, settings: PretrainingSettings, state: Path | None = None
) -> tuple[MaskedLMRun, list[dict[str, float]]]:
    """Trains a masked language model; the run, and one dict of figures an epoch.

    Args:
        texts: The texts to learn from, and to hold some out of.
        settings: Complete settings.
        state: Directory to keep the state of the training in, and to go on from. Defaults to none.
    """
    began = time.perf_counter()
    start = from_scratch if settings.checkpoint is None else from_checkpoint
    data = {
        "sources": texts.sources,
        "num_examples": len(texts.texts),
        "num_skipped": texts.num_skipped,
        "sha256": texts.fingerprint(),
    }
    with strategy(settings.strategy):
        settings = choose(settings)
        set_seed(settings.seed)
        resume = resume_in(state, settings, data)
        model, tokenizer, settings = start(texts, settings)
        learned, held_out = split_stretches(texts, tokenizer, settings)
        logger.info(
            "%d texts, %d tokens to learn from, %d to validate on.",
            len(texts.texts),
            learned.flat_values.shape[0],
            held_out.flat_values.shape[0],
        )
        plan, validation_plan = (
            TokenBudget(part.row_lengths().numpy(), settings.batch_tokens, settings.seed)
            for part in (learned, held_out)
        )
        check_batch(max(map(len, plan.in_order())), "--batch-tokens")
        total_steps = settings.epochs * plan.num_batches
        optimizer = make_optimizer(
            settings.learning_rate, total_steps, accumulate=settings.accumulate
        )
        compile_masked_lm(model, scaled(optimizer, settings.precision), settings.xla)
        masked = settings.masked_share
        history, best_epoch = fit(
            model,
            partial(masked_dataset, plan, learned, tokenizer, masked),
            partial(masked_validation_dataset, validation_plan, held_out, tokenizer, masked),
            plan.num_batches,
            settings.epochs,
            BestEpoch(settings.patience),
            resume,
        )
    metadata = {
        "task": "masked_lm",
        "settings": asdict(settings),
        "seconds": round(time.perf_counter() - began, 1),
        "data": data,
        "versions": versions(),
    }
    kept = history[best_epoch - 1]
    metrics = {
        "cross_entropy": kept["val_cross_entropy"],
        "perplexity": math.exp(kept["val_cross_entropy"]),
        "accuracy": kept["val_accuracy"],
        "best_epoch": best_epoch,
    }
    return MaskedLMRun(merged_float32(model), tokenizer, metadata, metrics), history


def split_stretches(
    texts: Texts, tokenizer: WordPieceTokenizer, settings: PretrainingSettings
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Cuts texts into stretches that fit the model, and holds some of them out.

    Returns:
        Encoded stretches to learn from, and to validate on.

    Raises:
        UserError: If there are fewer than two.
    """
    whole = tokenizer.encode_all(texts.texts, WHOLE)[:, 1:-1]
    token_ids = cut(whole, settings.max_sequence_length - 2)
    stretches = tokenizer.enclose(token_ids, settings.max_sequence_length)
    count = int(stretches.nrows())
    if count < 2:
        raise UserError(
            f"{', '.join(texts.sources)}: there must be at least two texts, one to learn from and "
            f"one to validate on. Received: {count}"
        )
    order = np.random.default_rng(settings.seed).permutation(count)
    held_out = min(LARGEST_VALIDATION, max(1, round(VALIDATION_SHARE * count)))
    return tf.gather(stretches, order[held_out:]), tf.gather(stretches, order[:held_out])


def from_scratch(texts: Texts, settings: PretrainingSettings):
    """A model of random weights, and a vocabulary learned from the texts."""
    tokenizer = WordPieceTokenizer(learn_vocabulary(texts.texts, settings.vocabulary_size))
    model = MaskedLanguageModel.from_preset(
        settings.preset,
        vocabulary_size=len(tokenizer.vocabulary),
        max_sequence_length=settings.max_sequence_length,
        **settings.model_options(),
    )
    return model, tokenizer, settings


def from_checkpoint(texts: Texts, settings: PretrainingSettings):
    """A pretrained model with the tokenizer that it was trained with."""
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint)
        model = MaskedLanguageModel.from_checkpoint(checkpoint, **settings.model_options())
    except ValueError as error:
        raise UserError(str(error)) from error
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return model, tokenizer, settings.for_checkpoint(width, longest)
