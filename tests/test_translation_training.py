import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from regard.models import Translator
from regard.recipes.training.fit import Measured, Steps, fit
from regard.recipes.translation.batches import ordered_batches, training_batches
from regard.recipes.translation.data import ParallelTexts
from regard.recipes.translation.settings import TranslationSettings
from regard.recipes.translation.training import (
    BestBleu,
    InverseSquareRoot,
    SmoothedCrossentropy,
    compile_translator,
    measure_bleu,
)

B, T, V = 3, 5, 7


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    targets = random.integers(0, V, size=(B, T))
    logits = tf.constant(random.normal(0, 3, size=(B, T, V)), tf.float32)
    weights = (random.random((B, T)) < 0.6).astype("float32")
    assert 0 < weights.sum() < B * T
    return targets, logits, weights


# Loss


def endless(data):
    return lambda first_step, share: data.repeat()


def test_smoothed_loss_by_hand():
    logits = np.log([[[0.5, 0.25, 0.125, 0.125]]])
    loss = SmoothedCrossentropy(0.2)(np.array([[0]]), logits)
    expected = -(0.85 * np.log(0.5) + 0.05 * np.log(0.25) + 2 * 0.05 * np.log(0.125))
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert float(SmoothedCrossentropy()(np.array([[2]]), logits)) == pytest.approx(np.log(8))


def test_loss_is_the_mean_over_real_tokens():
    logits = np.log([[[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]])
    loss = SmoothedCrossentropy()(np.array([[0, 0, 0]]), logits, np.array([[1.0, 1.0, 0.0]]))
    assert float(loss) == pytest.approx((np.log(2) + np.log(4)) / 2, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("weighted", [True, False])
def test_loss_and_gradient_are_those_of_keras(batch, smoothing, weighted):
    targets, logits, weights = batch
    theirs = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="mean_with_sample_weight"
    )
    results = []
    for loss, target in ((SmoothedCrossentropy(smoothing), targets), (theirs, np.eye(V)[targets])):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(target, logits, weights if weighted else None)
        results.append((value, tape.gradient(value, logits)))
    (ours, our_gradient), (expected, expected_gradient) = results
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    np.testing.assert_allclose(our_gradient, expected_gradient, atol=1e-6)
    if weighted:
        assert not np.any(our_gradient.numpy()[weights == 0])


def test_loss_holds_for_large_logits():
    logits = np.array([[[1e4, -1e4, 0.0]]], "float32")
    assert float(SmoothedCrossentropy(0.3)(np.array([[0]]), logits)) == pytest.approx(0.3 * 1e4)


def test_loss_comes_back_from_its_config():
    loss = SmoothedCrossentropy(0.3, name="mine", reduction="sum")
    config = keras.losses.serialize(loss)
    again = keras.losses.deserialize(config)
    assert type(again) is SmoothedCrossentropy
    assert again.get_config() == loss.get_config()
    assert (again.label_smoothing, again.name, again.reduction) == (0.3, "mine", "sum")


# Learning rate


def test_learning_rate_is_that_of_the_paper():
    width, warmup_steps = 128, 40
    schedule = InverseSquareRoot((width * warmup_steps) ** -0.5, warmup_steps)
    for step in (1, 2, 39, 40, 41, 1000, 10**6):
        expected = width**-0.5 * min(step**-0.5, step * warmup_steps**-1.5)
        assert float(schedule(step - 1)) == pytest.approx(expected, rel=1e-5)


def test_learning_rate_by_hand():
    schedule = InverseSquareRoot(peak=2.0, warmup_steps=4)
    rates = [float(schedule(step)) for step in (0, 1, 3, 15, 63)]
    assert rates == pytest.approx([0.5, 1.0, 2.0, 1.0, 0.5])
    again = InverseSquareRoot.from_config(schedule.get_config())
    assert again.get_config() == {"peak": 2.0, "warmup_steps": 4}
    assert float(InverseSquareRoot(2.0, 1)(0)) == 2.0


@pytest.mark.parametrize("warmup_steps", [0, -3])
def test_there_is_a_warm_up(warmup_steps):
    with pytest.raises(ValueError, match=f"at least 1. Received: warmup_steps={warmup_steps}"):
        InverseSquareRoot(1.0, warmup_steps)


# Training

VOCABULARY = 17
END, PAD = 0, VOCABULARY - 1


def make_translator():
    keras.utils.set_random_seed(7)
    return Translator(
        VOCABULARY, hidden_dim=14, num_layers=1, num_heads=2, intermediate_dim=19, dropout=0.0
    )


def settings(learning_rate, warmup_steps):
    return TranslationSettings(learning_rate=learning_rate, warmup_steps=warmup_steps)


def make_pairs(count=24):
    """Targets are the sources, one up."""
    random = np.random.default_rng(0)
    sources = [random.integers(1, PAD - 1, size=random.integers(1, 6)) for _ in range(count)]
    return tuple([[*(row + up), END] for row in sources] for up in (0, 1))


def test_a_step_changes_every_weight():
    model = make_translator()
    compile_translator(model, settings(0.01, 1), 10)
    before = model.get_weights()
    inputs, targets, weights = next(iter(ordered_batches(make_pairs(), 1000, PAD)))
    model.train_on_batch(inputs, targets, weights)
    for old, weight in zip(before, model.weights, strict=True):
        assert np.any(old != np.array(weight)), weight.path


def test_training_lowers_the_loss_and_keeps_a_mean_of_the_weights():
    model = make_translator()
    compile_translator(model, settings(0.02, 10), 100)
    pairs = make_pairs()
    batches = training_batches(lambda epoch: pairs, 60, 0, PAD)
    validation = ordered_batches(pairs, 60, PAD)
    before = model.evaluate(validation, verbose=0, return_dict=True)
    history, best_epoch = fit(
        model, lambda step, share: batches, lambda share: validation, Steps(20, 5), best=None
    )
    after = model.evaluate(validation, verbose=0, return_dict=True)
    assert best_epoch == 5
    assert before["cross_entropy"] > 2.5 > 1.5 > after["cross_entropy"]
    assert after["loss"] > after["cross_entropy"]  # for it is smoothed
    assert history[-1]["val_loss"] == pytest.approx(after["loss"], rel=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 20, 1000])
