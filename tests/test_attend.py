"""What a run attends to, as arrays: they are the model's own."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import regard
from commands import mistake, regard_here
from image_files import encode, picture
from regard.recipes.attention.arrays import rollout
from regard.recipes.attention.gradients import after_embedding, gradient_times_input
from regard.recipes.attention.tokens import of_sentence_pieces, of_word_pieces

MARKUP = '</script><img src=x onerror="alert(1)"> 很好 &amp; \udcff'


@pytest.fixture(scope="module")
def text_run(plain_run):
    return regard.TextRun.load(plain_run("text"))


@pytest.fixture(scope="module")
def translator(plain_run):
    return regard.TranslationRun.load(plain_run("translation"))


@pytest.fixture(scope="module")
def image_run(plain_run):
    return regard.ImageRun.load(plain_run("images"))


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "Bild <b>.png"
    path.write_bytes(encode(picture(20, 28)))
    return path


def reference_rollout(weights):
    """As in Abnar and Zuidema, equations 1 to 3, number by number."""
    num_layers, num_heads, length, _ = weights.shape
    followed = np.eye(length)
    for layer in range(num_layers):
        mixed = np.zeros((length, length))
        for head in range(num_heads):
            mixed += weights[layer, head] / num_heads
        mixed = 0.5 * mixed + 0.5 * np.eye(length)
        mixed /= mixed.sum(axis=1, keepdims=True)
        followed = mixed @ followed
    return followed


def check(heads, causal=False):
    np.testing.assert_allclose(heads.weights.sum(axis=-1), 1, atol=1e-5)
    num_queries, num_keys = heads.weights.shape[2:]
    assert (len(heads.queries), len(heads.keys)) == (num_queries, num_keys)
    assert heads.is_causal == causal
    if heads.rollout is not None:
        np.testing.assert_allclose(heads.rollout, reference_rollout(heads.weights), atol=1e-6)


def test_rollout_by_hand():
    weights = np.array([[[[0.0, 1.0], [0.5, 0.5]]], [[[1.0, 0.0], [1.0, 0.0]]]])
    np.testing.assert_allclose(rollout(weights), [[0.5, 0.5], [0.375, 0.625]])


def test_gradient_times_input_by_hand():
    """Of w · x it is w x, position by position, and of x · x twice that."""
    x = np.array([[[1.0, 2.0], [3.0, -4.0]]], "float32")
    w = np.array([[5.0, 7.0], [11.0, 13.0]], "float32")

    def outputs_of(copies, numbers):
        linear = tf.reduce_sum(copies * w, axis=(1, 2))
        return tf.where(numbers == 0, linear, tf.reduce_sum(copies**2, axis=(1, 2)))

    np.testing.assert_allclose(gradient_times_input(outputs_of, x, 2), [[19, -19], [10, 50]])


def test_text(text_run):
    text = "A lovely room, but the breakfast was bad."
    attention = text_run.attention(text)
    check(attention.heads["encoder"])
    assert attention.prediction == text_run.predict([text])[0]
    assert attention.outcomes[0].label == attention.prediction.label
    assert (attention.tokens[0], attention.tokens[-1]) == ("[CLS]", "[SEP]")
    encoded = text_run.encoder.encode_all([text])
    inputs = text_run.tokenizer.pack(encoded.token_ids)
    x = text_run.model.embedding(inputs["token_ids"], inputs["segment_ids"])
    for layer, block in enumerate(text_run.model.encoder.blocks):
        expected = block.attention.attention_weights(x, padding_mask=inputs["padding_mask"])
        np.testing.assert_allclose(attention.weights[layer], expected[0], atol=1e-6)
        x = block(x, padding_mask=inputs["padding_mask"])


def test_contributions_are_slopes(text_run):
    """By finite differences: a position's vector is made a little longer, and shorter."""
    text = "The room was dirty."
    attention = text_run.attention(text)
    inputs = text_run.tokenizer.pack(text_run.encoder.encode_all([text]).token_ids)
    x = text_run.model.embedding(inputs["token_ids"], inputs["segment_ids"]).numpy()  # (1, T, D)
    step = 1e-2 * np.eye(x.shape[1], dtype="float32")[..., np.newaxis]  # (T, T, 1)
    outputs_of = after_embedding(text_run.model, inputs)
    longer, shorter = (outputs_of(tf.constant(x * factor)) for factor in (1 + step, 1 - step))
    slopes = (longer - shorter).numpy().T / 2e-2  # (C, T)
    order = [text_run.class_names.index(each.label) for each in attention.outcomes]
    np.testing.assert_allclose(attention.contributions, slopes[order], atol=2e-3)


