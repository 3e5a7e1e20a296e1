"""Trains a classifier of tokens: what it learns of texts, its optimizer, and what measures it."""

import logging
import math
from collections.abc import Callable

from ...models import TokenClassifier
from ..names import counted, display_name
from ..training.fit import Steps
from ..training.losses import compile_token_classifier
from ..training.optimizers import bert_optimizer, spacing
from .batches import Lesson
from .data import LabelledTokens
from .encoding import TokenEncoder, find_targets
from .run import TokenRun
from .settings import TokenSettings
from .tags import kinds_of

logger = logging.getLogger("regard")


def announce(train: LabelledTokens, validation: LabelledTokens, class_names: list[str]) -> None:
    """Says how much there is to learn."""
    kinds = kinds_of(class_names)
    shown = ", ".join(display_name(kind) for kind in kinds[:10])
    more = ", ..." if len(kinds) > 10 else ""
    entities = counted(sum(map(len, train.entities)), "entity", "entities")
    message = "%s to learn from, %d to validate on, %s of %s: %s%s"
    counts = counted(len(train), "text"), len(validation), entities, counted(len(kinds), "kind")
    logger.info(message, *counts, shown, more)


def make_lesson(data: LabelledTokens, encoder: TokenEncoder, class_names: list[str]) -> Lesson:
    """Makes what a model learns of texts, and says what of them does not fit its tokens."""
    located = encoder.locate_all(data.texts)
    rows, words = encoder.rows(located), encoder.words(located)
    encoder.tell_long(rows)
    count = located.ids.flat_values.shape[0]
    targets = find_targets(words, data.entities, count, class_names)
    if targets.num_unfit:
        message = "%s: entities that begin or end within a word, whose words are left out: %d of %d"
        total = sum(map(len, data.entities))
        logger.warning(message, data.source, targets.num_unfit, total)
    return Lesson.of(encoder.token_ids(located, rows), rows, targets)


def compile_for_tokens(model: TokenClassifier, settings: TokenSettings, steps: Steps) -> None:
    """Compiles a classifier for a training of so many batches an epoch, and epochs."""
    most = settings.average_every()
    optimizer = bert_optimizer(
        settings.learning_rate,
        math.prod(steps),
        settings.layer_decay,
        most and spacing(most, steps.batches / settings.accumulate),
        settings.accumulate,
        settings.precision,
    )
    compile_token_classifier(model, optimizer, settings.xla)


def measure_of(run: TokenRun, validation: LabelledTokens) -> Callable[[], dict[str, float]]:
    """Makes what measures a run under way on entities, for the figures of an epoch."""
    marked = run.marked(validation)

    def measure() -> dict[str, float]:
        metrics = run.measure(marked, run.tag(validation.texts))
        return {f"val_{name}": metrics[name] for name in ("precision", "recall", "f1")}

    return measure
