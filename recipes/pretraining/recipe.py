"""Pre-trains a BERT: masked language modelling on texts without labels (Devlin et al., 2018).

    regard pretrain text train.tsv

With the 6,920 sentences of SST-2 and seed 0, 6 minutes on two cores, the perplexity of the hidden
words of held-out sentences is 225. That is little text: a classifier that goes on from there has an
accuracy on dev of 0.815, and 0.810 without it at the time, with a standard error of 0.013.

References:
    Devlin et al., "BERT", section 3.1 and appendix A.1, https://arxiv.org/abs/1810.04805
"""

import logging
import math
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..data.sources import name_of
from ..declarations import divided, takes
from ..devices.strategy import check_batch
from ..names import counted
from ..runs.directories import default_output
from ..runs.session import Session, session
from ..training.fit import BestEpoch, fit, merged_float32, whole_steps
from ..training.losses import compile_masked_lm
from ..training.optimizers import bert_optimizer
from ..training.tensorboard import tensorboard_logs
from ..training.token_budget import TokenBudget
from .batches import split_stretches, training_batches, validation_batches
from .data import Texts, read_texts
from .report import write_pretraining_report
from .run import MaskedLMRun
from .settings import PretrainingSettings, UnlabelledReading
from .start import start

logger = logging.getLogger("regard")


@takes(UnlabelledReading, PretrainingSettings)
def pretrain_text(
    sources: Any,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> MaskedLMRun:
    """Pre-trains a BERT on unlabelled texts, from scratch or going on from a checkpoint.

    Whole words are hidden, others in every epoch, and the model learns to say what they are. The
    result's `model/` is a checkpoint for `fit_text(..., checkpoint=...)`.

    Args:
        sources: One or several files: plain text, a text a line, or tables with a column of texts;
            a data frame, or a series of texts; or texts already read.
        output: The run directory to write. Defaults to `runs/pretrained-` and the first file's
            name.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `UnlabelledReading`, such as `text_column`, and of
            `regard.PretrainingSettings`: `checkpoint`, `preset`, `epochs`, `seed` and so on.

    Returns:
        The run, as `MaskedLMRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = pretrain_text("reviews.txt", output="runs/pretrained")
        >>> run.predict(["The room was [MASK]."])
        >>> fit_text("labelled.csv", checkpoint="runs/pretrained")
    """
    reading, settings = divided(options, UnlabelledReading, PretrainingSettings)
    settings = PretrainingSettings(**settings).completed()
    if isinstance(sources, str | Path):
        sources = [sources]
    first = sources.sources if isinstance(sources, Texts) else sources
    output = Path(output or default_output(name_of(first), "pretrained-"))
    asked = {"sources": sources, **options}
    with session("masked_lm", output, settings, overwrite, asked) as current:
        texts = sources if isinstance(sources, Texts) else read_texts(sources, **reading)
        run, history, held_out = learn(current, texts, settings)
        seen = (current, run, history, texts, held_out)
        current.write(run, history, lambda directory: write_pretraining_report(directory, *seen))
    return run


def learn(
    current: Session, texts: Texts, settings: PretrainingSettings
) -> tuple[MaskedLMRun, list[dict[str, float]], tf.RaggedTensor]:
    """Pre-trains a BERT; returns the run, figures of each epoch, and what it was validated on."""
    with current.training(settings, texts.describe()) as (settings, resume):
        model, tokenizer, settings, vectors = start(texts, settings)
        learned, held_out = split_stretches(texts, tokenizer, settings)
        if vectors is not None:
            vectors.tell(learned.flat_values.numpy(), (tokenizer.start_id, tokenizer.end_id))
        _announce(texts, learned, held_out)
        plan, validation_plan = (
            TokenBudget(part.row_lengths().numpy(), settings.batch_tokens, settings.seed)
            for part in (learned, held_out)
        )
        check_batch(max(map(len, plan.in_order())), "--batch-tokens")
        settings = settings.for_steps(plan.num_batches)
        steps = whole_steps(plan.num_batches, settings.epochs, settings.accumulate)
        compile_masked_lm(model, _optimizer(settings, math.prod(steps)), settings.xla)
        share = settings.masked_share
        history, best_epoch = fit(
            model,
            partial(training_batches, plan, learned, tokenizer, share),
            partial(validation_batches, validation_plan, held_out, tokenizer, share),
            steps,
            BestEpoch(settings.longest_wait()),
            resume,
            tensorboard_logs(settings),
        )
    metrics = metrics_of(history[best_epoch - 1])
    run = MaskedLMRun(merged_float32(model), tokenizer, current.metadata(settings), metrics)
    return run, history, held_out


def _announce(texts: Texts, learned: tf.RaggedTensor, held_out: tf.RaggedTensor) -> None:
    to_learn, to_validate = (part.flat_values.shape[0] for part in (learned, held_out))
    message = "%s, %s to learn from, %d to validate on."
    counts = counted(len(texts), "text"), counted(to_learn, "token"), to_validate
    logger.info(message, *counts)


def _optimizer(settings: PretrainingSettings, total_steps: int) -> keras.optimizers.Optimizer:
    return bert_optimizer(
        settings.learning_rate,
        total_steps,
        accumulate=settings.accumulate,
        precision=settings.precision,
    )


def metrics_of(kept: dict[str, float]) -> dict[str, float]:
    """Returns what `metrics.json` is to hold, of the figures of the epoch that was kept."""
    return {
        "cross_entropy": kept["val_cross_entropy"],
        "perplexity": math.exp(kept["val_cross_entropy"]),
        "accuracy": kept["val_accuracy"],
        "best_epoch": kept["epoch"],
    }
