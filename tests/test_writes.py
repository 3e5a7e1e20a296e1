"""All that regard writes itself goes through one module, where tests can stop it."""

import ast

import pytest
from test_floors import ROOT, modules

# What writes by another way, and why.
EXCEPTIONS = {
    "recipes.attention.page: Image.fromarray.save": "into memory",
    "recipes.cli.attend: trained.attention.save": "of the project's own",
    "recipes.cli.terminal: os.open": "the null device, where the reader of our output has gone",
    "recipes.cli.signals: os.write": "to the terminal",
    "recipes.cli.support: os.write": "to the terminal",
    "recipes.cli.support: tempfile.TemporaryFile": "what TensorFlow prints, which has no name",
    "recipes.data.archives: zipfile.ZipFile": "to read from",
    "recipes.data.parquet_writing: ParquetWriter": "into a file of `disk.create`",
    "recipes.data.parquet_writing: self.writer.write_table": "into a file of `disk.create`",
    "recipes.data.sheet_writing: Workbook": "written by the next, its rows in a file of openpyxl's",
    "recipes.data.sheet_writing: self.book.save": "into a file of `disk.create`",
    "recipes.data.sheets: zipfile.ZipFile": "to read from",
    "recipes.data.vector_files: zipfile.ZipFile": "to read from",
    "recipes.data.writing: gzip.GzipFile": "into a file of `disk.create`",
    "recipes.images.other_formats: rgb.save": "into memory",
    "recipes.report.markup: image.save": "into memory",
    "recipes.runs.drawing: figure.savefig": "into a file of `disk.create`",
    "recipes.runs.workspaces: mkdtemp": "an empty directory with a name that nobody has",
    "recipes.serving.export: tf.saved_model.save": "TensorFlow's own; `watch` is called before it",
    "recipes.serving.export: updater.save": "TensorFlow's own; `watch` is called before it",
    "recipes.serving.warmup_requests: tf.io.TFRecordWriter": "TensorFlow's own; so is it here",
    "recipes.training.tensorboard: keras.callbacks.TensorBoard": "Keras' logs, read by nobody here",
}
OF_OS = {"rename", "replace", "renames", "link", "symlink", "fsync", "fdatasync", "sync", "write"}
OF_SHUTIL = {"copy", "copy2", "copyfile", "copytree", "copyfileobj", "move"}
NAMES = {
    *("write_text", "write_bytes", "savefig", "save_file", "serialize_file", "tofile", "savez"),
    *("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory"),
    *("TFRecordWriter", "ParquetWriter", "RecordBatchFileWriter", "write_table", "to_csv"),
    *("GzipFile", "ZipFile", "BZ2File", "LZMAFile", "FileIO", "Workbook", "save_weights"),
    *("TensorBoard", "to_parquet", "imsave", "rename", "hardlink_to", "symlink_to"),
}


def writes(name, path):
    """Yields each call in a module that writes, renames or flushes, but for those of `disk`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and is_write(node):
            called = ast.unparse(node.func)
            yield f"{name}: {called if len(called) < 30 else short(node.func)}"


def short(function):
    """The name of a method and of what makes its object."""
    owner = function.value.func if isinstance(function.value, ast.Call) else function.value
    return f"{ast.unparse(owner)}.{function.attr}"


def is_write(call):
    """Tells by its name whether a call writes; it may be too strict, and then is an exception."""
    function = call.func
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if owner == "disk":
        return False
    if name in ("open", "fdopen"):
        return owner != "self" and opens_to_write(call, owner)
    if name == "replace":  # of a string with two arguments, of a dataclass with named ones
        return owner == "os" or (bool(owner) and len(call.args) == 1 and not call.keywords)
    if name == "save":  # of a run or its parts, into a directory, or of a library
        return owner not in ("run", "self.tokenizer", "self.preprocessor")
    return (
        name in NAMES
        or (owner == "os" and name in OF_OS)
        or (owner == "shutil" and name in OF_SHUTIL)
    )


def opens_to_write(call, owner):
    if owner == "os":
        flags = " ".join(map(ast.unparse, call.args))
        return any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
    given = [*call.args, *(each.value for each in call.keywords if each.arg == "mode")]
    modes = [str(each.value) for each in given if isinstance(each, ast.Constant)]
    return any(set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)


def test_all_writes_go_through_one_module():
    found = {
        write
        for name, path in modules(ROOT).items()
        if name != "models.disk"
        for write in writes(name, path)
    }
    assert found == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("open(path, 'w')", 1),
        ("open(path, encoding='utf-8', mode='ab')", 1),
        ("path.open('x')", 1),
        ("open(path)", 0),
        ("gzip.open(path, 'rt')", 0),
        ("gzip.open(path, 'wt')", 1),
        ("os.open(path, os.O_RDONLY)", 0),
        ("os.open(path, os.O_WRONLY | os.O_CREAT)", 1),
        ("path.write_text('a')", 1),
        ("disk.write_text(path, 'a')", 0),
        ("text.replace('a', 'b')", 0),
        ("replace(settings, seed=1)", 0),
        ("path.replace(other)", 1),
        ("os.replace(a, b)", 1),
        ("path.rename(other)", 1),
        ("disk.rename(a, b)", 0),
        ("backend.save(path)", 1),
        ("os.fsync(f)", 1),
        ("shutil.copytree(a, b)", 1),
        ("def f():\n    with tempfile.NamedTemporaryFile() as file:\n        pass", 1),
    ],
)
def test_a_call(text, count, tmp_path):
    (tmp_path / "module.py").write_text(text)
    assert len(list(writes("module", tmp_path / "module.py"))) == count
