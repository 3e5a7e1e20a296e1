"""Trains a translator: its loss, its learning rate, and the epoch that translates best."""

from collections.abc import Callable

import keras
from keras import ops
from sacrebleu.metrics import BLEU, CHRF

from ...models import Translator
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from ..training.fit import BestEpoch
from ..training.losses import TokenCrossentropy
from ..training.optimizers import make_optimizer, mean_momentum
from .data import ParallelTexts
from .evaluation import tokenization
from .serving import translate_all, translation_function
from .settings import TranslationSettings

TELLING_BLEU = 2.0  # of 100: below, a few matches by chance decide


@keras.saving.register_keras_serializable("regard")
class SmoothedCrossentropy(keras.losses.Loss):
    """Measures the cross-entropy of token ids (B, T) with logits (B, T, V), targets smoothed.

    It is that of Keras' `CategoricalCrossentropy` without one-hot targets, which are as large as
    the logits. In nats, a mean over the real tokens.

    Args:
        label_smoothing: Share of a target, in [0, 1), spread over all tokens. Defaults to 0.
        **kwargs: `name` and the like, for `keras.losses.Loss`.

    References:
        Szegedy et al., "Rethinking the Inception Architecture", section 7,
        https://arxiv.org/abs/1512.00567
    """

    def __init__(self, label_smoothing=0.0, **kwargs):
        super().__init__(**{"reduction": "mean_with_sample_weight", **kwargs})
        self.label_smoothing = label_smoothing

    def call(self, targets, logits):
        targets = ops.cast(targets, "int32")
        loss = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)  # (B, T)
        if not self.label_smoothing:
            return loss
        right = ops.squeeze(ops.take_along_axis(logits, targets[..., None], axis=-1), axis=-1)
        return loss + self.label_smoothing * (right - ops.mean(logits, axis=-1))

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("regard")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the peak, then falls with the inverse square root of the step.

    Args:
        peak: Highest learning rate. The paper's is (width · `warmup_steps`)^-0.5.
        warmup_steps: Number of steps to the peak, at least 1.

    References:
        Vaswani et al., "Attention Is All You Need", section 5.3, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, peak, warmup_steps):
        if warmup_steps < 1:
            raise ValueError(
                f"`warmup_steps` must be at least 1. Received: warmup_steps={warmup_steps}"
            )
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1  # so that the first step already learns
        return self.peak * ops.minimum(step / self.warmup_steps, ops.sqrt(self.warmup_steps / step))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


def compile_translator(model: keras.Model, settings: TranslationSettings, total_steps: int) -> None:
    """Compiles a `Translator` with the paper's optimizer and the mean of the last weights.

    `total_steps` is the largest number of batches of the whole training.
    """
    accumulate = settings.accumulate
    optimizer = make_optimizer(
        InverseSquareRoot(settings.learning_rate, accumulate * settings.warmup_steps),
        mean_momentum(total_steps, accumulate),
        accumulate=accumulate,
        precision=settings.precision,
        beta_2=0.98,  # this and the next as in section 5.3
        epsilon=1e-9,
        weight_decay=0.0,
    )
    model.compile(
        optimizer,
        SmoothedCrossentropy(settings.label_smoothing),
        weighted_metrics=[TokenCrossentropy(name="cross_entropy")],
        jit_compile=bool(settings.xla),
    )


class BestBleu(BestEpoch):
    """Keeps the weights of the epoch with the best BLEU, or of equals the best chrF.

    A BLEU below `TELLING_BLEU` is next to nothing, and counts as none.
    """

    def get_monitor_value(self, logs):
        bleu = logs["val_bleu"]
        return (bleu if bleu >= TELLING_BLEU else 0.0) + 1e-3 * logs.get("val_chrf", 0.0)


def measure_bleu(
    model: Translator, tokenizer: SentencePieceTokenizer, validation: ParallelTexts, length: int
) -> Callable[[], dict[str, float]]:
    """Makes what measures a model's greedy translations, at most so long, of validation data."""
    greedy = translation_function(model, tokenizer, length, num_beams=1, length_penalty=1.0)
    bleu = BLEU(tokenize=tokenization(validation.targets), force=True)
    scores = {"val_bleu": bleu, "val_chrf": CHRF()}

    def measure() -> dict[str, float]:
        written, _ = translate_all(greedy, validation.sources)
        references = [validation.targets]
        return {
            name: score.corpus_score(written, references).score for name, score in scores.items()
        }

    return measure
