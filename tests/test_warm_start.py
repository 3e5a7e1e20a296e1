import numpy as np

from regard.layers import Encoder
from regard.models import TextClassifier
from regard.recipes.text.warm_start import EVIDENCE_DIM, warm_start

PIECES = ["[PAD]", "ness", "##ness", "good", "##s"]
EVIDENCE = np.array([[0.0], [1.0], [1.0], [-2.0], [0.5]])


def warm_classifier(seed=0, evidence=EVIDENCE, preset="scratch"):
    model = TextClassifier.from_preset(
        preset, vocabulary_size=len(PIECES), num_classes=2, max_sequence_length=200
    )
    warm_start(model, PIECES, evidence, seed)
    return model


def embedded(model, token_ids):
    token_ids = np.array(token_ids)
    return model.embedding(token_ids, token_ids * 0)


def test_one_head_looks_at_the_previous_token_and_one_at_the_next():
    model = warm_classifier()
    random = np.random.default_rng(0)
    x = embedded(model, random.integers(len(PIECES), size=(3, 150)))
    weights = np.array(model.encoder.blocks[0].attention.attention_weights(x))  # (B, N, T, T)
    places = np.arange(150)
    for head, distance in ((0, -1), (1, 1)):
        inner = places[1:-1]
        assert (weights[:, head, inner].argmax(axis=-1) == inner + distance).all()
        assert weights[:, head, inner, inner + distance].mean() > 0.5


def test_other_blocks_begin_with_the_mean_in_its_place():
    attention = warm_classifier().encoder.blocks[1].attention
    x = np.random.default_rng(0).normal(size=(2, 30, 128)).astype("float32")
    weights = np.array(attention.attention_weights(x))
    np.testing.assert_allclose(weights, 1 / 30, rtol=0.2)
    mean = x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(attention(np.repeat(mean, 30, axis=1))[:, :1], mean, atol=1e-4)


def test_both_forms_of_a_piece_are_alike():
    table = np.array(warm_classifier().embedding.token_embedding.embeddings)
    assert np.array_equal(table[1], table[2])
    assert not np.array_equal(table[1], table[4])


def test_pieces_carry_their_evidence():
    for columns in (1, 3, 20):
        evidence = np.random.default_rng(0).normal(size=(len(PIECES), columns))
        table = np.array(warm_classifier(evidence=evidence).embedding.token_embedding.embeddings)
        carried = table[:, -EVIDENCE_DIM:]
        _, residual, *_ = np.linalg.lstsq(evidence, carried, rcond=None)
        assert np.all(residual < 1e-8)
        np.testing.assert_allclose(carried.std(axis=0), 0.05, rtol=1e-4)


def test_evidence_may_say_nothing():
    model = warm_classifier(evidence=np.zeros((len(PIECES), 2)))
    assert np.isfinite(embedded(model, [[1, 2, 3]])).all()


def test_same_seed_same_weights():
    first, second, other = (
        np.array(warm_classifier(seed).embedding.token_embedding.embeddings) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_wider_heads_do_as_well():
    model = warm_classifier(preset="tiny")  # two heads of 64
    assert isinstance(model.encoder, Encoder)
    assert np.isfinite(embedded(model, [[1, 2, 3]])).all()
