"""Families of translators but Marian: their checkpoints, and what tells a language."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tokenizers
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


# Two vocabularies


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A checkpoint of Marian with a vocabulary, and a table, of each language."""
    directory = tmp_path_factory.mktemp("apart")
    sides = [SentencePieceTokenizer.learn(each, each, 60).target for each in (SOURCES, TARGETS)]
    source, target = (_numbered(side.vocabulary) for side in sides)
    models = (side.model for side in sides)
    tokenizer = SentencePieceTokenizer(*models, source, target_vocabulary=target)
    tokenizer.save(directory, 32)
    model = Translator(
        len(source), 16, 1, 2, 24, max_sequence_length=32, end_id=1, pad_id=0,
        target_vocabulary_size=len(target),
    )  # fmt: skip
    save_checkpoint(model, directory)
    return directory


def _numbered(pieces):
    """Ids of pieces, of which both languages have the same three first."""
    first = ("<pad>", "</s>", "<unk>")
    return {p: i for i, p in enumerate((*first, *(p for p in pieces if p not in first)))}


def test_each_side_has_its_own_ids(apart):
    tokenizer = SentencePieceTokenizer.load(apart)
    source, target = (json.loads((apart / f"{name}.json").read_text()) for name in
                      ("vocab", "target_vocab"))  # fmt: skip
    assert source.keys() != target.keys()
    ((*row, end),), ((*other, other_end),) = (
        tokenizer.encode_sources(["the dog"]), tokenizer.encode_targets(["der Hund"])
    )  # fmt: skip
    assert end == other_end == source["</s>"] == target["</s>"]
    assert "".join(tokenizer.source.names(row)) == "▁the▁dog"
    assert "".join(tokenizer.target.names(other)) == "▁der▁Hund"
    assert all(
        index == target[p] for index, p in zip(other, tokenizer.target.names(other), strict=True)
    )
    assert tokenizer.encode(["the dog"], 9).to_list() == [[*row, end]]
    assert tokenizer.decode([other]).numpy()[0].decode() == "der Hund"
    config = json.loads((apart / "tokenizer_config.json").read_text())
    assert config["separate_vocabs"] is True


@pytest.fixture(scope="module")
def run_apart(apart, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    for name, lines in (("en", SOURCES), ("de", TARGETS)):
        (data / name).write_text("\n".join(lines))
    output = tmp_path_factory.mktemp("runs") / "en-de"
    return fit_translation(data / "en", data / "de", checkpoint=apart, output=output, epochs=1)


def test_a_run_keeps_two_vocabularies(run_apart):
    again = TranslationRun.load(run_apart.directory)
    assert again.predict(SOURCES[:3]) == run_apart.predict(SOURCES[:3])
    assert {"vocab.json", "target_vocab.json"} <= {
        path.name for path in (run_apart.directory / "model").iterdir()
    }
    alignment = again.align(SOURCES[0], TARGETS[0])
    read, written = ("".join(each) for each in (alignment.source_pieces, alignment.target_pieces))
    assert (read, written) == ("▁the▁dog▁runs</s>", "▁der▁Hund▁rennt</s>")


@pytest.mark.slow
def test_an_export_has_two_vocabularies(run_apart, tmp_path):
    export = run_apart.export(tmp_path / "served")  # which compares its answers with the run's
    assert {path.name for path in (export / "assets").iterdir()} >= {"target_vocab.txt"}


def test_vocabularies_that_number_the_end_otherwise_are_refused(apart, tmp_path):
    for path in apart.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    target = json.loads((apart / "target_vocab.json").read_text())
    target |= {"</s>": target["<pad>"], "<pad>": target["</s>"]}
    (tmp_path / "target_vocab.json").write_text(json.dumps(target))
    with pytest.raises(UserError, match="must give </s> and <pad> the same ids"):
        SentencePieceTokenizer.load(tmp_path)
    (tmp_path / "target_vocab.json").write_text("{}")
    with pytest.raises(UserError, match="It lacks"):
        SentencePieceTokenizer.load(tmp_path)
    (tmp_path / "target_vocab.json").unlink()
    with pytest.raises(UserError, match=r"Received: no target_vocab\.json"):
        SentencePieceTokenizer.load(tmp_path)


# tokenizer.json without a model of SentencePiece

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def learned_backend(kind):
    """What `tokenizers` learns and cuts, as the classes of NLLB and mBART have it."""
    trainers, models = tokenizers.trainers, tokenizers.models
    options = {"vocab_size": 70, "special_tokens": [*SPECIAL], "show_progress": False}
    if kind == "BPE":
        model, trainer = models.BPE(unk_token="<unk>"), trainers.BpeTrainer(**options)
    else:
        model = models.Unigram()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **options)
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always")
    made.train_from_iterator([*SOURCES, *TARGETS], trainer)
    made.add_special_tokens([*SPECIAL, "en_XX", "de_DE"])
    return made