def test_figures_are_means_over_real_tokens(batch_tokens):
    """However the pairs are put into batches, long ones with long ones or all together."""
    model = make_translator()
    compile_translator(model, settings(0.01, 1), 10)
    pairs = make_pairs()
    figures = model.evaluate(ordered_batches(pairs, batch_tokens, PAD), verbose=0, return_dict=True)
    losses = []
    for source, target in zip(*pairs, strict=True):
        inputs, *_ = next(iter(ordered_batches(([source], [target]), 1, PAD)))
        shares = keras.ops.softmax(model(inputs))[0].numpy()  # (T, V)
        losses.extend(-np.log(shares[np.arange(len(target)), target]))
    assert figures["cross_entropy"] == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize(
    ("total_steps", "momentum"), [(1, 0.0), (20, 0.0), (2000, 0.99), (10**6, 0.999)]
)
def test_optimizer_is_that_of_the_paper(total_steps, momentum):
    model = make_translator()
    compile_translator(model, settings(0.25, 4), total_steps)
    optimizer = model.optimizer
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.9, 0.98, 1e-9)
    assert not optimizer.weight_decay
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, pytest.approx(momentum))
    assert float(optimizer.learning_rate) == 0.25 / 4
    assert model.loss.label_smoothing == 0.1


# The best epoch

WRITTEN = ["快速的棕色狐狸跳过了懒狗"]


def learner(use_ema):
    """A model of one kernel, which each step changes, and its data."""
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    averaging = {"use_ema": True, "ema_momentum": 0.7} if use_ema else {}
    model.compile(keras.optimizers.SGD(0.5, **averaging), "mse", jit_compile=False)
    data = tf.data.Dataset.from_tensors((np.eye(2, dtype="float32"),) * 2)
    return model, data


@pytest.mark.parametrize("use_ema", [True, False])
def test_the_epoch_that_translates_best_is_kept_as_it_was_validated(use_ema):
    model, data = learner(use_ema)
    right_words = [4, 6, 9, 8, 5]  # of ten, in each epoch
    kept = []

    def measure():
        kept.append(model.get_weights()[0])
        return {"val_bleu": right_words[len(kept) - 1]}

    held_out, best = (lambda share: data), BestBleu(9)
    history, best_epoch = fit(
        model, endless(data), held_out, Steps(1, 5), best, callbacks=[Measured(measure)]
    )
    assert best_epoch == 3
    np.testing.assert_array_equal(model.get_weights()[0], kept[2])
    assert len({each.tobytes() for each in kept}) == 5
    assert [row["val_bleu"] for row in history] == right_words


@pytest.mark.parametrize(
    ("bleu", "chrf", "expected"),
    [
        ([0.0, 0.0, 0.0], [20.0, 76.0, 60.0], 2),  # where BLEU tells nothing, chrF does
        ([0.3, 0.1, 0.0], [20.0, 60.0, 76.0], 3),  # and where it tells next to nothing
        ([2.5, 30.0, 29.9], [76.0, 60.0, 99.0], 2),
        ([30.0, 30.0, 30.0], [60.0, 60.0, 61.0], 3),
        ([1.9, 2.1, 0.0], [99.0, 20.0, 99.0], 2),
    ],
)
def test_chrf_decides_where_bleu_cannot(bleu, chrf, expected):
    best = BestBleu(9)
    best.set_model(learner(use_ema=False)[0])
    best.on_train_begin()
    for epoch, figures in enumerate(zip(bleu, chrf, strict=True)):
        best.on_test_end()
        best.on_epoch_end(epoch, dict(zip(("val_bleu", "val_chrf"), figures, strict=True)))
    assert best.best_epoch + 1 == expected


def test_training_stops_where_translations_get_no_better():
    model, data = learner(use_ema=True)
    scores = iter([20.0, 100.0, *[0.0] * 20])
    held_out, best = (lambda share: data), BestBleu(3)
    measured = [Measured(lambda: {"val_bleu": next(scores)})]
    history, best_epoch = fit(
        model, endless(data), held_out, Steps(1, 20), best, callbacks=measured
    )
    assert (best_epoch, len(history)) == (2, 5)


def test_bleu_is_that_of_greedy_translations_tokenized_as_the_references_ask(monkeypatch):
    def translate(how, texts):
        assert (how, texts) == ({"num_beams": 1, "length_penalty": 1.0}, ["a source"])
        return WRITTEN, None

    module = "regard.recipes.translation.training"
    monkeypatch.setattr(f"{module}.translation_function", lambda *_, **how: how)
    monkeypatch.setattr(f"{module}.translate_all", translate)
    data = ParallelTexts("a file", ["a source"], ["快速的棕色狐狸跳过懒狗"])
    measure = measure_bleu(None, None, data, length=64)
    expected = sacrebleu.corpus_bleu(WRITTEN, [data.targets], tokenize="zh").score
    chrf = sacrebleu.corpus_chrf(WRITTEN, [data.targets]).score
    assert measure() == {"val_bleu": pytest.approx(expected), "val_chrf": pytest.approx(chrf)}
    assert 50 < expected < 100
