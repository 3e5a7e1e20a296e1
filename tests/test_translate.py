"""From strings to strings: whatever the batch, each text has the translation it has alone."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from regard.models import Translator
from regard.models.decoding import Translations, beam_search
from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer
from regard.recipes.translation import serving as translate_module
from regard.recipes.translation.serving import (
    n_best_function,
    translate_all,
    translate_n_best,
    translation_function,
)

WORDS = ["a", "the", "dog", "cat", "runs", "sleeps", "under", "green", "field", *"狗跑草地，。"]
LONGEST = 24


def made_texts(count, seed=0):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))).encode() for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer():
    texts = [text.decode() for text in made_texts(300)]
    return SentencePieceTokenizer.learn(texts, texts, 120)


@pytest.fixture(scope="module")
def model(tokenizer):
    keras.utils.set_random_seed(7)
    model = Translator(
        len(tokenizer.vocabulary),
        hidden_dim=30,
        num_layers=1,
        num_heads=2,
        intermediate_dim=19,
        max_sequence_length=LONGEST,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
    )
    # Far from its small first weights, so that texts get different translations.
    model.set_weights([2 * each if each.ndim > 1 else each for each in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def translate(model, tokenizer):
    return translation_function(model, tokenizer, LONGEST, 3, 0.8)


def unpadded(token_ids):
    mask = tf.ones_like(token_ids, tf.bool)
    return {"encoder_token_ids": token_ids, "encoder_padding_mask": mask}


@pytest.fixture(scope="module")
def expected(model, tokenizer):
    """Translations and scores of 75 texts, each searched for by itself."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def search(token_ids):
        return beam_search(model, unpadded(token_ids), LONGEST, num_beams=3, length_penalty=0.8)

    token_ids = tokenizer.encode(tf.constant(made_texts(75)), LONGEST)
    found = [search(row[tf.newaxis]) for row in token_ids]
    translations = [tokenizer.decode(each.token_ids[0, 0]).numpy().decode() for each in found]
    return translations, np.array([each.scores[0, 0] for each in found])


@pytest.mark.parametrize("size", [1, 7, 64, 75])
def test_any_batch_gives_the_same_translations_in_order(translate, expected, size):
    texts = made_texts(75)
    translations, scores = [], []
    for start in range(0, 75, size):
        some, some_scores = translate_all(translate, texts[start : start + size])
        translations.extend(some)
        scores.extend(some_scores)
    assert translations == expected[0]
    np.testing.assert_allclose(scores, expected[1], rtol=1e-4, atol=1e-5)
    assert len({*translations}) > 30


def test_another_order_of_texts(translate, expected):
    order = np.random.default_rng(1).permutation(75)
    texts = made_texts(75)
    translations, scores = translate_all(translate, [texts[place] for place in order])
    assert translations == [expected[0][place] for place in order]
    np.testing.assert_allclose(scores, expected[1][order], rtol=1e-4, atol=1e-5)


def test_no_texts(translate):
    translations, scores = translate_all(translate, [])
    assert (translations, scores.shape, scores.dtype) == ([], (0,), np.float32)


def test_empty_texts_have_empty_translations(translate, expected):
    texts = [b"", made_texts(1)[0], b"  ", "\u3000\t".encode(), "\u200b".encode()]
    translations, scores = translate_all(translate, texts)
    assert translations == ["", expected[0][0], "", "", ""]
    assert scores[[0, 2, 3, 4]].tolist() == [0.0] * 4
    assert scores[1] == pytest.approx(expected[1][0], rel=1e-4)
    translations, scores = translate_all(translate, [b""] * 40)
    assert (translations, scores.tolist()) == ([""] * 40, [0.0] * 40)


def test_awkward_texts_are_no_error(translate):
    texts = [b"\xff\xfe", b"\0", "😀龘".encode(), b"the " * 5000, "狗".encode() * 5000]
    translations, scores = translate_all(translate, texts)
    assert len(translations) == 5
    assert np.all(scores < 0)


