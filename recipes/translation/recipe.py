"""From parallel text to a trained translator: the whole story, readable top to bottom."""

import logging
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...models import Translator
from ..devices.strategy import check_batch, choose, open_devices, strategy
from ..errors import UserError
from ..runs.directories import RUN_CONTENTS, check_output, default_output
from ..runs.report import write_alignment, write_learning_curves
from ..runs.run import versions, write_history
from ..runs.session import resume_in, run_directory
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from ..training.fit import fit, set_seed
from ..training.precision import merged_float32
from ..training.resuming import Resume
from .batches import Pairs, cut_batches, ordered_batches, training_batches
from .data import ParallelTexts, read_train_and_validation
from .evaluation import tokenization
from .run import TranslationRun, describe_parallel, open_translator
from .settings import TranslationSettings
from .training import BestBleu, compile_translator
from .translate import translate_all, translation_function

logger = logging.getLogger("regard")


class Start(NamedTuple):
    """Where a training starts from."""

    model: Translator
    tokenizer: SentencePieceTokenizer
    settings: TranslationSettings


def fit_translation(
    source: str | Path | ParallelTexts,
    target: str | Path | None = None,
    *,
    validation_source: str | Path | ParallelTexts | None = None,
    validation_target: str | Path | None = None,
    validation: str | Path | float = 0.05,
    source_column: str | None = None,
    target_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> TranslationRun:
    """Trains a translator, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`. The weights are the mean of the last steps', of the epoch whose
    translations of the validation data have the best BLEU. The same data, settings and seed give
    the same weights, bit for bit, on the same machine.

    Args:
        source: The file of sources, a text a line; or a table (CSV, TSV, JSON Lines, Parquet,
            `tfds:NAME`); or parallel text already read.
        target: The file of targets, where the sources have a file of their own.
        validation_source: The file of sources to validate on, or parallel text already read.
        validation_target: The file of their targets.
        validation: Without these, a table to validate on, or the share of the training data, in
            (0, 1), to hold out for it. Defaults to 0.05.
        source_column: Column of the sources in a table; guessed where there is one sensible guess.
        target_column: Column of the targets, likewise.
        encoding: Encoding of the files. Defaults to UTF-8.
        skip_bad_rows: Whether to count and skip bad rows instead of stopping. Defaults to False.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **settings: Attributes of `regard.TranslationSettings`: `checkpoint`, `preset`, `epochs`,
            `learning_rate`, `seed` and so on.

    Returns:
        The run, as `TranslationRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_translation("train.en", "train.de", output="runs/en-de")
        >>> run.predict(["A dog runs."])
    """
    settings = TranslationSettings(**settings).completed()
    named = source.source if isinstance(source, ParallelTexts) else source
    output = Path(output or default_output(named))
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)
    if isinstance(validation_source, ParallelTexts):
        validation = validation_source
    elif validation_source is not None:
        validation = (validation_source, validation_target)
    train, held_out = read_train_and_validation(
        source,
        target,
        validation,
        settings.seed,
        source_column=source_column,
        target_column=target_column,
        encoding=encoding,
        skip_bad_rows=skip_bad_rows,
    )
    with run_directory(output, overwrite, settings) as places:
        run, history = train_translator(train, held_out, settings, places.state)
        if places.run is not None:
            run.save(places.run)
            write_history(places.run / "history.csv", history)
            write_learning_curves(places.run / "report", history, run.metrics["best_epoch"])
            written = run.predict(held_out.sources[:1])[0].translation
            picture = run.align(held_out.sources[0], written)
            write_alignment(places.run / "report" / "alignment.png", picture)
    return run


def train_translator(
    train: ParallelTexts,
    validation: ParallelTexts,
    settings: TranslationSettings,
    state: Path | None = None,
) -> tuple[TranslationRun, list[dict[str, float]]]:
    """Trains a translator; the run, and one dict of figures an epoch.

    Args:
        train: The pairs to learn from.
        validation: Those that tell the best epoch, and to report on.
        settings: Complete settings.
        state: Directory to keep the state of the training in, and to go on from. Defaults to none.
    """
    began = time.perf_counter()
    start = from_scratch if settings.checkpoint is None else from_checkpoint
    data = {"train": describe_parallel(train), "validation": describe_parallel(validation)}
    with strategy(settings.strategy):
        settings = choose(settings)
        set_seed(settings.seed)
        resume = resume_in(state, settings, data)
        model, tokenizer, settings = start(train, settings)
        logger.info("%d pairs to learn from, %d to validate on.", len(train), len(validation))
        history, best_epoch = learn(model, tokenizer, train, validation, settings, resume)
    metadata = {
        "task": "translation",
        "settings": asdict(settings),
        "seconds": round(time.perf_counter() - began, 1),
        "data": data,
        "versions": versions(),
    }
    run = TranslationRun(merged_float32(model), tokenizer, metadata, metrics={})
    run.metrics = {**run.evaluate(validation), "best_epoch": best_epoch}
    return run, history


