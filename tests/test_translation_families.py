"""Families of translators but Marian: their checkpoints, and what tells a language."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regard.models import Translator
from regard.models.checkpoints import CheckpointError, save_checkpoint
from regard.models.decoding import Sampler, beam_search, greedy, sample
from regard.models.translation_families import TRANSLATION_FAMILIES
from regard.recipes.errors import UserError
from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer
from regard.recipes.tokenizers.translation_files import LISTED
from regard.recipes.translation.recipe import fit_translation
from regard.recipes.translation.run import TranslationRun

GOLDEN = Path(__file__).parent / "fixtures" / "translation_families"
APART = "marian_apart"  # Marian with a vocabulary for sources, and another for targets
NAMES = [APART, *(name for name in TRANSLATION_FAMILIES if name != "marian")]
SOURCES = ["the dog runs", "a cat sleeps", "the cat runs", "a dog sleeps", "the bird sings"] * 4
TARGETS = ["der Hund rennt", "eine Katze schläft", "die Katze rennt", "ein Hund schläft",
           "der Vogel singt"] * 4  # fmt: skip


def golden(name):
    return (dict(np.load(GOLDEN / name / each)) for each in ("inputs.npz", "expected.npz"))


@pytest.mark.parametrize("name", NAMES)
def test_computes_and_writes_what_transformers_does(name):
    inputs, expected = golden(name)
    model = Translator.from_checkpoint(GOLDEN / name)
    assert model.config["family"] == name.removesuffix("_apart")
    assert np.abs(expected["logits"]).max() > 2
    np.testing.assert_allclose(model(inputs), expected["logits"], rtol=0, atol=1e-5)
    first_id, length = int(expected["first_id"]), expected["greedy_token_ids"].shape[1]
    assert len({*np.sum(expected["greedy_token_ids"] != 1, axis=1)}) > 2, "of several lengths"
    tokens = greedy(model, inputs, length, first_id=first_id).token_ids
    np.testing.assert_array_equal(tokens[:, 0], expected["greedy_token_ids"])
    beams = beam_search(model, inputs, length, num_beams=4, first_id=first_id)
    np.testing.assert_array_equal(beams.token_ids, expected["beam_token_ids"])
    np.testing.assert_allclose(beams.scores, expected["beam_scores"], rtol=0, atol=1e-5)
    drawn = sample(
        model, inputs, length, num_samples=3, sampler=Sampler(seed=3), first_id=first_id
    ).token_ids
    assert np.all(np.array(drawn)[..., 0] == first_id)


@pytest.mark.parametrize("name", NAMES)
def test_files_of_transformers_come_back_bit_equal(name, tmp_path):
    save_checkpoint(Translator.from_checkpoint(GOLDEN / name), tmp_path)
    before, after = (load_file(d / "model.safetensors") for d in (GOLDEN / name, tmp_path))
    assert before.keys() == after.keys()
    for each in before:
        np.testing.assert_array_equal(before[each], after[each], err_msg=each)
    before, after = (json.loads((d / "config.json").read_text()) for d in (GOLDEN / name, tmp_path))
    differ = {each for each in after if each in before and before[each] != after[each]}
    assert differ <= {"encoder_layerdrop", "decoder_layerdrop", "init_std"}, "of training alone"


def test_a_model_is_of_a_family_there_is():
    with pytest.raises(ValueError, match=r"Did you mean 'm2m_100'\? Received: family='m2m100'"):
        Translator(31, 8, 1, 2, 16, family="m2m100")


# Languages


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory):
    """A checkpoint as M2M100's are, of languages af, am, ar ..., with random weights."""
    directory = tmp_path_factory.mktemp("checkpoint")
    learned = SentencePieceTokenizer.learn(SOURCES, TARGETS, 90)
    pieces = [piece for piece in learned.vocabulary if piece not in ("</s>", "<unk>", "<pad>")]
    vocabulary = {p: i for i, p in enumerate(("<s>", "<pad>", "</s>", "<unk>", *pieces))}
    (directory / "sentencepiece.bpe.model").write_bytes(learned.source.model)
    (directory / "vocab.json").write_text(json.dumps(vocabulary))
    config = {"tokenizer_class": "M2M100Tokenizer", "src_lang": None, "tgt_lang": None}
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    size = len(vocabulary) + 100 + 8
    model = Translator(size, 16, 1, 2, 24, max_sequence_length=64, end_id=2, pad_id=1,
                       family="m2m_100")  # fmt: skip
    save_checkpoint(model, directory)
    return directory


