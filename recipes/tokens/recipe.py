"""Trains a classifier of tokens, for named entities: BERT (Devlin et al., 2018), section 5.3.

    regard fit tokens train.conll --validation dev.conll

`regard demo tokens` does so on 6,000 letters that it makes itself: the F1 of entities is 0.989, of
names and places that training never saw (0.989, 0.991 and 0.989 with seeds 0, 1 and 2), in a minute
on two cores.

References:
    Devlin et al., "BERT", https://arxiv.org/abs/1810.04805; Tjong Kim Sang and De Meulder,
    "Introduction to the CoNLL-2003 Shared Task", https://arxiv.org/abs/cs/0306050
"""

from functools import partial
from pathlib import Path
from typing import Any

from ..data.sources import name_of
from ..declarations import divided, takes
from ..devices.strategy import check_batch
from ..runs.directories import default_output
from ..runs.session import Session, session
from ..training.fit import Measured, best_epoch_of, fit, merged_float32, whole_steps
from ..training.tensorboard import tensorboard_logs
from .batches import training_batches, validation_batches
from .data import LabelledTokens, read_train_and_validation
from .evaluation import check_kinds
from .report import Examined, write_token_report
from .run import TokenRun
from .settings import TokenReading, TokenSettings
from .start import start
from .tags import kinds_of
from .training import announce, compile_for_tokens, make_lesson, measure_of

PREDICTION_BATCH_TOKENS = 8192  # enough to fill the cores, little enough for any memory


@takes(TokenReading, TokenSettings)
def fit_tokens(
    train: Any,
    validation: Any = 0.1,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> TokenRun:
    """Trains a classifier of tokens, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`, and keeps the weights of the epoch that finds the entities of the
    validation data best. A word is tagged by its first piece; the loss is of these alone, and all
    tags count the same in it. The same data, settings and seed give the same weights, bit for bit,
    on the same machine.

    Args:
        train: The training data, as `read_labelled_tokens` takes it: a file, several, a folder, a
            data frame, columns or rows; or what that has read.
        validation: The validation data likewise, or the share of the training data, in (0, 1), to
            hold out for it. Defaults to 0.1.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `TokenReading`, such as `text_column` and `label_column`, and of
            `regard.TokenSettings`: `checkpoint`, `preset`, `epochs`, `learning_rate`, `seed`...

    Returns:
        The run, as `TokenRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_tokens("letters.conll", output="runs/letters")
        >>> run.predict(["Ada Byron lives in Rome."])
    """
    reading, settings = divided(options, TokenReading, TokenSettings)
    settings = TokenSettings(**settings).completed()
    output = Path(output or default_output(name_of(train)))
    asked = {"train": train, "validation": validation, **options}
    with session("tokens", output, settings, overwrite, asked) as current:
        train, validation = read_train_and_validation(train, validation, settings.seed, **reading)
        run, history, kept = learn(current, train, validation, settings)
        tagged, marked = run.tag(validation.texts), run.marked(validation)
        run.metrics = {**run.measure(marked, tagged), **kept}
        seen = (current, Examined(run, history, marked, tagged), train, validation)
        current.write(run, history, lambda directory: write_token_report(directory, *seen))
    return run


def learn(
    current: Session, train: LabelledTokens, validation: LabelledTokens, settings: TokenSettings
) -> tuple[TokenRun, list[dict[str, float]], dict[str, int]]:
    """Trains a classifier of tokens; returns the run, figures of each epoch, and that kept."""
    data = {"train": train.describe(), "validation": validation.describe()}
    with current.training(settings, data) as (settings, resume):
        model, tokenizer, class_names, settings, vectors = start(train, validation, settings)
        check_kinds(validation.entities, kinds_of(class_names), validation.source)
        announce(train, validation, class_names)
        about = current.metadata(settings, class_names=class_names)
        under_way = TokenRun(model, tokenizer, about)
        encoder = under_way.encoder
        lesson, held_out = (make_lesson(each, encoder, class_names) for each in (train, validation))
        if vectors is not None:
            ids = lesson.token_ids.flat_values.numpy()
            vectors.tell(ids, (tokenizer.start_id, tokenizer.end_id))
        plan = lesson.plan(settings.batch_tokens, settings.seed)
        check_batch(max(map(len, plan.in_order())), "--batch-tokens")
        settings = settings.for_steps(plan.num_batches)
        steps = whole_steps(plan.num_batches, settings.epochs, settings.accumulate)
        compile_for_tokens(model, settings, steps)
        best = best_epoch_of(settings, len(validation))
        batches = partial(training_batches, plan, lesson, tokenizer, settings.token_dropout)
        whole = held_out.plan(PREDICTION_BATCH_TOKENS)
        validating = partial(validation_batches, whole, held_out, tokenizer)
        measured = Measured(measure_of(under_way, validation))
        callbacks = [measured, *tensorboard_logs(settings)]
        history, kept = fit(model, batches, validating, steps, best, resume, callbacks)
    metadata = current.metadata(settings, class_names=class_names)
    run = TokenRun(merged_float32(model), tokenizer, metadata)
    return run, history, {"last_epoch" if best is None else "best_epoch": kept}