def learn(
    model: Translator,
    tokenizer: SentencePieceTokenizer,
    train: ParallelTexts,
    validation: ParallelTexts,
    settings: TranslationSettings,
    resume: Resume | None = None,
) -> tuple[list[dict[str, float]], int]:
    """Trains the model; one dict of figures an epoch, and the epoch that was kept."""
    length, budget = settings.max_sequence_length, settings.batch_tokens
    plain, held_out = (encode_whole(data, tokenizer, settings) for data in (train, validation))

    def encode(epoch: int) -> Pairs:
        """The training data as it is cut up in an epoch."""
        if not settings.subword_dropout:
            return plain
        seed = settings.seed + 1_000_003 * epoch
        return tokenizer.encode_pairs(
            train.sources, train.targets, length, settings.subword_dropout, seed
        )

    plan = cut_batches(encode(0), budget, np.arange(len(train)))
    check_batch(max(map(len, plan)), "--batch-tokens")
    compile_translator(
        model,
        settings.learning_rate,
        settings.warmup_steps,
        settings.epochs * len(plan),
        settings.label_smoothing,
        settings.accumulate,
        settings.precision,
        settings.xla,
    )
    greedy = translation_function(model, tokenizer, length, num_beams=1, length_penalty=1.0)
    return fit(
        model,
        partial(training_batches, encode, budget, settings.seed, tokenizer.pad_id),
        partial(ordered_batches, held_out, budget, tokenizer.pad_id),
        len(plan),
        settings.epochs,
        BestBleu(
            settings.patience,
            lambda texts: translate_all(greedy, texts)[0],
            validation.sources,
            validation.targets,
            tokenization(validation.targets),
        ),
        resume,
    )


def from_scratch(train: ParallelTexts, settings: TranslationSettings) -> Start:
    """A model of random weights, and pieces learned from the training texts."""
    tokenizer = SentencePieceTokenizer.learn(train.sources, train.targets, settings.vocabulary_size)
    model = Translator(
        len(tokenizer.vocabulary),
        **settings.sizes(),
        max_sequence_length=settings.max_sequence_length,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        **settings.model_options(),
    )
    return Start(model, tokenizer, settings)


def from_checkpoint(train: ParallelTexts, settings: TranslationSettings) -> Start:
    """A pretrained model with its tokenizer."""
    try:
        checkpoint, tokenizer = open_translator(settings.checkpoint)
        model = Translator.from_checkpoint(checkpoint, **settings.model_options())
    except ValueError as error:
        raise UserError(str(error)) from error
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return Start(model, tokenizer, settings.for_checkpoint(width, longest))


def encode_whole(data: ParallelTexts, tokenizer, settings: TranslationSettings) -> Pairs:
    """The token ids of all pairs; what is longer than the model reads is cut, or refused.

    Raises:
        UserError: If a text is too long, and the settings refuse such.
    """
    longest = settings.max_sequence_length
    sides = tokenizer.encode_sources(data.sources), tokenizer.encode_targets(data.targets)
    too_long = [
        (text, len(row))
        for texts, rows in zip((data.sources, data.targets), sides, strict=True)
        for text, row in zip(texts, rows, strict=True)
        if len(row) > longest
    ]
    if too_long and settings.long_texts == "refuse":
        text, length = too_long[0]
        raise UserError(
            f"{data.source}: every text must have at most {longest} tokens "
            f"(--max-sequence-length). Received: {len(too_long)} longer ones, the first of "
            f"{length}: {text:.60}… Leave them out, or pass --long-texts cut."
        )
    if too_long:
        logger.warning(
            "%s: texts longer than %d tokens (--max-sequence-length), cut there: %d",
            data.source,
            longest,
            len(too_long),
        )
    return tuple(tokenizer.cut(rows, longest) for rows in sides)
