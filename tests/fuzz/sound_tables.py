"""Makes sound tables of every format, and reads them."""

import bz2
import gzip
import io
import json
import lzma

ROWS = [
    ("id", "review", "label", "zweite"),
    ("1", 'A "fine", quiet\nroom', "good", "Ein Zimmer"),
    ("2", "很干净 😀", "bad", "über"),
    ("3", "the staff was rude; never again", "bad", "nie"),
    ("4", "it's 3,5 stars\tor so", "good", "so"),
]


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
