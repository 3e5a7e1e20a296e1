"""Texts with more tokens than a classifier reads at once: cut, both ends of them, or windows."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

import regard
import small_runs
from regard.models import TextClassifier
from regard.recipes.errors import UserError
from regard.recipes.serving.export import AWKWARD_TEXTS
from regard.recipes.text import serving
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.distillation import distill, lesson_batches
from regard.recipes.text.encoding import TextEncoder
from regard.recipes.text.plans import labelled_plan
from regard.recipes.text.report import count_tokens
from regard.recipes.text.settings import TextSettings
from regard.recipes.tokenizers import portions, strings
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.ragged import head_and_tail, sequence_lengths, windows
from regard.recipes.tokenizers.strings import in_chunks
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from tiers import only_first

WORDS = [*"abcdefghijklmnopqrstuvwxyz"]
TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, *WORDS])
LONGEST = 10  # tokens, two of them special
RANDOM = np.random.default_rng(0)
TEXTS = [" ".join(RANDOM.choice(WORDS, size)) for size in (3, 8, 9, 0, 40, 23, 300)]
IS_LONG = [False, False, True, False, True, True, True]


def ragged(*lengths):
    return tf.RaggedTensor.from_row_lengths(tf.range(sum(lengths)), lengths)


def model_of(num_classes=3, longest=LONGEST):
    model = TextClassifier(
        len(TOKENIZER.vocabulary), num_classes, 12, 1, 2, 16, max_sequence_length=longest
    )
    # Far from its small first weights, so that texts get different scores.
    model.set_weights([4 * each if each.ndim > 1 else each for each in model.get_weights()])
    return model


def run_of(model, **settings):
    metadata = {
        "task": "text",
        "settings": {"max_sequence_length": model.config["max_sequence_length"], **settings},
        "class_names": ["a", "b", "c"],
        "data": {"train": {"text_column": "text", "label_column": "label"}},
    }
    return regard.TextRun(model, TOKENIZER, metadata, {})


@pytest.fixture(scope="module")
def model():
    return model_of()


@pytest.fixture(scope="module")
def runs(model):
    return {each: run_of(model, long_texts=each) for each in ("cut", "head-tail", "windows")}


def logits_of(model, rows):
    """The logits of rows of token ids without special ones, each by itself."""
    return np.concatenate([model(TOKENIZER.pack(enclosed([row]))) for row in rows])


def enclosed(rows):
    return TOKENIZER.enclose(tf.ragged.constant(rows, tf.int32), LONGEST)


def softmax(logits):
    return tf.nn.softmax(tf.constant(logits)).numpy()


def test_both_ends_by_hand():
    whole = ragged(510, 1000, 0, 511)
    first, long, nothing, least = head_and_tail(whole, 510).to_list()
    assert first == list(range(510)) and nothing == []
    assert long == [*range(510, 638), *range(1128, 1510)]  # 128 and 382, as in the paper
    assert least == [*range(1510, 1638), *range(1639, 2021)]
    assert head_and_tail(ragged(5, 2), 1).to_list() == [[0], [5]]
    assert head_and_tail(ragged(9), 4).to_list() == [[0, 6, 7, 8]]


def test_windows_by_hand():
    found, rows = windows(ragged(3, 8, 9, 0, 20), 8)
    assert rows.numpy().tolist() == [0, 1, 2, 2, 3, 4, 4, 4]
    assert found.to_list() == [
        [*range(3)],
        [*range(3, 11)],
        [*range(11, 19)],
        [*range(12, 20)],
        [],
        [*range(20, 28)],
        [*range(26, 34)],
        [*range(32, 40)],
    ]
    nothing, rows = windows(ragged(), 8)
    assert (nothing.nrows(), rows.shape) == (0, (0,))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 30, 254])
def test_windows_read_all_and_overlap(length):
    lengths = [0, 1, length, length + 1, 2 * length, 3 * length + 1, 997]
    whole = ragged(*lengths)
    found, rows = windows(whole, length)
    for row, text in enumerate(whole.to_list()):
        parts = [part for part, of in zip(found.to_list(), rows, strict=True) if of == row]
        assert {len(part) for part in parts} == {min(length, len(text))}
        assert [token for token in text if not any(token in part for part in parts)] == []
        starts = [part[0] for part in parts if part]
        steps = np.diff(starts)
        assert all(0 < step <= max(1, length - length // 4) for step in steps)
        assert not len(steps) or np.ptp(steps) <= 1  # spread evenly


def test_what_is_long_is_known_and_what_is_cut_is_as_before():
    cut, ends, parts = (
        TextEncoder(TOKENIZER, LONGEST, each) for each in ("cut", "head-tail", "windows")
    )
    encoded = cut.encode_all(TEXTS)
    assert encoded.token_ids.to_list() == TOKENIZER.encode_all(TEXTS, LONGEST).to_list()
    assert cut.truncates(encoded).tolist() == ends.truncates(ends.encode_all(TEXTS)).tolist()
    assert cut.truncates(encoded).tolist() == encoded.is_long.tolist() == IS_LONG
    in_parts = parts.encode_all(TEXTS)
    assert in_parts.is_long.tolist() == IS_LONG and not parts.truncates(in_parts).any()
    assert len(encoded) == len(in_parts) == len(TEXTS)
    pairs = [("a b c", "d e f g"), ("a b c", "d e f g h"), ("", "a " * 8)]
    encoded = cut.encode_all(pairs)
    assert encoded.is_long.tolist() == [False, True, True]
    assert encoded.token_ids.to_list() == TOKENIZER.encode_all(pairs, LONGEST).to_list()


def test_two_separators_between_texts_are_counted():
    """As in RoBERTa and MPNet; the report draws these lengths, too."""
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *WORDS], num_between=2)
    pairs = [("a b c", "d e f"), ("a b c", "d e f g"), ("a", "")]
    encoded = TextEncoder(tokenizer, LONGEST).encode_all(pairs)
    assert encoded.is_long.tolist() == [False, True, False]
    assert sequence_lengths(encoded.token_ids).numpy().tolist() == [10, 10, 5]
    for each, lengths in ((tokenizer, [10, 11, 5]), (TOKENIZER, [9, 10, 4])):
        assert count_tokens(each, pairs).tolist() == lengths
        whole = each.encode_all(pairs, 64)
        assert sequence_lengths(whole).numpy().tolist() == lengths
        assert count_tokens(each, ["a b", ""]).tolist() == [4, 2]


def test_chunks_of_many_texts_are_joined(monkeypatch):
    encoder = TextEncoder(TOKENIZER, LONGEST, "windows")
    whole = encoder.encode_all(TEXTS * 3)
    monkeypatch.setattr("regard.recipes.tokenizers.strings.CHUNK", 4)
    again = encoder.encode_all(TEXTS * 3)
    assert again.token_ids.to_list() == whole.token_ids.to_list()
    assert again.owners.tolist() == whole.owners.tolist()
    assert again.is_long.tolist() == IS_LONG * 3


def test_windows_have_the_mean_of_their_logits(model, runs):
    found = runs["windows"].predict_probabilities(TEXTS)
    whole = TOKENIZER.tokenize(tf.constant(TEXTS))
    parts, rows = windows(whole, LONGEST - 2)
    logits = logits_of(model, parts.to_list())
    expected = [logits[rows.numpy() == row].mean(axis=0) for row in range(len(TEXTS))]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(expected), atol=1e-5)


def test_both_ends_are_read(model, runs):
    found = runs["head-tail"].predict_probabilities(TEXTS)
    whole = TOKENIZER.tokenize(tf.constant(TEXTS)).to_list()
    rows = [row if len(row) <= 8 else [*row[:2], *row[-6:]] for row in whole]
    np.testing.assert_allclose(found, softmax(logits_of(model, rows)), atol=1e-5)


def test_short_texts_are_read_alike_whatever_is_done_with_long_ones(model, runs):
    short = [text for text, is_long in zip(TEXTS, IS_LONG, strict=True) if not is_long]
    expected = runs["cut"].predict_probabilities(short)
    for run in runs.values():
        np.testing.assert_array_equal(run.predict_probabilities(short), expected)
    old = run_of(model)  # which says nothing of long texts
    cut = runs["cut"].predict_probabilities(TEXTS)
    np.testing.assert_array_equal(old.predict_probabilities(TEXTS), cut)


@pytest.mark.parametrize("long_texts", ["cut", "head-tail", "windows"])
def test_predictions_say_what_was_not_read_as_a_whole(runs, long_texts):
    predictions = runs[long_texts].predict(TEXTS)
    truncated = [json.loads(each.to_json()).get("truncated") for each in predictions]
    if long_texts == "windows":
        assert truncated == [None] * len(TEXTS)
    else:
        assert truncated == [is_long or None for is_long in IS_LONG]
    assert set(json.loads(predictions[0].to_json())) == {"text", "label", "score", "scores"}


@pytest.mark.parametrize(
    ("long_texts", "expected"),
    [
        ("cut", "the rest is not read (--long-texts cut)"),
        ("head-tail", "the middle is not read (--long-texts head-tail)"),
        ("windows", "they are read in windows (--long-texts windows)"),
    ],
)
def test_evaluate_says_how_many_are_long(runs, long_texts, expected, caplog):
    labels = ["a", "b", "c", "a", "b", "c", "a"]
    data = LabelledTexts("test.csv", TEXTS, labels, "text", "label")
    runs[long_texts].evaluate(data.take([0, 1, 3]))  # none of which is long
    runs[long_texts].evaluate(data)
    message = f"texts longer than 10 tokens (--max-sequence-length), 4 of 7: {expected}."
    said = [record.getMessage() for record in caplog.records if record.name == "regard"]
    assert said == [message]


@pytest.mark.slow
def test_an_export_reads_windows(tmp_path):
    run = run_of(model_of(longest=60), long_texts="windows")
    path = run.export(tmp_path)  # and is tried in another process, with a text of 100 kB
    signatures = tf.saved_model.load(str(path)).signatures
    texts = [*AWKWARD_TEXTS, *map(str.encode, TEXTS)]
    expected = run.predict_probabilities(texts)
    answer = signatures["serving_default"](texts=tf.constant(texts))
    np.testing.assert_allclose(answer["scores"], expected, rtol=0, atol=1e-5)
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))}
            )
        ).SerializeToString()
        for text in texts
    ]
    answer = signatures["classify"](inputs=tf.constant(examples))
    np.testing.assert_allclose(answer["scores"], expected, rtol=0, atol=1e-5)
    nothing = tf.constant([], tf.string)
    assert signatures["serving_default"](texts=nothing)["scores"].shape == (0, 3)


def test_what_an_export_computes_is_what_predict_does(model, runs):
    for run in runs.values():
        logits = serving._logits(model, run.encoder, {"texts": tf.constant(TEXTS)})
        scores = tf.nn.softmax(logits)
        np.testing.assert_allclose(scores, run.predict_probabilities(TEXTS), rtol=0, atol=1e-5)


def test_windows_go_through_the_model_a_few_at_a_time():
    shapes = []

    class Counter:
        output_shape = (None, 2)

        def __call__(self, inputs, training):
            shapes.append(tuple(inputs["token_ids"].shape))
            return tf.zeros([len(inputs["token_ids"]), 2])

    encoder = TextEncoder(TOKENIZER, LONGEST, "windows")
    logits = serving._logits(Counter(), encoder, {"texts": tf.constant(["a " * 2000, "b"])})
    assert logits.shape == (2, 2)
    assert max(rows for rows, _ in shapes) == 32
    assert {length for _, length in shapes} == {LONGEST}
    assert sum(rows for rows, _ in shapes) == 333 + 1


def test_every_window_is_an_example_and_every_text_counts_as_one(model):
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    texts = TextEncoder(TOKENIZER, LONGEST, "windows").encode_all(TEXTS)
    settings = TextSettings(
        max_sequence_length=LONGEST, batch_tokens=40, label_smoothing=0.0, adversarial=0.0
    )
    plan = labelled_plan(
        model_of(2), texts, labels, TOKENIZER, settings.with_defaults(token_dropout=0.0)
    )
    found = []
    for inputs, targets, weights in plan.batches().take(plan.batches_per_epoch):
        rows = inputs["token_ids"].numpy().tolist()
        found += zip(map(tuple, rows), targets.numpy()[:, 1], weights.numpy(), strict=True)
    assert len(found) == len(texts.owners) > 50
    total = {label: sum(weight for _, each, weight in found if each == label) for label in (0, 1)}
    # Class weights follow the inverse root of a class's share of the texts: the sum is its root.
    assert total[1] / total[0] == pytest.approx((4 / 3) ** 0.5, rel=1e-5)
    assert np.mean([weight for *_, weight in found]) == pytest.approx(1, rel=1e-5)


def test_a_teacher_reads_a_text_of_several_windows_as_a_whole():
    """Only the last word of the second window tells the kinds."""
    random = np.random.default_rng(0)
    rows, labels, owners = [], [], []
    for text in range(60):
        first, last = random.integers(5, 7, size=2)
        noise = random.integers(10, 30, size=(2, 6))
        noise[0, 0], noise[1, -1] = first, last
        rows += list(noise[: 1 + (text % 5 > 0)])
        owners += [text] * (1 + (text % 5 > 0))
        labels.append(int(last == 6 and text % 5 > 0))
    labels, owners = np.array(labels), np.array(owners)
    lesson = distill(
        rows, labels, np.eye(2)[labels], TOKENIZER.vocabulary, epochs=2, seed=0, owners=owners
    )
    count = len(rows)
    targets, weights = lesson.targets, lesson.weights
    assert lesson.rows[: 2 * count].tolist() == [*range(count)] * 2
    for text in range(60):
        assert np.ptp(targets[:count][owners == text], axis=0).max() == 0
        assert weights[:count][owners == text].sum() == pytest.approx(weights[0])
    assert len(weights) == len(lesson.texts) and set(weights[count:]) == {1.0}
    assert (targets[:count].argmax(axis=1) == labels[owners]).mean() > 0.9
    settings = TextSettings(max_sequence_length=LONGEST, batch_tokens=64, token_dropout=0.0)
    _, batches = lesson_batches(lesson, TOKENIZER, settings)
    seen = {float(w) for *_, each in batches().take(80) for w in each["logits"]}
    assert seen == {float(weight) for weight in weights}


def test_pairs_are_only_cut(tmp_path):
    texts = [f"text {number}" for number in range(20)]
    columns = ("first", "label", 0, ["b"] * 20, "second")
    data = LabelledTexts("pairs.csv", texts, ["x", "y"] * 10, *columns)
    for long_texts in ("head-tail", "windows"):
        with pytest.raises(UserError, match=rf"pairs\.csv.*can only be cut.*{long_texts}"):
            regard.fit_text(data, long_texts=long_texts, output=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", only_first(["text", "taught"]))
def test_a_training_reads_windows(task, tmp_path, caplog):
    caplog.set_level("INFO", logger="regard")
    settings = {"max_sequence_length": 12, "long_texts": "windows"}
    small_runs.fit(task, tmp_path / "run", **settings)
    run = regard.TextRun.load(tmp_path / "run")
    assert run.metadata["settings"]["long_texts"] == "windows"
    said = [each.getMessage() for each in caplog.records if "longer than" in each.getMessage()]
    assert len(said) == 1 and "of 250:" in said[0] and "texts longer than 12 tokens" in said[0]
    assert run.metrics["num_examples"] == 30
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        epoch = run.metrics["best_epoch" if task == "text" else "last_epoch"]
        kept = list(csv.DictReader(file))[epoch - 1]
    # What is measured after an epoch is what is measured in the end: texts, not windows.
    assert float(kept["val_macro_f1"]) == pytest.approx(run.metrics["macro_f1"], abs=1e-6)
    assert float(kept["val_loss"]) == pytest.approx(run.metrics["log_loss"], rel=1e-3)


def test_texts_are_tokenized_some_megabytes_at_a_time(monkeypatch):
    texts = tf.constant(["good film", "", "a bad film " * 9, "good", "film " * 40, "bad"])
    whole, empty = TOKENIZER.tokenize(texts), TOKENIZER.tokenize(texts[:0])
    assert (whole.shape[0], empty.nrows()) == (6, 0)
    monkeypatch.setattr(portions, "AT_ONCE", 32)
    ask = tf.function(TOKENIZER.tokenize, [tf.TensorSpec([None], tf.string)], autograph=False)
    for tokenize in (TOKENIZER.tokenize, ask):
        assert tokenize(texts).to_list() == whole.to_list()
        assert tokenize(texts[:0]).to_list() == []
    monkeypatch.setattr(portions, "LONGEST_READ", 9)
    assert TOKENIZER.tokenize(texts)[2].numpy().tolist() == whole[2].numpy().tolist()[:3]


def test_a_text_of_megabytes_is_said_to_be_cut(monkeypatch, caplog):
    monkeypatch.setattr(strings, "LONGEST_READ", 9)
    texts = ["a" * 9, "a" * 10, "é" * 5, ""]
    for given in (texts, list(zip(texts, texts[::-1], strict=True))):
        list(in_chunks(given))
    assert caplog.messages == [f"texts longer than 9 bytes, cut there: {n}" for n in (2, 4)]
