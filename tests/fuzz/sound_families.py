"""Makes sound models of other families: of texts, of images, translators, presets of KerasHub."""

import json
from pathlib import Path

from .sound_checkpoints import FIXTURES


def text_families():
    return _fixtures("families", "config.json", "model.safetensors")


def image_families():
    return _fixtures("image_families", "config.json", "model.safetensors")


def configs(folder):
    """Returns the names of the configs in a folder of fixtures."""
    paths = (FIXTURES / folder).glob("*/config.json")
    return tuple(str(path.relative_to(FIXTURES / folder)) for path in sorted(paths))


def presets():
    files = _fixtures("keras_hub", "*.json", "*.h5", "assets/tokenizer/*")
    return {name: content for name, content in files.items() if "preprocessor" not in name}


def read_preset(path):
    from regard.models.checkpoints import Checkpoint
    from regard.recipes.images.preprocessing import ImagePreprocessing
    from regard.recipes.tokenizers.opening import open_tokenizer

    folder = next(each for each in path.parents if (each / "task.json").is_file())
    checkpoint = Checkpoint(folder)
    for group in checkpoint.groups:
        checkpoint.values([group])
    if folder.name == "vit":
        ImagePreprocessing.load(folder, 12, 8)
    else:
        open_tokenizer(folder)


def _fixtures(folder, *patterns):
    root = FIXTURES / folder
    paths = (path for pattern in patterns for path in sorted(root.glob(f"*/{pattern}")))
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


# Of many languages


def multilingual():
    """A tokenizer of NLLB's kind, whose languages are tokens that its files list."""
    from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

    texts = ["the dog runs", "a cat sleeps", "der Hund rennt", "eine Katze schläft"] * 5
    learned = SentencePieceTokenizer.learn(texts, texts[::-1], 60)
    pieces = [piece for piece in learned.vocabulary if piece not in ("</s>", "<unk>", "<pad>")]
    vocabulary = {p: i for i, p in enumerate(("<s>", "<pad>", "</s>", "<unk>", *pieces))}
    config = {"tokenizer_class": "M2M100Tokenizer", "src_lang": "en", "tgt_lang": "de"}
    return {
        "vocab.json": json.dumps(vocabulary).encode(),
        "tokenizer_config.json": json.dumps(config).encode(),
        "sentencepiece.bpe.model": learned.source.model,
    }


def pieces_alone():
    """A tokenizer of mBART's kind as `transformers` 5 saves it: pieces with their probabilities."""
    import tokenizers

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    made = tokenizers.Tokenizer(tokenizers.models.Unigram())
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=40, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(["the dog runs", "der Hund rennt"] * 5, trainer)
    made.add_special_tokens([*special, "en_XX", "de_DE"])
    config = {"tokenizer_class": "MBart50Tokenizer", "src_lang": "en_XX", "tgt_lang": "de_DE"}
    return {
        "tokenizer.json": made.to_str().encode(),
        "tokenizer_config.json": json.dumps(config).encode(),
    }


def read_pieces_alone(path):
    from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

    tokenizer = SentencePieceTokenizer.load(path.parent).speaking("en_XX", "de_DE")
    tokenizer.encode_sources(["the dog", ""])


def read_multilingual(path):
    from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

    tokenizer = SentencePieceTokenizer.load(path.parent).speaking("en", "de")
    tokenizer.encode_sources(["the dog", ""])


# Folders


def text_folders():
    return {
        f"{split}/{label}/{number}.txt": f"It was {label}, naïve 好 {number}.".encode()
        for split in ("train", "test")
        for label in ("good", "bad")
        for number in range(2)
    }


def read_text_folder(path: Path):
    from regard.recipes.text.data import read_labelled_texts

    read_labelled_texts(str(path.parents[2]), skip_bad_rows=True)
