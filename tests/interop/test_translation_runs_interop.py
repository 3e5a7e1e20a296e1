"""A translator's `model/` opens in `transformers` and converts for CTranslate2."""

import pytest

import regard
from regard.recipes.translation.dates_and_numbers import generate_pairs

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
ctranslate2 = pytest.importorskip("ctranslate2")

SOURCES = [*generate_pairs(100, seed=2, held_out=True)[0], "Ünïcödé 😀", "one " * 9]


@pytest.fixture(scope="module")
def run_and_model(tmp_path_factory):
    output = tmp_path_factory.mktemp("dates") / "run"
    run = regard.fit_translation(
        regard.ParallelTexts("dates.tsv", *generate_pairs(4000, seed=0, held_out=False)),
        validation_source=regard.ParallelTexts(
            "more.tsv", *generate_pairs(50, seed=1, held_out=False)
        ),
        epochs=6,
        num_layers=2,
        hidden_dim=64,
        num_heads=4,
        intermediate_dim=128,
        dropout=0.0,
        label_smoothing=0.0,
        vocabulary_size=120,
        learning_rate=0.003,
        warmup_steps=100,
        batch_tokens=1024,
        max_sequence_length=64,
        output=output,
    )
    return run, output / "model"


def test_transformers_translates_the_same(run_and_model):
    run, model = run_and_model
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    translator = transformers.AutoModelForSeq2SeqLM.from_pretrained(model)
    inputs = tokenizer(SOURCES, padding=True, return_tensors="pt")
    ids = translator.generate(**inputs)
    theirs = tokenizer.batch_decode(ids, skip_special_tokens=True)
    ours = [row.translation for row in run.predict(SOURCES)]
    assert len(set(ours)) > 20  # it has learned something
    assert ours == theirs


def test_ctranslate2_converts_and_translates_the_same(run_and_model, tmp_path):
    run, model = run_and_model
    converter = ctranslate2.converters.TransformersConverter(str(model))
    translator = ctranslate2.Translator(converter.convert(str(tmp_path / "converted")))
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    pieces = [tokenizer.convert_ids_to_tokens(ids) for ids in tokenizer(SOURCES)["input_ids"]]
    # Without patience it stops at the first four that end, however improbable.
    results = translator.translate_batch(pieces, beam_size=4, patience=2)
    ids = [tokenizer.convert_tokens_to_ids(result.hypotheses[0]) for result in results]
    theirs = tokenizer.batch_decode(ids, skip_special_tokens=True)
    ours = [row.translation for row in run.predict(SOURCES)]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    assert same >= 0.99 * len(ours)