@pytest.fixture(scope="module")
def german(multilingual, tmp_path_factory):
    """A run that goes on from it, English into German."""
    output = tmp_path_factory.mktemp("runs") / "en-de"
    data = tmp_path_factory.mktemp("data")
    for name, lines in (("en", SOURCES), ("de", TARGETS)):
        (data / name).write_text("\n".join(lines))
    languages = {"source_language": "en", "target_language": "de"}
    return fit_translation(data / "en", data / "de", checkpoint=multilingual, output=output,
                           epochs=1, **languages)  # fmt: skip


def test_sources_and_targets_begin_with_their_languages(multilingual):
    tokenizer = SentencePieceTokenizer.load(multilingual).speaking("en", "de")
    names = LISTED["m2m100"].split()
    assert len(names) == 100
    first = max(json.loads((multilingual / "vocab.json").read_text()).values()) + 1
    english, german = (first + names.index(name) for name in ("en", "de"))
    (source, empty), (target,) = (
        tokenizer.encode_sources(["the dog", ""]),
        tokenizer.encode_targets(["der Hund"]),
    )
    assert (source[0], source[-1], empty) == (english, tokenizer.end_id, [english, 2])
    assert (target[0], target[-1]) == (german, tokenizer.end_id)
    assert tokenizer.encode(["the dog", ""], 64).to_list() == [source, empty]
    assert tokenizer.encode(["the dog"], 4).to_list() == [[*source[:3], 2]]
    assert tokenizer.decode([target]).numpy()[0].decode() == "der Hund"


def test_a_run_keeps_its_languages(german):
    again = TranslationRun.load(german.directory)
    assert (again.tokenizer.languages.source, again.tokenizer.languages.target) == ("en", "de")
    assert again.predict(SOURCES[:3]) == german.predict(SOURCES[:3])
    (nothing,) = again.predict([""])
    assert (nothing.translation, nothing.score) == ("", 0.0)
    settings = json.loads((german.directory / "model" / "generation_config.json").read_text())
    assert settings["forced_bos_token_id"] == again.tokenizer.target_ids[0]
    assert settings["decoder_start_token_id"] == again.tokenizer.end_id


@pytest.mark.slow
def test_an_export_writes_the_language_as_well(german, tmp_path):
    german.export(tmp_path / "served")  # which compares its answers with the run's


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ({}, "say which by --source-language and --target-language. Received: none"),
        ({"source_language": "en"}, "say which by --target-language"),
        (
            {"source_language": "en", "target_language": "deu"},
            r"`target_language` must be one of the checkpoint's 100 languages.*Did you mean 'de'",
        ),
    ],
)
def test_languages_must_be_said_and_known(multilingual, languages, message, tmp_path):
    for name, lines in (("en", SOURCES), ("de", TARGETS)):
        (tmp_path / name).write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        fit_translation(tmp_path / "en", tmp_path / "de", checkpoint=multilingual,
                        output=tmp_path / "run", **languages)  # fmt: skip


def test_a_model_from_scratch_has_no_languages(tmp_path):
    with pytest.raises(UserError, match="leave out `source_language` and `target_language`"):
        fit_translation("a", "b", target_language="de", output=tmp_path / "run")


# Codes of OPUS-MT: >>de<<


@pytest.fixture(scope="module")
def coded():
    learned = SentencePieceTokenizer.learn(SOURCES, TARGETS, 90)
    size = len(learned.vocabulary)
    vocabulary = learned.vocabulary | {">>deu<<": size, ">>nld<<": size + 1}
    return SentencePieceTokenizer(learned.source.model, learned.target.model, vocabulary)