@pytest.mark.parametrize("kind", ["BPE", "Unigram"])
def test_pieces_of_a_tokenizer_json_alone(kind, tmp_path):
    made = learned_backend(kind)
    made.save(str(tmp_path / "tokenizer.json"))
    ours = SentencePieceTokenizer.load(tmp_path).speaking("en_XX", "de_DE")
    english, german, end = (made.token_to_id(name) for name in ("en_XX", "de_DE", "</s>"))
    lines = [*SOURCES[:5], *TARGETS[:5], "the  cat", "a dog, 狗 sings", "Vogelkatze"]
    expected = [made.encode(" ".join(line.split()), add_special_tokens=False).ids for line in lines]
    assert sum(map(len, expected)) > 40
    assert ours.encode_sources(lines) == [[english, *row, end] for row in expected]
    assert ours.encode(lines, 99).to_list() == [[english, *row, end] for row in expected]
    assert ours.encode_targets(lines) == [[german, *row, end] for row in expected]
    (tmp_path / "again").mkdir()
    ours.save(tmp_path / "again", 77)
    again = SentencePieceTokenizer.load(tmp_path / "again")
    assert (again.languages.source, again.languages.target) == ("en_XX", "de_DE")
    assert again.encode_sources(lines) == ours.encode_sources(lines)


def test_the_languages_of_mbart_50_need_not_be_listed(tmp_path):
    made = learned_backend("Unigram")
    state = json.loads(made.to_str())
    state["added_tokens"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "MBart50Tokenizer"}')
    languages = SentencePieceTokenizer.load(tmp_path).languages.ids
    size = len(state["model"]["vocab"])
    assert len(languages) == 52
    assert (languages["ar_AR"], languages["sl_SI"]) == (size, size + 51)


# Damage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["model"].update(type="WordPiece"), "must hold BPE or Unigram"),
        (lambda s: s["model"].update(byte_fallback=True), "`byte_fallback` must be false"),
        (
            lambda s: s.update(normalizer={"type": "Lowercase"}),
            "must normalize by a map of characters alone.*Put the .*model beside it",
        ),
        (
            lambda s: s["pre_tokenizer"].update(prepend_scheme="first"),
            "must split by spaces, with a mark before each",
        ),
        (
            lambda s: s.update(pre_tokenizer={"type": "Digits", "individual_digits": True}),
            "must split by spaces",
        ),
        (lambda s: s["model"].update(vocab=[["a", "x"]]), "is damaged"),
        (lambda s: s["model"].update(vocab=3), "is damaged"),
        (lambda s: s["model"].update(vocab=[]), "must hold the id of each piece"),
        (lambda s: s["added_tokens"][-1].update(id=10**9), "must hold the id of each piece"),
        (lambda s: s["added_tokens"][-1].update(id=-1), "must hold the id of each piece"),
        (lambda s: s.update(added_tokens=s["added_tokens"][:4]), "lists no tokens of languages"),
        (
            lambda s: s.update(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            "map of characters is damaged",
        ),
    ],
)
def test_a_damaged_tokenizer_json_is_refused(change, message, tmp_path):
    state = json.loads(learned_backend("Unigram").to_str())
    change(state)
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match=f"(?s){re.escape(str(tmp_path))}.*{message}"):
        SentencePieceTokenizer.load(tmp_path)


def test_languages_behind_a_text_are_refused(multilingual, tmp_path):
    for path in multilingual.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    changed = json.dumps({**config, "legacy_behaviour": True})
    (tmp_path / "tokenizer_config.json").write_text(changed)
    message = "so that languages stand before texts. Received: True. Take"
    with pytest.raises(UserError, match=re.escape(message)):
        SentencePieceTokenizer.load(tmp_path)


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
