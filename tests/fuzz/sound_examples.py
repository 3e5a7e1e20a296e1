"""Makes sound examples: entities, labels of several kinds, archives and images in tables."""

import io
import json
import tarfile
import zipfile

from .sound_tables import ROWS, delimited, json_files


def entities():
    lines = ("-DOCSTART- -X- O", "", "Anna NNP B-PER", "lives VBZ O", "in IN O", "Paris NNP B-LOC")
    conll = "\n".join((*lines, "", "# so", "Bob NNP S-PER", ""))
    text = "Anna lives in Paris"
    spans = [
        {"text": text, "label": [[0, 4, "PER"], [14, 19, "LOC"]]},
        {"text": text, "label": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"},
        {"text": text, "label": {"entities": [[14, 20, "LOC"], [14, 19, "GPE"]]}},
    ]
    value = {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}
    marks = [
        {"result": [{"type": "labels", "value": value}], "was_cancelled": False},
        {"result": []},
    ]
    tasks = [{"data": {"text": text}, "annotations": marks}, {"data": {"text": "Bob"}}]
    words = [{"tokens": text.split(), "ner_tags": ["B-PER", "O", "O", "B-LOC"]}]
    cells = json.dumps([[0, 4, "PER"]]).replace('"', '""')
    lists = [json.dumps(words[0][name]).replace('"', '""') for name in words[0]]
    return {
        "a.conll": conll.encode(),
        "b.txt": conll.replace(" ", "\t").encode("utf-8-sig"),
        "c.jsonl": b"\n".join(json.dumps(each).encode() for each in spans),
        "d.jsonl": json.dumps(words[0]).encode(),
        "e.csv": f'text,label\n{text},"{cells}"\n'.encode(),
        "g.json": json.dumps(tasks).encode(),
        "f.csv": 'tokens,ner_tags\n"{}","{}"\n'.format(*lists).encode(),
    }


def read_entities(path):
    from regard.recipes.tokens.data import read_labelled_tokens

    read_labelled_tokens(str(path), skip_bad_rows=True)


def labels():
    texts = [row[1].replace("\n", " ") for row in ROWS[1:]]
    several = [["good", "cheap"], ["bad"], [], ["good"]]
    values = [0.5, "1,25", -3, 2e5]
    rows = list(zip(texts, several, values, strict=True))
    flags = "\n".join(
        f'"{t.replace(chr(34), "")}",{int("good" in s)},{int("bad" in s)}' for t, s, _ in rows
    )
    return {
        "several.jsonl": b"\n".join(
            json.dumps({"text": t, "label": s}).encode() for t, s, _ in rows
        ),
        "separated.tsv": "\n".join(
            ["text\tlabel", *(f"{t}\t{'|'.join(s)}" for t, s, _ in rows)]
        ).encode(),
        "flags.csv": f"text,good,bad\n{flags}\n".encode(),
        "value.jsonl": b"\n".join(json.dumps({"text": t, "label": v}).encode() for t, _, v in rows),
    }


_READINGS = {
    "several": {},
    "separated": {"label_separator": "|"},
    "flags": {"label_columns": ("good", "bad")},
    "value": {"problem_type": "regression"},
}


def read_labels(path):
    from regard.recipes.text.data import read_labelled_texts

    read_labelled_texts(str(path), skip_bad_rows=True, **_READINGS[path.stem])


def archives():
    csv, lines = delimited()["a.csv"], json_files()["a.jsonl"]
    files = {}
    for name, members in {
        "a.zip": {"a.csv": csv},
        "b.zip": {"d/a.jsonl": lines, "README": csv},
    }.items():
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        files[name] = whole.getvalue()
    for name, mode in {"c.tar": "w", "d.tar.gz": "w:gz", "e.tar.xz": "w:xz"}.items():
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode=mode) as archive:
            header = tarfile.TarInfo("n" * 150 + ".csv")
            header.size = len(csv)
            archive.addfile(header, io.BytesIO(csv))
        files[name] = whole.getvalue()
    return files


def pandas_json():
    columns, rows = ["text", "label"], [[row[1], row[2]] for row in ROWS[1:]]
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    by_row = {str(number): record for number, record in enumerate(records)}
    by_column = {name: {n: record[name] for n, record in by_row.items()} for name in columns}
    forms = {
        "split.json": {"columns": columns, "index": [0, 1, 2, 3], "data": rows},
        "index.json": by_row,
        "columns.json": by_column,
        "arrays.json": {name: [record[name] for record in records] for name in columns},
        "within.json": {"version": 1, "data": {"rows": records}},
        "table.json": {"schema": {"fields": [{"name": name} for name in columns]}, "data": records},
    }
    return {name: json.dumps(form).encode() for name, form in forms.items()}


def images_in_tables():
    import pyarrow as pa
    from pyarrow import feather, parquet

    from image_files import encode, picture

    image = encode(picture(5, 7))
    rows = [{"bytes": image, "path": "a.png"}, {"bytes": image, "path": None}]
    table = pa.table({"image": rows, "label": ["a", "b"]})
    files = {name: io.BytesIO() for name in ("a.parquet", "b.arrow", "c.parquet")}
    parquet.write_table(table, files["a.parquet"], compression="zstd")
    feather.write_feather(table, files["b.arrow"], compression="lz4")
    parquet.write_table(table, files["c.parquet"], use_dictionary=False, compression="gzip")
    return {name: file.getvalue() for name, file in files.items()}


def read_images_in_tables(path):
    from regard.recipes.data.formats import open_table
    from regard.recipes.images.embedded import with_embedded

    table, paths = with_embedded(open_table(str(path)))
    list(table.read(table.columns))
    list(paths.read(paths.columns) if paths else ())


def segments():
    units = '<seg id="1">Ein &amp; Zimmer</seg>\n<seg id="2">b</seg>'
    text = f'<refset trglang="de"><doc docid="a">{units}</doc></refset>'
    return {"a.sgm": text.encode(), "b.sgm": text.encode("utf-16")}


def read_segments(path):
    from regard.recipes.data.lines import open_lines

    table = open_lines(str(path), None)
    list(table.read(table.columns))