def test_a_long_text_says_so(text_run, caplog):
    attention = text_run.attention("very " * 2000 + "good")
    assert attention.weights.shape[-1] == text_run.max_sequence_length
    (said,) = [r.message for r in caplog.records if "longer than" in r.message]
    assert attention.note == said == "The text is longer than 256 tokens: the rest is not read."


def test_of_a_very_long_text_a_part_is_shown(text_run, caplog):
    with mock.patch("regard.recipes.text.attention.MOST_TOKENS", 16):
        attention = text_run.attention("very " * 50 + "good")
    assert attention.weights.shape[-1] == 16
    assert "longer than 16 tokens: its attention is shown in as many" in caplog.text
    assert attention.prediction.truncated is None


@pytest.mark.slow
def test_a_mask(small_run):
    run = regard.MaskedLMRun.load(small_run("pretraining"))
    attention = run.attention("The [MASK] was very [MASK].")
    check(attention.heads["encoder"])
    guesses = [guess.token for mask in attention.prediction.masks for guess in mask]
    assert [each.label for each in attention.outcomes] == guesses
    assert {attention.tokens[each.position] for each in attention.outcomes} == {"[MASK]"}
    assert attention.contributions.shape == (10, len(attention.tokens))
    with pytest.raises(regard.UserError, match="every text must hold"):
        run.attention("No mask.")


def test_a_translation(translator):
    attention = translator.attention("March 5, 2021")
    assert [each.title for each in (attention, *attention.alternatives)] == [
        each.translation for each in attention.prediction.n_best
    ]
    for each in (attention, *attention.alternatives):
        check(each.heads["encoder"])
        check(each.heads["decoder"], causal=True)
        check(each.heads["cross"])
        assert not np.triu(each.heads["decoder"].weights, 1).any()
        aligned = translator.align("March 5, 2021", each.title).weights
        blocks = each.heads["cross"].weights.mean(axis=1)
        np.testing.assert_allclose(blocks[max(0, len(blocks) - 2)], aligned, atol=1e-6)
        assert each.contributions.shape == aligned.shape
        assert each.heads["encoder"] is attention.heads["encoder"]


def test_an_image(image_run, image):
    attention = image_run.attention(image)
    check(attention.heads["encoder"])
    assert attention.weights.shape == (1, 2, 17, 17)
    assert (attention.grid, attention.picture.shape) == ((4, 4), (16, 16, 3))
    assert attention.title == image_run.predict([image])[0].label
    assert attention.contributions.shape == (3, 17)
    assert image_run.attention(image.read_bytes()).title == attention.title
    with pytest.raises(regard.UserError, match="nowhere"):
        image_run.attention("nowhere.png")


def test_a_notebook_and_pictures(text_run, translator, image_run, image, tmp_path):
    attentions = [text_run.attention(MARKUP), translator.attention("5"), image_run.attention(image)]
    for number, attention in enumerate(attentions):
        shown = attention._repr_html_()
        assert shown.startswith("<iframe srcdoc=") and shown.count("<") == 2
        attention.save(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


def test_command(plain_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = plain_run("text")
    for name in ("attention.html", "attention-2.html"):
        done = regard_here("attend", run, MARKUP)
        assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
        assert Path(name).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_mistakes(plain_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("good")
    run, images = plain_run("text"), plain_run("images")
    assert "Give the text itself" in mistake("attend", run, "notes.txt")
    assert "leave out --pair" in mistake("attend", run, "good", "--pair", "bad")
    assert "--n-best does not go with this RUN" in mistake("attend", run, "good", "--n-best", "2")
    assert ".html or .png" in mistake("attend", run, "good", "--output", "a.pdf")
    Path("a.html").touch()
    assert "--overwrite" in mistake("attend", run, "good", "--output", "a.html")
    assert "no such file" in mistake("attend", images, "nowhere.png")


def test_word_pieces_as_people_read_them():
    pieces = [
        "[CLS]",
        "good",
        "##ness",
        "!",
        "don",
        "'",
        "t",
        "(",
        "very",
        ")",
        "很",
        "好",
        "[SEP]",
    ]
    tokens = of_word_pieces(pieces, {"[CLS]", "[SEP]"})
    text = "".join(" " * token.is_spaced + token.text for token in tokens)
    assert text == "[CLS] goodness! don't (very)很好[SEP]"
    assert [token.text for token in tokens if token.is_special] == ["[CLS]", "[SEP]"]


def test_sentence_pieces_as_people_read_them():
    tokens = of_sentence_pieces(["▁A", "▁do", "g", ".", "▁", "</s>"], {"</s>"})
    text = "".join(" " * token.is_spaced + token.text for token in tokens)
    assert text == " A dog. ␣</s>"
