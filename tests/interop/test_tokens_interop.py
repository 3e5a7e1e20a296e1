"""Classifiers of tokens beside `transformers`, live: of all families, and a run in its pipeline."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

import regard
import small_runs
from regard.models import TokenClassifier
from regard.models.checkpoints import Checkpoint, save_checkpoint
from regard.recipes.tokenizers.opening import open_tokenizer
from regard.recipes.tokenizers.strings import as_bytes
from regard.recipes.tokens.encoding import TokenEncoder
from regard.recipes.tokens.tagging import tag_all, tagging_function

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
families = import_module("fixtures.make_text_family_fixtures")


def logits_of(theirs, inputs):
    tensors = {name: torch.tensor(array).long() for name, array in inputs.items()}
    arguments = {"input_ids": tensors["token_ids"], "attention_mask": tensors["padding_mask"]}
    if getattr(theirs.config, "type_vocab_size", 0) > 1:
        arguments["token_type_ids"] = tensors["segment_ids"]
    with torch.no_grad():
        return theirs(**arguments).logits.numpy()  # (B, T, C)


@pytest.mark.parametrize("size", ["small", "deep"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_in_and_out(family, size, tmp_path):
    theirs = families.make_model(family, size, "ForTokenClassification", num_labels=5)
    theirs.save_pretrained(tmp_path)
    inputs = families.make_inputs(theirs.config)
    expected, real = logits_of(theirs, inputs), inputs["padding_mask"]
    assert np.abs(expected[real]).max() > 0.5
    checkpoint = Checkpoint(tmp_path)
    model = TokenClassifier.from_checkpoint(checkpoint)
    logits = ops.convert_to_numpy(model(inputs))
    np.testing.assert_allclose(logits[real], expected[real], atol=1e-5)

    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(model, again, checkpoint.class_names)
    before, after = (load_file(d / "model.safetensors") for d in (tmp_path, again))
    assert before.keys() == after.keys()
    auto = transformers.AutoModelForTokenClassification
    reopened, report = auto.from_pretrained(again, output_loading_info=True)
    assert type(reopened) is type(theirs)
    assert not any(report.values()), report
    np.testing.assert_array_equal(logits_of(reopened.eval(), inputs), expected)


TOKENIZERS = Path(__file__).parents[1] / "fixtures" / "tokenizers"


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "deberta-v2", "albert", "modernbert"])
def test_its_pipeline_says_the_same_of_the_first_pieces_of_words(family, tmp_path):
    """Of tokenizers whose pieces carry the spaces before them."""
    tokenizer = open_tokenizer(TOKENIZERS / f"{family}-json")
    arguments = Checkpoint(TOKENIZERS.parent / "families" / family).arguments
    sizes = {"vocabulary_size": len(tokenizer.vocabulary), "max_sequence_length": 100}
    model = TokenClassifier(num_classes=4, **{**arguments, **sizes})
    names = ["O", "B-PER", "I-PER", "B-LOC"]
    for weight in model.trainable_weights:  # so that words differ
        weight.assign(weight + np.random.default_rng(3).normal(0, 0.2, weight.shape))
    save_checkpoint(model, tmp_path, names)
    tokenizer.save(tmp_path, 100)
    pipeline = transformers.pipeline("token-classification", str(tmp_path), ignore_labels=[])
    tag = tagging_function(model, TokenEncoder(tokenizer, 100))
    texts = ["John Smith's dog, in New York (U.S.).", *small_runs.letters(20, 9).texts]
    num_words = 0
    for text in texts:
        said = tag_all(tag, [as_bytes([text])])[0]
        if len(tokenizer.encode_all([text], 1000)[0]) > 100:
            continue
        theirs = {}
        for each in pipeline(text):
            inner = text[each["start"] : each["end"]]
            start = each["start"] + len(inner) - len(inner.lstrip())
            theirs.setdefault(start, []).append((each["entity"], each["score"]))
        rows = zip(said.classes, said.scores, said.starts, strict=True)
        for number, score, start in rows:
            found = [s for label, s in theirs[start] if label == names[number]]
            assert min(abs(s - score) for s in found) < 1e-5, (text, start)
            num_words += 1
    assert num_words > 100


@pytest.fixture(scope="module")
def directory(small_run):
    return small_run("tokens", epochs=12)


def entities_of(pipeline, text):
    return [
        (each["start"], each["end"], each["entity_group"], pytest.approx(each["score"], abs=1e-5))
        for each in pipeline(text)
    ]


def test_its_pipeline_finds_the_same_entities(directory):
    run = regard.TokenRun.load(directory)
    pipeline = transformers.pipeline(
        "token-classification", str(directory / "model"), aggregation_strategy="first"
    )
    texts = [
        *small_runs.letters(60, 8, held_out=True).texts,
        "Dear Ünal Çelik, 😀 we received €50.50 from Ada in Malmö!",
        "王伟于2021年3月14日从北京来到上海。",
    ]
    said = run.predict(texts)
    assert sum(len(each.entities) for each in said) > 60
    for text, answer in zip(texts, said, strict=True):
        own = [(e.start, e.end, e.label, e.score) for e in answer.entities]
        assert own == entities_of(pipeline, text), text


def test_by_pieces_it_finds_the_same_where_words_are_whole(directory):
    """ "simple" looks at every piece, of which only the first of a word is learned."""
    run = regard.TokenRun.load(directory)
    pipeline = transformers.pipeline(
        "token-classification", str(directory / "model"), aggregation_strategy="simple"
    )
    goes_on = np.asarray(run.tokenizer.is_continuation)
    texts = [
        text
        for text in small_runs.letters(200, 9).texts
        if not goes_on[run.tokenizer.encode_all([text], 100)[0].numpy()].any()
    ]
    assert len(texts) > 10
    for text, answer in zip(texts, run.predict(texts), strict=True):
        own = [(e.start, e.end, e.label, e.score) for e in answer.entities]
        assert own == entities_of(pipeline, text), text
