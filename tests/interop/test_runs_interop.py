"""A run's `model/` opens in `transformers`, and says there what it says here."""

import numpy as np
import pytest

import regard
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = [
    "The staff were not friendly at all.",
    "房间一点也不干净。",
    "Ünïcödé ＡＢＣ, [MASK] and [SEP] 😀",
    "a",
    "very " * 700 + "good",
]


def reviews(num_reviews, seed=0):
    texts, labels = generate_reviews(num_reviews, seed, held_out=False)
    return LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")


def random_checkpoint(directory, vocabulary):
    """A BERT of random weights with a tokenizer, as `transformers` saves them."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=37,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    transformers.BertForMaskedLM(config).save_pretrained(directory)
    (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary))
    return directory


@pytest.fixture(scope="module")
def scratch(plain_run):
    output = plain_run("text")
    return regard.TextRun.load(output), output


@pytest.fixture(scope="module")
def fine_tuned(scratch, tmp_path_factory):
    start = random_checkpoint(tmp_path_factory.mktemp("start"), scratch[0].tokenizer.vocabulary)
    output = tmp_path_factory.mktemp("fine-tuned") / "run"
    settings = {"epochs": 1, "lora": 2, "refit": False}
    run = regard.fit_text(reviews(120), checkpoint=str(start), output=output, **settings)
    return run, output


@pytest.mark.parametrize("kind", ["scratch", "fine_tuned"])
def test_pipeline_gives_the_runs_labels_and_probabilities(kind, request):
    run, output = request.getfixturevalue(kind)
    pipeline = transformers.pipeline("text-classification", str(output / "model"), top_k=None)
    for text, ours in zip(TEXTS, run.predict(TEXTS), strict=True):
        theirs = {each["label"]: each["score"] for each in pipeline([text], truncation=True)[0]}
        assert theirs.keys() == ours.scores.keys()
        for name, score in ours.scores.items():
            assert score == pytest.approx(theirs[name], abs=1e-5)


@pytest.mark.parametrize("kind", ["several", "values"])
def test_pipeline_gives_several_labels_and_numbers(kind, small_run):
    """By `problem_type`: the sigmoid of every class, or the number itself."""
    directory = small_run(kind, drawn=True)
    run = regard.TextRun.load(directory)
    pipeline = transformers.pipeline("text-classification", str(directory / "model"), top_k=None)
    for text, ours in zip(TEXTS, run.predict(TEXTS), strict=True):
        theirs = {each["label"]: each["score"] for each in pipeline([text], truncation=True)[0]}
        expected = ours.scores or {"value": ours.value}
        assert theirs == pytest.approx(expected, abs=1e-5 if ours.scores else 1e-2)


def test_fill_mask_gives_the_runs_guesses(plain_run):
    directory = plain_run("pretraining")
    run = regard.MaskedLMRun.load(directory)
    pipeline = transformers.pipeline("fill-mask", str(directory / "model"))
    text = "The room was [MASK]."
    ours, theirs = run.predict([text])[0].masks[0], pipeline(text)
    scores = {each["token"]: each["score"] for each in theirs}  # by id
    for guess in ours:
        token_id = run.tokenizer.vocabulary.index(guess.token)
        assert guess.score == pytest.approx(scores[token_id], abs=1e-5)


def test_goes_on_in_transformers_and_comes_back(scratch, tmp_path):
    """A run that `transformers` saves again is still a start for us, with its classifier."""
    _, output = scratch
    model = transformers.AutoModelForSequenceClassification.from_pretrained(output / "model")
    with torch.no_grad():
        model.classifier.bias += torch.tensor([0.5, -0.25])
    model.save_pretrained(tmp_path / "again")
    loaded = regard.models.TextClassifier.from_checkpoint(tmp_path / "again")
    np.testing.assert_array_equal(np.array(loaded.head.bias), model.classifier.bias.detach())