def test_a_code_that_is_chosen_begins_every_source_that_has_none(coded):
    chosen = coded.speaking(None, "nld")
    german, dutch = coded.vocabulary[">>deu<<"], coded.vocabulary[">>nld<<"]
    plain, with_code = chosen.encode_sources(["the dog", ">>deu<<the dog"])
    assert (plain[0], with_code[0], plain[1:]) == (dutch, german, with_code[1:])
    assert coded.encode_sources(["the dog"]) == [plain[1:]]
    assert chosen.encode(["the dog", ">>deu<<the dog"], 64).to_list() == [plain, with_code]
    assert chosen.target_ids == []


def test_a_source_says_a_language_that_there_is(coded):
    coded.check_sources([">>deu<< the dog", ">>nld<< the dog"])
    coded.speaking(None, "nld").check_sources(["the dog", ">>deu<< the dog"])
    with pytest.raises(UserError, match=r"by --target-language.*Received: text 2 without"):
        coded.check_sources([">>deu<< the dog", "the dog"])
    for tokenizer in (coded, coded.speaking(None, "nld")):
        with pytest.raises(UserError, match=r"The code of text 1 must be .* Received: 'fra'"):
            tokenizer.check_sources([">>fra<< the dog"])


def test_a_chosen_code_is_kept(coded, tmp_path):
    coded.speaking(None, "nld").save(tmp_path, 64)
    loaded = SentencePieceTokenizer.load(tmp_path)
    assert loaded.languages.target == "nld"
    assert loaded.encode_sources(["the dog"]) == coded.encode_sources([">>nld<<the dog"])


def test_languages_that_a_checkpoint_has_not_are_refused(coded):
    with pytest.raises(UserError, match=r"no tokens of the languages that it reads.*'en'"):
        coded.speaking("en", "nld")
    plain = SentencePieceTokenizer.learn(SOURCES, TARGETS, 90)
    with pytest.raises(UserError, match="no tokens of languages: leave out"):
        plain.speaking(None, "nld")


# Damage


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("vocab.json", "[]", "must hold the id of each piece"),
        ("sentencepiece.bpe.model", "x", "cannot be read"),
        ("tokenizer_config.json", '{"language_codes": "other"}', "lists no tokens of languages"),
        ("tokenizer_config.json", '{"added_tokens_decoder": []}', "is damaged"),
        ("tokenizer_config.json", '{"src_lang": ["en"]}', "must name languages by strings"),
        ("tokenizer_config.json", '{"tgt_lang": 3}', "must name languages by strings"),
        ("added_tokens.json", "[1]", "is damaged"),
    ],
)
def test_a_damaged_tokenizer_is_refused(multilingual, tmp_path, name, contents, message):
    for path in multilingual.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(contents)
    with pytest.raises(UserError, match=f"(?s){re.escape(str(tmp_path))}.*{message}"):
        SentencePieceTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_vocab_size": 2}, "two ids below decoder_vocab_size, not 2 and 1 of 2"),
        ({"decoder_vocab_size": -3}, "decoder_vocab_size must be a positive integer, not -3"),
        (
            {"decoder_vocab_size": 28},
            "model.decoder.embed_tokens.weight has shape (27, 22), not (28",
        ),
        ({"decoder_vocab_size": None}, "has shape (27, 22), not (31, 22)"),
        (
            {"share_encoder_decoder_embeddings": True},
            "decoder_vocab_size must be as vocab_size, not",
        ),
    ],
)
def test_two_vocabularies_that_do_not_fit_are_refused(changes, message, tmp_path):
    for path in (GOLDEN / APART).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(CheckpointError, match=re.escape(message)):
        Translator.from_checkpoint(tmp_path)


def test_an_output_scores_with_the_table_of_targets(tmp_path):
    for path in (GOLDEN / APART).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    table = tensors.pop("model.decoder.embed_tokens.weight")
    save_file({**tensors, "lm_head.weight": table}, tmp_path / "model.safetensors")
    inputs, expected = golden(APART)
    logits = Translator.from_checkpoint(tmp_path)(inputs)
    np.testing.assert_allclose(logits, expected["logits"], rtol=0, atol=1e-5)


def test_a_start_that_is_none_is_refused(tmp_path):
    for path in (GOLDEN / "m2m_100").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "decoder_start_token_id": 0}))
    with pytest.raises(CheckpointError, match="decoder_start_token_id must be as eos_token_id"):
        Translator.from_checkpoint(tmp_path)
