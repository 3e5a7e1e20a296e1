"""Makes sound checkpoints and tokenizers, and reads them."""

import json
from pathlib import Path

from .sound_tables import ROWS

FIXTURES = Path(__file__).parents[1] / "fixtures"


def checkpoint_errors():
    from regard.models.checkpoint_files import CheckpointError

    return (CheckpointError,)


def weights():
    encoder = FIXTURES / "bert/encoder"
    tensors = (encoder / "model.safetensors").read_bytes()
    length = int.from_bytes(tensors[:8], "little")
    names = [name for name in json.loads(tensors[8 : 8 + length]) if name != "__metadata__"]
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "part.safetensors")}
    return {
        "a/model.safetensors": tensors,
        "b/model.safetensors.index.json": json.dumps(index).encode(),
        "b/part.safetensors": tensors,
    }


def read_weights(path):
    from regard.models.checkpoint_files import read_headers

    for stored in read_headers(path.parent):
        stored.read()


def bert_checkpoint():
    return _sound("bert/classifier", "config.json", "model.safetensors")


def vit_checkpoint():
    from regard.recipes.images.preprocessing import ImagePreprocessing

    files = _sound("vit/square", "config.json", "model.safetensors")
    return files | _saved(ImagePreprocessing(30, 30, 34, crop=True).save)


def marian_checkpoint():
    return _sound("marian/relu", "config.json", "generation_config.json", "model.safetensors")


def _sound(name, *files):
    return {file: (FIXTURES / name / file).read_bytes() for file in files}


def read_checkpoint(path):
    from regard.models.checkpoints import Checkpoint

    checkpoint = Checkpoint(path.parent)
    return checkpoint.arguments, checkpoint.class_names


def read_preprocessing(path):
    from regard.recipes.images.preprocessing import ImagePreprocessing

    ImagePreprocessing.load(path.parent, 30, 30)


def _saved(save, *arguments):
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        save(Path(folder), *arguments)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def word_pieces():
    from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
    from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

    pieces = [*SPECIAL_TOKENS, *"abcdefgh", "##a", "good", "##ness", "好", "über"]
    files = _saved(WordPieceTokenizer(pieces).save, 16)
    return files | {"added_tokens.json": json.dumps({"[NEW]": len(pieces)}).encode()}


def read_word_pieces(path):
    from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(path.parent)
    tokenizer.encode_all(["a good über [MASK] 好", ""], 8)
    if path.name == "vocab.txt":  # which is read where there is no tokenizer.json
        other = path.parent / "tokenizer.json"
        kept = other.rename(other.with_suffix(".kept"))
        try:
            WordPieceTokenizer.load(path.parent)
        finally:
            kept.rename(other)


OTHER_PIECES = (
    "modernbert-json/tokenizer.json",
    "roberta/merges.txt",
    "roberta/vocab.json",
    "xlm-roberta/sentencepiece.bpe.model",
)


def other_pieces():
    names = {Path(each).parent for each in OTHER_PIECES}
    paths = [path for name in names for path in (FIXTURES / "tokenizers" / name).iterdir()]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}


def read_other_pieces(path):
    from regard.recipes.tokenizers.opening import open_tokenizer

    open_tokenizer(path.parent)


def sentence_pieces():
    from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

    tokenizer = SentencePieceTokenizer.learn(
        [row[1] for row in ROWS], [row[3] for row in ROWS], 120
    )
    return _saved(tokenizer.save, 16)


def read_sentence_pieces(path):
    from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

    tokenizer = SentencePieceTokenizer.load(path.parent)
    tokenizer.encode_pairs(["A fine room", ""], ["Ein 好", "x"], 8)
