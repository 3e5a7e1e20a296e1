"""What a run says of the code and the checkpoint that it came from."""

import shutil
from pathlib import Path

import pytest

import regard
from regard.models import digests
from regard.recipes.runs import provenance
from regard.recipes.runs.provenance import checkpoint_fingerprint, code_fingerprint, versions

PACKAGE = Path(regard.__file__).parent
ROOMS = [PACKAGE / room for room in ("layers", "models", "recipes")]
FOUND = [path for room in ROOMS for path in room.rglob("*") if path.is_file()]
PATHS = [PACKAGE / "__init__.py", *(path for path in FOUND if "__pycache__" not in path.parts)]
MODULES = [path.relative_to(PACKAGE) for path in PATHS]


def put(folder, modules):
    for module in modules:
        (folder / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / module, folder / module)
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return put(tmp_path_factory.mktemp("package"), MODULES)


def test_a_copy_has_the_same_fingerprint(copy):
    assert code_fingerprint(copy) == code_fingerprint()


@pytest.mark.parametrize("first", range(20))
def test_a_changed_line_anywhere_changes_it(first, tmp_path):
    """Some modules at a time: all of them are read for each that changes."""
    modules = MODULES[first::20]
    seen = {code_fingerprint(put(tmp_path, modules))}
    for module in modules:
        text = (tmp_path / module).read_bytes()
        (tmp_path / module).write_bytes(text + b"#\n")
        seen.add(code_fingerprint(tmp_path))
        (tmp_path / module).write_bytes(text)
    assert len(seen) == 1 + len(modules)


def test_a_moved_file_changes_it(copy):
    before = code_fingerprint(copy)
    (copy / "layers/dense.py").rename(copy / "layers/denser.py")
    assert code_fingerprint(copy) != before
    (copy / "layers/denser.py").rename(copy / "layers/dense.py")


def test_a_checkpoint_is_told_by_its_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = checkpoint_fingerprint(str(tmp_path))
    (tmp_path / "config.json").write_text("{ }")
    assert checkpoint_fingerprint(str(tmp_path)) != before
    assert checkpoint_fingerprint("hf://org/name@abc") == "hf://org/name@abc"
    assert checkpoint_fingerprint(None) is None


def test_the_files_of_a_run_are_hashed_when_they_are_opened_alone(tmp_path, monkeypatch):
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    plain = checkpoint_fingerprint(str(model))
    record = digests.make_record(model.parent, digests.RUN_RECORD, {"task": "text"})
    (model.parent / digests.RUN_RECORD).write_bytes(record)
    hashed = []

    def digest_of(path):
        hashed.append(path)
        return digests.hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(digests, "digest_of", digest_of)
    monkeypatch.setattr(provenance, "digest_of", digest_of)
    assert checkpoint_fingerprint(str(model)) == plain
    assert not hashed
    digests.check_model(model)
    assert hashed == [model / "config.json"]
    (model / "config.json").write_text("{ }")
    (model.parent / digests.RUN_RECORD).write_bytes(record.replace(b"text", b"next"))  # damaged
    assert checkpoint_fingerprint(str(model)) != plain


def test_versions_are_those_that_a_result_depends_on():
    found = versions()
    assert found["regard"] == regard.__version__
    assert {"python", "keras", "tensorflow", "tokenizers"} <= set(found)