def test_a_long_text_is_cut(translate):
    long = [b"dog " * 40, b"dog " * 23, b"dog " * 40 + b"cat"]
    translations, scores = translate_all(translate, long)
    assert len({*translations}) == 1
    np.testing.assert_allclose(scores, scores[0], rtol=1e-4)


@pytest.fixture(scope="module")
def parrot(tokenizer):
    """A model that writes "dog" without end."""
    size = len(tokenizer.vocabulary)
    ids = {"end_id": tokenizer.end_id, "pad_id": tokenizer.pad_id}
    model = Translator(size, 14, 1, 2, 19, **ids)
    model.head.bias.assign(100.0 * np.eye(size)[tokenizer.vocabulary["▁dog"]])
    return model


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize(("limit", "counts"), [(512, [24, 26, 60]), (25, [24, 25, 25])])
def test_a_translation_has_at_most_twice_the_tokens_and_twenty(
    parrot, tokenizer, num_beams, limit, counts
):
    """Its source's tokens count, the end included, and no others'."""
    texts = [b"dog", b"dog dog", b"dog " * 19]
    translate = translation_function(parrot, tokenizer, limit, num_beams, 1.0)
    alone = [translate_all(translate, [text])[0][0] for text in texts]
    assert alone == [" ".join(["dog"] * count) for count in counts]
    assert translate_all(translate, texts)[0] == alone


def test_greedy_is_the_search_with_one_beam(model, tokenizer):
    texts = made_texts(40)
    translate = translation_function(model, tokenizer, LONGEST, 1, 1.0)
    translations, scores = translate_all(translate, texts)
    alone = [translate_all(translate, [text]) for text in texts]
    assert translations == [translation for (translation,), _ in alone]
    np.testing.assert_allclose(scores, [score for _, (score,) in alone], rtol=1e-4)


def test_the_best_are_those_of_the_search_in_order(model, tokenizer, translate):
    texts = [*made_texts(40), b""]
    found, _ = translate_n_best(n_best_function(model, tokenizer, LONGEST, 3, 0.8, 2), texts)
    best, scores = translate_all(translate, texts)
    assert [len(pairs) for pairs in found] == [2] * 40 + [1]
    assert [pairs[0][0] for pairs in found] == best
    np.testing.assert_allclose([pairs[0][1] for pairs in found], scores, rtol=1e-4)
    token_ids = tokenizer.encode(tf.constant(texts[:1]), LONGEST).to_tensor()
    alone = beam_search(model, unpadded(token_ids), LONGEST, 3, 0.8)
    written = [text.decode() for text in tokenizer.decode(alone.token_ids[0, :2]).numpy()]
    assert [text for text, _ in found[0]] == written
    np.testing.assert_allclose([score for _, score in found[0]], alone.scores[0, :2], rtol=1e-4)
    assert found[40] == [("", 0.0)]


def test_texts_of_like_length_are_searched_a_few_at_a_time(model, tokenizer, monkeypatch):
    """All come back in their own order, and none is padded far beyond its length."""
    shapes = []

    def copy(model, inputs, *options, first_id):
        token_ids, mask = inputs["encoder_token_ids"], inputs["encoder_padding_mask"]
        shapes.append(tuple(token_ids.shape))
        lengths = tf.reduce_sum(tf.cast(mask, tf.float32), axis=1)
        return Translations(token_ids[:, None], lengths[:, None])

    monkeypatch.setattr(translate_module, "beam_search", copy)
    counts = np.random.default_rng(0).integers(0, 20, size=70)
    texts = [b" ".join([b"dog"] * count) for count in counts]
    translate = translation_function(model, tokenizer, LONGEST, 3, 1.0)
    answer = translate.python_function(tf.constant(texts))
    assert answer["translations"].numpy().tolist() == texts
    assert answer["scores"].numpy().tolist() == [count and count + 1 for count in counts]
    assert [rows for rows, _ in shapes] == [32, 3, 32, 3]
    ends = [1 + np.sort(counts)[end] for end in (62, 68, 63, 69)]  # every second, so two searches
    assert [length for _, length in shapes] == ends
