"""Lists what is read from others: sound files, what reads them, and how it refuses others."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROWS = [
    ("id", "review", "label", "zweite"),
    ("1", 'A "fine", quiet\nroom', "good", "Ein Zimmer"),
    ("2", "很干净 😀", "bad", "über"),
    ("3", "the staff was rude; never again", "bad", "nie"),
    ("4", "it's 3,5 stars\tor so", "good", "so"),
]


class Parser(NamedTuple):
    """What reads files, and the ways in which it may refuse one.

    Attributes:
        files: Makes sound files by their names, all in one folder.
        read: Reads the file of a path, which is one of these with changes.
        refusals: Returns the exceptions that it is to raise for a damaged one.
        changed: Names of the files to change; all, if empty.
        has_tensorflow: Whether it imports TensorFlow, which takes seconds, and much memory.
    """

    files: Callable[[], dict[str, bytes]]
    read: Callable[[Path], Any]
    refusals: Callable[[], tuple[type[Exception], ...]]
    changed: tuple[str, ...] = ()
    has_tensorflow: bool = False


def user_errors():
    from regard.recipes.errors import UserError

    return (UserError,)


# Tables.


def _csv(delimiter=",", encoding="utf-8") -> bytes:
    import csv

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(ROWS)
    return text.getvalue().encode(encoding)


def _records():
    return [{**dict(zip(ROWS[0], row, strict=True)), "more": {"x": [1, None]}} for row in ROWS[1:]]


def delimited():
    tabs = "\n".join("\t".join(cell.replace("\n", " ") for cell in row) for row in ROWS)
    return {
        "a.csv": _csv(),
        "b.csv": _csv(";", "utf-8-sig"),
        "c.csv": b"sep=|\n" + _csv("|"),
        "d.csv": _csv(encoding="utf-16"),
        "gb18030.csv": _csv(encoding="gb18030"),
        "f.tsv": tabs.encode(),
        "g.txt": tabs.encode(),
    }


def json_files():
    return {
        "a.jsonl": b"\n".join(json.dumps(each).encode() for each in _records()),
        "b.json": json.dumps(_records()).encode(),
        "c.json": json.dumps(_records(), ensure_ascii=False, indent=1).encode("utf-16"),
    }


def arrow_files():
    import pyarrow as pa
    from pyarrow import feather, ipc, parquet

    names = json.dumps({"info": {"features": {"n": {"_type": "ClassLabel", "names": ["a", "b"]}}}})
    table = pa.table({**{n: [r[n] for r in _records()] for n in _records()[0]}, "n": [0, 1, 1, -1]})
    table = table.replace_schema_metadata({"huggingface": names})
    files = {name: io.BytesIO() for name in ("a.parquet", "b.feather", "c.arrow", "d.parquet")}
    parquet.write_table(table, files["a.parquet"])
    feather.write_feather(table, files["b.feather"], compression="lz4")
    with ipc.new_stream(files["c.arrow"], table.schema) as writer:
        writer.write_table(table)
    parquet.write_table(table, files["d.parquet"], compression="zstd", use_dictionary=False)
    return {name: file.getvalue() for name, file in files.items()}


def sheets():
    import openpyxl

    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.active["E2"] = 3.5
    book.create_sheet("other")
    file = io.BytesIO()
    book.save(file)
    return {"a.xlsx": file.getvalue()}


def marked_texts():
    unit = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>'
    units = unit.format("A room", "Ein <hi>Zimmer</hi>") + unit.format("two", "zwei &amp; drei")
    tmx = (
        f'<?xml version="1.0"?><tmx version="1.4"><header srclang="en"/><body>{units}</body></tmx>'
    )
    fasttext = "\n".join(f"__label__{row[2]} {row[1]!r}" for row in ROWS[1:])
    return {"a.tmx": tmx.encode(), "b.txt": fasttext.encode()}


def compressed():
    import zstandard

    return {
        "a.csv.gz": gzip.compress(_csv()),
        "b.csv.zst": zstandard.compress(_csv()),
        "c.csv.bz2": bz2.compress(_csv()),
        "d.jsonl.xz": lzma.compress(json_files()["a.jsonl"]),
    }


def read_table(path):
    from regard.recipes.data.columns import choose_columns
    from regard.recipes.data.formats import open_table
    from regard.recipes.data.rows import read_rows
    from regard.recipes.settings import TableLayout

    table = open_table(str(path), TableLayout(encoding={"gb18030": "gb18030"}.get(path.stem)))
    list(table.read(table.columns))
    for whole in filter(None, (table.objects, table.batches)):
        list(whole())
    roles = ("source", "target") if path.suffix == ".tmx" else ("text", "label")
    columns = choose_columns(str(path), table, dict.fromkeys(roles))
    read_rows(str(path), table, columns, skip_bad_rows=True)


def lines():
    text = "\n".join(row[1] for row in ROWS)
    return {"a.txt": text.encode("utf-8-sig"), "b.txt": text.replace("\n", "\r\n").encode()}


def read_lines(path):
    from regard.recipes.data.streams import file_lines, only_text, stream_lines

    list(only_text(file_lines(str(path), None), "line"))
    with path.open("rb") as file:
        list(stream_lines(file, None))


def word_vectors():
    import zipfile

    words = ("the", "Paris", ". . .", "caf\u00e9", "of")
    text = "".join(f"{word} {n} -0.5 1e-{n}\n" for n, word in enumerate(words)).encode()
    binary = b"".join(word.encode() + b" " + b"\0\0\x80?" * 3 + b"\n" for word in words)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("glove.3d.txt", text)
    return {
        "a.txt": text,
        "b.vec": b"5 3\n" + text,
        "c.bin": b"5 3\n" + binary,
        "d.zip": archive.getvalue(),
        "e.txt.gz": gzip.compress(text),
    }


def read_word_vectors(path):
    from regard.recipes.data.word_vectors import read_vectors
    from regard.recipes.tokenizers.whole_words import Words

    read_vectors(str(path), Words().token_of, {"the", "paris"}, num_others=2)


# Settings.


def read_yaml(path):
    from regard.recipes.runs.config import read_config

    read_config(path, ["epochs", "columns", "train", "learning_rate"])


def read_tf_config(path):
    from regard.recipes.devices.cluster import read_cluster

    read_cluster({"TF_CONFIG": path.read_text("utf-8", "surrogateescape")})


def tf_config():
    cluster = {"chief": ["a:1"], "worker": ["b:2", "[::1]:3"]}
    return {"a": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}).encode()}


def yaml_files():
    text = "epochs: 3\ntrain: [a.csv, 'b.csv']\nlearning-rate: 1.0e-3 # so\ncolumns: &a {x: 1}\n"
    return {"config.yaml": text.encode()}


def run_json():
    data = {
        "source": "a.csv",
        **{"text_column": "text", "label_column": "label", "pair_column": None},
        **{"num_examples": 2, "num_skipped": 0, "sha256": "00", "class_counts": {"a": 1, "b": 1}},
    }
    run = {
        **{"task": "text", "seconds": 3.6, "finished": "2026-01-31T12:00:00+00:00"},
        **{"settings": {"epochs": 1, "max_sequence_length": 9, "learning_rate": 1e-3}},
        **{"given": {"epochs": 1}, "class_names": ["a", "b"], "versions": {"keras": "3"}},
        "data": {"train": data, "validation": data},
    }
    return {"run.json": json.dumps(run).encode()}


def read_run_json(path):
    from regard.recipes.runs.metadata import read_metadata

    read_metadata(path.parent)


# Requests.


def requests():
    texts = {"instances": ["good", {"b64": "Z29vZA=="}], "signature_name": "serving_default"}
    columns = {"inputs": {"texts": ["a", "b"], "ids": [[1, 2], [3, 4]]}, "signature_name": "two"}
    examples = {"context": {"x": 1.5}, "examples": [{"texts": ["a"], "n": 3}, {"texts": "b"}]}
    named = {"instances": [{"texts": "a", "ids": [1, 2]}, {"texts": "b", "ids": [3, 4]}]}
    bodies = {
        "a:predict": texts,
        "b:predict": columns,
        "c:classify": examples,
        "d:regress": examples,
    }
    bodies["e:predict"] = {**named, "signature_name": "two"}
    bodies["f:attend"] = {"model": "m", "inputs": {"image_bytes": {"b64": "QUJD"}}}
    return {name: json.dumps(body).encode() for name, body in bodies.items()}


class _Model:
    """Stands in for a SavedModel: it gives what it takes."""

    def __init__(self):
        from regard.recipes.server.rest import Signature

        self.metadata = {}
        classes = {"classes": "string", "scores": "float"}
        self.signatures = {
            "serving_default": Signature({"texts": "string"}, {"texts": "string"}),
            "two": Signature({"texts": "string", "ids": "int32"}, {"texts": "string"}),
            "classify": Signature({"inputs": "string"}, classes),
        }

    def serialized(self, examples):
        import numpy as np

        return np.array([b"x"] * len(examples), object)


@cache
def _server():
    from regard.recipes.errors import UserError
    from regard.recipes.server.dispatch import Dispatch
    from regard.recipes.server.http import application
    from regard.recipes.server.playground import Playground, Shown
    from regard.recipes.server.rest import RestApi

    def attend(image):
        raise UserError(f"{image!r} is no image")

    page = Playground([Shown("m", 1, "image", attend)])
    api = RestApi(_Model(), lambda _, inputs: inputs, "m", 1)
    return application(Dispatch(page, {"m": api}).answer)


def ask(path):
    """Asks a server, packed by gzip too; raises if it knows no answer (500), or gives no JSON."""
    import asyncio

    body, method = path.read_bytes(), path.name.rpartition(":")[2]
    for headers in ([], [(b"content-encoding", b"gzip")]):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message, sent=sent):
            sent.append(message)

        target = "/playground/attend" if method == "attend" else f"/v1/models/m:{method}"
        scope = {"type": "http", "method": "POST", "path": target, "raw_path": target.encode()}
        asyncio.run(_server()({**scope, "query_string": b"", "headers": headers}, receive, send))
        if sent[0]["status"] >= 500:
            raise AssertionError(sent[1]["body"][:300])
        json.loads(sent[1]["body"].decode("utf-8", "replace"))


# Checkpoints.


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
    from regard.models.checkpoint_files import read_headers, read_tensor

    for stored in read_headers(path.parent):
        read_tensor(stored)


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


_OTHER_PIECES = (
    "modernbert-json/tokenizer.json",
    "roberta/merges.txt",
    "xlm-roberta/sentencepiece.bpe.model",
)


def other_pieces():
    names = {Path(each).parent for each in _OTHER_PIECES}
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


# Images.


def pictures():
    from image_files import encode, picture, with_orientation

    pixels = picture(9, 13)
    grid = picture(16, 16)
    return {
        "a.jpg": with_orientation(pixels, 6),
        "b.png": encode(pixels),
        "c.png": encode(pixels, mode="P"),
        "d.gif": encode(pixels, "GIF", "P"),
        "e.bmp": encode(pixels, "BMP"),
        "f.bmp": encode(pixels, "BMP", "P"),
        "g.jpg": encode(grid, "JPEG", "CMYK"),
        "h.png": encode(pixels, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + bytes(14)),
    }


def other_pictures():
    from image_files import encode, picture

    pixels = picture(9, 13)
    return {
        "a.webp": encode(pixels, "WEBP"),
        "b.tiff": encode(pixels, "TIFF"),
        "c.tiff": encode(pixels, "TIFF", compression="tiff_lzw"),
        "d.ppm": encode(pixels, "PPM"),
        "e.jp2": encode(pixels, "JPEG2000"),
        "f.avif": encode(pixels, "AVIF"),
    }


def read_picture(path):
    from regard.recipes.images.other_formats import as_bmp

    as_bmp(path.read_bytes())


def decode_picture(path):
    from regard.recipes.images.decoding import decode_image
    from regard.recipes.images.preprocessing import ImagePreprocessing

    image = decode_image(path.read_bytes())
    ImagePreprocessing.for_shape(4, 4).fit(image)


def refused_in_graph():
    import tensorflow as tf

    return (tf.errors.InvalidArgumentError,)


def look_at_picture(path):
    from regard.recipes.images.checks import read_images
    from regard.recipes.images.data import LabelledImages

    read_images(LabelledImages("images", [str(path)], [""], []), skip_bad_files=False)


_WORDS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
PARSERS = {
    "csv": Parser(delimited, read_table, user_errors),
    "json": Parser(json_files, read_table, user_errors),
    "arrow": Parser(arrow_files, read_table, user_errors),
    "xlsx": Parser(sheets, read_table, user_errors),
    "tmx, fastText": Parser(marked_texts, read_table, user_errors),
    "compressed": Parser(compressed, read_table, user_errors),
    "lines": Parser(lines, read_lines, user_errors),
    "word vectors": Parser(word_vectors, read_word_vectors, user_errors),
    "yaml": Parser(yaml_files, read_yaml, user_errors),
    "TF_CONFIG": Parser(tf_config, read_tf_config, user_errors),
    "run.json": Parser(run_json, read_run_json, user_errors),
    "requests": Parser(requests, ask, tuple),
    "other images": Parser(other_pictures, read_picture, lambda: (ValueError,)),
    "safetensors": Parser(weights, read_weights, checkpoint_errors),
    "BERT": Parser(bert_checkpoint, read_checkpoint, checkpoint_errors, has_tensorflow=True),
    "ViT": Parser(
        vit_checkpoint, read_checkpoint, checkpoint_errors, ("config.json",), has_tensorflow=True
    ),
    "Marian": Parser(marian_checkpoint, read_checkpoint, checkpoint_errors, has_tensorflow=True),
    "preprocessing": Parser(
        vit_checkpoint, read_preprocessing, user_errors, ("preprocessor_config.json",), True
    ),
    "WordPiece": Parser(
        word_pieces, read_word_pieces, user_errors, (*_WORDS, "added_tokens.json"), True
    ),
    "byte-level BPE and Unigram": Parser(
        other_pieces, read_other_pieces, user_errors, _OTHER_PIECES, True
    ),
    "SentencePiece": Parser(sentence_pieces, read_sentence_pieces, user_errors, (), True),
    "images in the graph": Parser(pictures, decode_picture, refused_in_graph, (), True),
    "images looked at": Parser(
        lambda: pictures() | other_pictures(), look_at_picture, user_errors, (), True
    ),
}
