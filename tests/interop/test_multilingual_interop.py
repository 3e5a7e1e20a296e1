"""Beside `transformers`, live: translators of many languages, M2M100, NLLB and mBART-50."""

import json
import re
import shutil
from importlib import import_module

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from safetensors.numpy import load_file

from regard.models import Translator
from regard.models.checkpoints import save_checkpoint
from regard.models.decoding import beam_search
from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer
from regard.recipes.translation.recipe import fit_translation

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
families = import_module("fixtures.make_translation_family_fixtures")

WORDS = ["the", "a", "dog", "cat", "runs", "sleeps", "der", "ein", "Hund", "Katze", "schläft"]
DRAW = np.random.default_rng(3)
LINES = [" ".join(DRAW.choice(WORDS, DRAW.integers(1, 9))) for _ in range(400)]
AWKWARD = ["", "日本 x", "Ünïcode & <b>", "12,5 %", "a\tb", "zwei  Hunde", "ﬁnd", "x" * 300]
PAIRS = {
    "m2m_100": ("en", "de"),
    "nllb": ("eng_Latn", "deu_Latn"),
    "mbart": ("en_XX", "de_DE"),
}
ALONE = "-alone"  # with tokenizer.json, and no model of SentencePiece


@pytest.fixture(scope="module", params=[*PAIRS, f"nllb{ALONE}", f"mbart{ALONE}"])
def checkpoint(request, tmp_path_factory):
    """A directory as `transformers` writes it, its tokenizer, and two languages."""
    directory = tmp_path_factory.mktemp(request.param)
    name = request.param.removesuffix(ALONE)
    model = directory / "sentencepiece.bpe.model"
    kind = "unigram" if name == "mbart" else "bpe"
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES), model_writer=file, vocab_size=80, model_type=kind,
            unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2, hard_vocab_limit=False,
        )  # fmt: skip
    languages = dict(zip(("src_lang", "tgt_lang"), PAIRS[name], strict=True))
    if name == "mbart":
        tokenizer = transformers.MBart50Tokenizer.from_pretrained(directory, **languages)
    elif name == "nllb":
        tokens = ["eng_Latn", "deu_Latn", "fra_Latn"]
        tokenizer = transformers.NllbTokenizer.from_pretrained(
            directory, extra_special_tokens=tokens, **languages
        )
    else:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
        pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
        names = ["<s>", "<pad>", "</s>", "<unk>", *pieces]
        (directory / "vocab.json").write_text(json.dumps({p: i for i, p in enumerate(names)}))
        tokenizer = transformers.M2M100Tokenizer(
            str(directory / "vocab.json"), str(model), **languages
        )
    tokenizer.save_pretrained(directory / "saved")
    for path in (directory / "saved").iterdir():
        shutil.copy(path, directory)
    if request.param.endswith(ALONE):
        assert (directory / "tokenizer.json").is_file()
        model.unlink()
    size = max(tokenizer(text_target="a")["input_ids"][0], len(tokenizer)) + 120
    config_class, model_class = families.MODELS["mbart" if name == "mbart" else "m2m_100"]
    config = config_class(
        vocab_size=size, d_model=24, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2,
        max_position_embeddings=64, scale_embedding=True, decoder_start_token_id=2,
    )  # fmt: skip
    torch.manual_seed(3)
    model_class(config).save_pretrained(directory)
    return directory, tokenizer, PAIRS[name]


def test_token_ids(checkpoint):
    directory, tokenizer, languages = checkpoint
    ours, texts = SentencePieceTokenizer.load(directory).speaking(*languages), [*LINES, *AWKWARD]
    rows = ours.encode_sources(texts)
    assert rows == tokenizer(texts)["input_ids"]
    assert ours.encode(tf.constant(texts), 512).to_list() == rows
    assert ours.encode_targets(texts) == tokenizer(text_target=texts)["input_ids"]


def test_a_run_opens_there_and_writes_the_same(checkpoint, tmp_path):
    directory, _, (source, target) = checkpoint
    for name, lines in (("source", LINES[:60]), ("target", LINES[60:120])):
        (tmp_path / name).write_text("\n".join(lines))
    run = fit_translation(
        tmp_path / "source", tmp_path / "target", checkpoint=directory, output=tmp_path / "run",
        source_language=source, target_language=target, epochs=1, learning_rate=3e-3,
    )  # fmt: skip
    there = transformers.AutoTokenizer.from_pretrained(run.directory / "model")
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(run.directory / "model").eval()
    assert (there.src_lang, there.tgt_lang) == (source, target)
    for text in LINES[:8]:  # alone, as our longest translation is that of each source
        inputs = there([text], return_tensors="pt")
        length = 2 * inputs["input_ids"].shape[1] + 20
        written = model.generate(**inputs, max_length=min(64, length) + 1)
        expected = there.batch_decode(written, skip_special_tokens=True)[0]
        # To M2M100's tokenizer there, languages are no special tokens, nor is what is unknown.
        expected = re.sub("__[a-z]+__|<unk>", "", expected).strip()
        assert run.predict([text])[0].translation == expected


@pytest.mark.parametrize("size", families.SIZES)
@pytest.mark.parametrize("family", families.MODELS)
def test_models_compute_and_write_the_same(family, size, tmp_path):
    theirs = families.make_model(family, size)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Translator.from_checkpoint(tmp_path / "theirs")
    longest = theirs.config.max_position_embeddings
    for lengths in ((longest, 1, 5), (3, 2, 3), (1,)):
        inputs = families.make_inputs(theirs.config, lengths, max(lengths), 6)
        expected = families.expected_logits(theirs, inputs)
        np.testing.assert_allclose(ours(inputs), expected, rtol=0, atol=1e-5)
        tokens, scores = families.expected_translations(theirs, inputs, 4, 9, first_id=7)
        found = beam_search(ours, inputs, 9, 4, first_id=7)
        np.testing.assert_array_equal(found.token_ids, tokens)
        np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-4)
    save_checkpoint(ours, tmp_path)
    before, after = (load_file(d / "model.safetensors") for d in (tmp_path / "theirs", tmp_path))
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
