"""Few texts a class: one block that reads the mean, vectors in pairs, and a linear head."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from regard import LabelledTexts, TextRun, fit_text
from regard.models import TextClassifier
from regard.models.mean_reading import can_read_mean, with_mean_block
from regard.recipes.errors import UserError
from regard.recipes.text.few_shot import PairLoss, fit_head, vectors_of
from regard.recipes.text.reviews import generate_reviews

SIZES = {
    "vocabulary_size": 40,
    "num_classes": 3,
    "hidden_dim": 32,
    "num_layers": 2,
    "num_heads": 4,
    "intermediate_dim": 24,
    "max_sequence_length": 12,
}
LENGTHS = np.array([[9], [4], [2]])


@pytest.fixture(scope="module")
def inputs():
    token_ids = np.random.default_rng(3).integers(5, 40, (3, 9))
    mask = np.arange(9) < LENGTHS
    return {
        "token_ids": np.where(mask, token_ids, 0),
        "segment_ids": np.zeros((3, 9), int),
        "padding_mask": mask,
    }


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "roberta"])
def test_the_first_token_has_the_mean_of_all(family, inputs):
    model = TextClassifier(**SIZES, family=family)
    assert can_read_mean(model)
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])
    states = np.array(model.encoder(x, inputs["padding_mask"]))
    weights = inputs["padding_mask"][..., None] / LENGTHS[..., None]
    means = (states * weights).sum(axis=1)
    deeper = with_mean_block(model)
    assert deeper.config == {**model.config, "num_layers": 3}
    vectors = np.array(vectors_of(deeper)(inputs))
    cosines = (_unit(vectors - vectors.mean(1, keepdims=True)) * _unit(means)).sum(axis=1)
    assert (cosines > 0.99).all()
    pooled = np.array(keras.Model(deeper.input, deeper.pooler.output)(inputs))
    for vector, answer in zip(vectors, pooled, strict=True):  # in a straight line
        assert np.corrcoef(vector, answer)[0, 1] > 0.999


def test_what_knows_distances_or_shares_weights_cannot():
    for family in ("mpnet", "albert", "deberta-v2", "modernbert"):
        assert not can_read_mean(TextClassifier(**SIZES, family=family)), family


def test_pairs_by_hand():
    vectors = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    targets = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    half = 0.5**0.5  # the cosine of the third with both others
    alike, unlike = (1 - half) ** 2, half**2
    expected = [(alike + 0) / 2, (0 + (0 + unlike) / 2) / 2, (alike + unlike) / 2]
    np.testing.assert_allclose(PairLoss(reduction=None)(targets, vectors), expected, rtol=1e-6)
    assert float(PairLoss()(targets[:1], vectors[:1])) == 0  # nothing to compare with


@pytest.fixture(scope="module")
def run(small_run, tmp_path_factory):
    texts = LabelledTexts("few", *generate_reviews(16, 5, held_out=False), "text", "label")
    given = {"validation": 0.25, "refit": False, "few_shot": True}
    output = tmp_path_factory.mktemp("few") / "run"
    return fit_text(texts, output=output, checkpoint=str(small_run("text")), **given), texts


def test_a_run_of_few_texts_is_a_bert_with_a_block_more(run, small_run):
    run, texts = run
    before = TextRun.load(small_run("text")).model.config["num_layers"]
    assert run.model.config["num_layers"] == before + 1
    assert run.model.layout.model_type == "bert"
    again = TextRun.load(run.directory)
    answers = [[each.score for each in one.predict(texts.texts[:4])] for one in (run, again)]
    assert answers[0] == answers[1]
    losses = [row["loss"] for row in run.history]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("num_classes", [2, 3])
def test_its_head_is_a_logistic_regression(run, num_classes):
    run, texts = run
    model = TextClassifier.from_config({**run.model.get_config(), "num_classes": num_classes})
    for ours, theirs in zip(model.weights[:-2], run.model.weights, strict=False):
        ours.assign(theirs)  # all but the head
    labels = np.arange(len(texts)) ** 2 % 7 % num_classes  # of classes that are not equally many
    encoded = run.encoder.encode_all(texts.texts)
    fit_head(model, encoded, labels, run.tokenizer)
    pooled = keras.Model(model.input, model.pooler.output)
    inputs = run.tokenizer.pack(encoded.token_ids)
    features = np.array(pooled(inputs))
    features -= features.mean(axis=0)
    scale = np.sqrt(np.square(features).sum(axis=1).mean())
    expected = LogisticRegression(max_iter=1000, class_weight="balanced")
    expected.fit(features / scale, labels)
    answers = keras.ops.softmax(model(inputs))
    np.testing.assert_allclose(answers, expected.predict_proba(features / scale), atol=1e-3)


def test_of_texts_that_are_all_the_same_nothing_is_learned(run):
    run, texts = run
    model = TextClassifier.from_config(run.model.get_config())
    encoded = run.encoder.encode_all(texts.texts[:1] * 6)
    fit_head(model, encoded, np.array([0, 1] * 3), run.tokenizer)
    scores = keras.ops.softmax(model(run.tokenizer.pack(encoded.token_ids)))
    np.testing.assert_allclose(scores, 0.5, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checkpoint": None}, "name a --checkpoint"),
        ({"lora": 4}, "leave out the one or the other. Received: few_shot=True, lora=4"),
        ({"adversarial": 0.1}, "few_shot=True, adversarial=0.1"),
        ({"patience": 3}, "few_shot=True, patience=3"),
    ],
)
def test_what_does_not_go_with_it(given, message, tmp_path):
    settings = {"checkpoint": "a", "few_shot": True, **given}
    with pytest.raises(UserError, match=message):
        fit_text("nothing.csv", output=tmp_path / "run", **settings)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
