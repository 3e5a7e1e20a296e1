"""First weights of token embeddings from word vectors: which tokens have one, and what they are."""

import logging

import numpy as np
import pytest

import regard
import small_runs
from regard.models import TEXT_PRESETS, MaskedLanguageModel
from regard.recipes.errors import UserError
from regard.recipes.pretraining.start import start as start_pretraining
from regard.recipes.runs.provenance import file_fingerprint
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.start import start
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.training.embeddings import find_first_vectors

TEXTS = ["A fine, quiet room. Rarely so!", "a fine room", "the room is not fine", "房间 good"] * 2
WORDS = ["the", "fine", "Room", "rarely", "dreadful", "房间", "房", "e", "lovely", "[PAD]"]
PIECES = [*SPECIAL_TOKENS, "##e", "##间", "a", "fine", "room", "房", "房间"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(TEXT_PRESETS, "small_run", small_runs.TEXT)


def vectors_of(width, words=WORDS):
    rows = np.random.default_rng(7).normal(2.0, 3.0, (len(words), width)).astype("float32")
    return dict(zip(words, rows, strict=True))


def written(path, vectors):
    lines = [" ".join([word, *map(str, vector.tolist())]) for word, vector in vectors.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def source(tmp_path):
    return written(tmp_path / "vectors.txt", vectors_of(5))


def found(source, size=9, **options):
    return find_first_vectors(source, TEXTS, PIECES, size, **options)


def test_words_of_the_texts_and_then_the_first_others_become_tokens(source):
    first = found(source, size=10)  # so many words of the texts are no pieces
    assert first.pieces == [*PIECES, "the", "rarely"]
    assert found(source, size=11).pieces == [*PIECES, "the", "rarely", "dreadful"]
    first = found(source, size=12)
    assert first.pieces == [*PIECES, "the", "rarely", "dreadful", "e"]
    vectors = vectors_of(5)
    names = {"fine": "fine", "room": "Room", "房": "房", "the": "the", "rarely": "rarely"}
    names |= {"dreadful": "dreadful", "e": "e"}
    assert {first.pieces[i] for i in first.ids} == {*names}  # neither "##e" nor "[PAD]"
    for token_id, vector in zip(first.ids, first.vectors, strict=True):
        np.testing.assert_array_equal(vector, vectors[names[first.pieces[token_id]]])


def test_words_written_without_spaces_have_their_vector_wherever_they_are(source):
    first = found(source, size=30, split_chinese=False)
    have = {first.pieces[token_id] for token_id in first.ids}
    assert {"房间", "房", "##房间", "##房"} <= have
    assert "##间" not in have


def test_narrow_vectors_stay_as_they_are_and_wide_ones_keep_most(source, tmp_path):
    first = found(source)
    same, wider = first.fitted(5), first.fitted(11)
    np.testing.assert_array_equal(same.vectors, first.vectors)
    np.testing.assert_array_equal(wider.vectors[:, :5], first.vectors)
    assert not wider.vectors[:, 5:].any() and wider.kept == same.kept == 1
    narrower = first.fitted(3)
    values = np.linalg.svd(first.vectors.astype("float64"), compute_uv=False)
    assert narrower.kept == pytest.approx((values[:3] ** 2).sum() / (values**2).sum())
    products = first.vectors @ first.vectors.T
    errors = products - narrower.vectors @ narrower.vectors.T  # as little as three numbers can
    assert np.linalg.norm(errors) == pytest.approx(np.linalg.norm(values[3:] ** 2), rel=1e-4)


def test_the_scale_is_one_for_all_and_by_hand(tmp_path):
    vectors = {"the": np.array([3.0, 4]), "fine": np.array([6.0, 8]), "room": np.array([0.0, 50])}
    first = found(written(tmp_path / "a.txt", vectors)).fitted(2)
    # The middle one, (6, 8), has a root mean square of √50.
    expected = np.array([[6.0, 8], [0, 50], [3, 4]]) * 0.02 / np.sqrt(50)
    np.testing.assert_allclose(first.rows(0.02), expected, rtol=1e-6)


def settings_of(source, **options):
    small = {"preset": "small_run", "vocabulary_size": 60, "teacher": False}
    return regard.TextSettings(**{**small, "embeddings": source, **options}).completed()


TABLE = LabelledTexts("texts", TEXTS, ["good", "bad", "bad", "good"] * 2, "text", "label")


def test_all_other_first_weights_are_those_of_the_seed(source):
    """Of rows without a vector, too."""
    import keras

    models = []
    for embeddings in (None, source):
        keras.utils.set_random_seed(3)
        made = start(TABLE, settings_of(embeddings))
        models.append(made.model)
    plain = {w.path: np.array(w) for w in models[0].weights}
    told = {w.path: np.array(w) for w in models[1].weights}
    table = "embedding/token_embedding/embeddings"
    assert {n for n in plain if not np.array_equal(plain[n], told[n])} <= {table}


def test_a_table_takes_the_rows_and_keeps_the_others(source, caplog):
    with caplog.at_level(logging.INFO, "regard"):
        model, tokenizer, _, settings, vectors, _ = start(TABLE, settings_of(source))
        assert settings.learning_rate == 0.128 / 64
        rows = np.array(model.embedding.token_embedding.embeddings)
        assert vectors.vectors.shape == (len(vectors.ids), 64)
        np.testing.assert_allclose(rows[vectors.ids], vectors.rows(0.2), rtol=1e-6)
        others = np.setdiff1d(np.arange(len(rows)), vectors.ids)
        assert rows[others].std() == pytest.approx(0.0176, rel=0.1)  # as BERT's initializer has it
        token_ids = tokenizer.encode(["The room, dreadful room"], 50).values.numpy()
        vectors.tell(token_ids, (tokenizer.start_id, tokenizer.end_id))
    share = f"{len(vectors.ids)} of {len(rows)} tokens have a vector, 80% of the running text."
    assert caplog.messages == [f"Reading word vectors: {source}", f"vectors.txt: {share}"]


def test_a_slow_training_needs_no_more_spread_than_other_rows_have(source):
    made = start(TABLE, settings_of(source, learning_rate=1e-5))
    model, vectors = made.model, made.vectors
    rows = np.array(model.embedding.token_embedding.embeddings)
    np.testing.assert_allclose(rows[vectors.ids], vectors.rows(0.0176), rtol=0.1)


def test_pretraining_starts_from_them_too(source):
    settings = regard.PretrainingSettings(preset="small_run", embeddings=source).completed()
    model, tokenizer, _, vectors = start_pretraining(small_runs.corpus(), settings)
    assert isinstance(model, MaskedLanguageModel)
    assert tokenizer.vocabulary == vectors.pieces
    assert "dreadful" in vectors.pieces


def test_what_says_nothing_of_the_texts_is_refused(tmp_path):
    path = written(tmp_path / "fr.txt", vectors_of(3, ["bonjour", "monde"]))
    with pytest.raises(UserError, match=r"fr\.txt knows none of the .* words.*their language"):
        found(path)
    with pytest.raises(UserError, match=r"A checkpoint has its own embeddings.*=a.txt.*=dir"):
        regard.TextSettings(embeddings="a.txt", checkpoint="dir")
    with pytest.raises(UserError, match=r"first weights of its own.*teacher=True.*=a\.txt"):
        regard.TextSettings(embeddings="a.txt", teacher=True)


def test_remarks(tmp_path, caplog):
    path = tmp_path / "a.txt"
    path.write_text("99 3\nthe 1 2 3\nfine 1\nroom 4 5 6\nthe 2 2 2\na 1 0 1\n")
    with caplog.at_level(logging.INFO, "regard"):
        found(str(path)).fitted(2).tell(np.array([8, 8, 9, 0]), ())
    assert caplog.messages[-1].endswith(
        "; 3 numbers a word were made 2, which keeps 99.5% of their squares; 1 damaged line and 1 "
        "repeated word passed over; the file ends 94 words too early."
    )


def test_a_fingerprint_is_of_what_the_file_holds(source, tmp_path):
    first = file_fingerprint(source)
    assert first == file_fingerprint(written(tmp_path / "copy.txt", vectors_of(5)))
    assert first != file_fingerprint(written(tmp_path / "other.txt", vectors_of(3)))
    assert file_fingerprint(f"{source}/a.txt") == f"{first}/a.txt"
    assert file_fingerprint(None) is None


def test_a_run_begins_with_them(tmp_path, caplog):
    path = written(tmp_path / "words.txt", vectors_of(7, ["room", "staff", "not", "clean"]))
    with caplog.at_level(logging.INFO, "regard"), small_runs.blank_pictures():
        run = small_runs.fit_text(tmp_path / "run", embeddings=path, epochs=1)
    assert run.metadata["settings"]["embeddings"] == path
    (line,) = (message for message in caplog.messages if "have a vector" in message)
    assert line.startswith("words.txt: 3 of ")
