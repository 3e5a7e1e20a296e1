"""Damage to runs and exports: every bit of it is seen before anything is used."""

import json
import logging
import shutil
import subprocess
import sys
from importlib import import_module

import pytest
from damage import damaged, damages, files_in, flipped

from commands import mistake, regard_here
from regard.models.digests import Record, check_file, check_model, files_of, make_record
from regard.models.json_files import CheckpointError
from regard.recipes.errors import UserError
from regard.recipes.runs.config import read_config
from regard.recipes.runs.description import describe_run
from regard.recipes.runs.verification import verify_run
from regard.recipes.serving.manifest import check_manifest, verify_version

WEIGHTS = "model/model.safetensors"
RUNS = {
    "text": "TextRun",
    "pretraining": "MaskedLMRun",
    "images": "ImageRun",
    "translation": "TranslationRun",
}


def load(task, run):
    """Opens a run of a task, TensorFlow and all."""
    return getattr(import_module("regard"), RUNS[task]).load(run)


@pytest.fixture
def run(plain_run, tmp_path):
    """A run of a text classifier of one's own."""
    return shutil.copytree(plain_run("text"), tmp_path / "my run")


@pytest.fixture
def version(plain_export, tmp_path):
    """An export's version of one's own."""
    return shutil.copytree(plain_export("text"), tmp_path / "served" / "3")


def said_of(check, *arguments):
    """Returns the one error of a check that fails."""
    with pytest.raises((UserError, CheckpointError)) as error:
        check(*arguments)
    return str(error.value)


def what_is_seen(run, flips, cuts, seed=0):
    """Damages the files of a run, one by one; counts what is seen by the load, and by verify.

    The load reads all but the report, `config.yaml` when it is asked for.
    """
    seen = 0
    for path, content in damages(run, flips, cuts, seed):
        with damaged(path, content):
            said = _verified(verify_run, run)
            assert path.name in said, (path, said)
            if path.name == "config.yaml":
                assert path.name in said_of(check_file, path)
            elif path.parent.name != "report":
                assert path.name in said_of(describe_run, run), path
            seen += 1
    describe_run(run)
    return seen


def _verified(verify, directory):
    try:
        return " ".join(verify(directory)[0])
    except (UserError, CheckpointError) as error:
        return str(error)


def what_is_seen_of_an_export(version, flips, cuts, seed=0):
    """The same of a version of an export."""
    seen = 0
    for path, content in damages(version, flips, cuts, seed):
        with damaged(path, content):
            for said in (_verified(verify_version, version), said_of(check_manifest, version)):
                assert path.name in said, (path, said)
            seen += 1
    check_manifest(version)
    return seen


def test_a_flipped_bit_or_a_lost_end_anywhere_in_a_run(run):
    assert what_is_seen(run, 40, 24) == 64


def test_a_flipped_bit_or_a_lost_end_anywhere_in_an_export(version):
    assert what_is_seen_of_an_export(version, 24, 16) == 40


def test_every_bit_of_a_record(tmp_path):
    """Of its spaces and its own digest, too; and whatever of its end is lost."""
    (tmp_path / "a").write_bytes(b"a")
    content = {"x": 1e-05, "y": [0, "é\u001f"]}
    whole = make_record(tmp_path, "r.json", content)
    (tmp_path / "r.json").write_bytes(whole)
    assert Record(tmp_path, "r.json").content == content
    variants = [whole[:size] for size in range(len(whole))]
    for place in range(len(whole)):
        variants += [
            whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            for bit in range(8)
        ]
    for variant in variants:
        (tmp_path / "r.json").write_bytes(variant)
        with pytest.raises(CheckpointError, match=r"r\.json"):
            Record(tmp_path, "r.json").check()


# Each way of loading


@pytest.mark.parametrize("task", RUNS)
def test_a_run_is_checked_before_it_is_loaded(task, plain_run, tmp_path, monkeypatch):
    run = shutil.copytree(plain_run(task), tmp_path / "run")
    monkeypatch.setattr("regard.models.checkpoints.read_headers", None)  # nothing is read
    for name in [name for name in files_of(run) if name.startswith("model/")]:
        with damaged(run / name, flipped(run / name)):
            said = said_of(load, task, run)
            assert f"{run / name} has the SHA-256" in said
            assert f"`regard verify {run} --renew`" in said


@pytest.mark.parametrize(
    "command",
    ["evaluate {} {data}", "predict {} good", "export {} {to}", "info {}", "serve {} --port 0"],
)
def test_a_command_checks_a_run(command, run, tmp_path):
    (tmp_path / "data.csv").write_text("review,sentiment\ngood,positive\nbad,negative\n")
    fill = {"data": tmp_path / "data.csv", "to": tmp_path / "to"}
    words = [str(run) if word == "{}" else word.format(**fill) for word in command.split()]
    with damaged(run / WEIGHTS, flipped(run / WEIGHTS)):
        assert "model.safetensors has the SHA-256" in mistake(*words)


def test_a_checkpoint_is_checked_if_it_is_a_runs(run, tmp_path):
    (tmp_path / "link").symlink_to(run / "model")
    alone = shutil.copytree(run / "model", tmp_path / "alone" / "model")
    rows = "".join(f"good {number},yes\nbad {number},no\n" for number in range(20))
    (tmp_path / "data.csv").write_text(f"text,label\n{rows}")
    for each in (run / "model", alone):
        (each / "model.safetensors").write_bytes(flipped(each / "model.safetensors"))
    from_checkpoint = import_module("regard.models").TextClassifier.from_checkpoint
    for source in (run / "model", tmp_path / "link"):
        assert "has the SHA-256" in said_of(from_checkpoint, source)
    for source in (run, run / "model"):
        start = ["--checkpoint", source, "--output", tmp_path / "new"]
        assert "has the SHA-256" in mistake("fit", "text", tmp_path / "data.csv", *start)
    check_model(alone)  # nothing is known of it


def test_a_checkpoint_beside_another_programs_file(plain_run, tmp_path, caplog):
    model = shutil.copytree(plain_run("text") / "model", tmp_path / "model")
    (tmp_path / "run.json").write_text('{"runs": "something"}')
    check_model(model)
    assert caplog.messages == []


def test_an_export_is_checked_before_it_is_served(version):
    path = version / "variables" / "variables.data-00000-of-00001"
    with damaged(path, flipped(path)):
        for source in (version, version.parent):
            assert "variables.data-00000-of-00001 has the SHA-256" in mistake("serve", source)
    (version / "saved_model.pb").unlink()  # still the version to serve: none before it is
    shutil.copytree(version, version.with_name("2"))
    assert f"{version}/saved_model.pb is missing" in mistake("serve", version.parent)


def test_a_config_is_checked_before_it_trains_again(run):
    config = run / "config.yaml"
    read_config(config, {line.partition(":")[0] for line in config.read_text().splitlines()[1:]})
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 3"))
    assert "Or copy it out of the run" in said_of(read_config, config, set())


# Files that are missing or new


def test_missing_and_new_files_of_a_run(run):
    (run / "model" / "README.md").write_text("Mine.")
    (run / "notes.txt").write_text("Mine.")
    describe_run(run)
    assert "new, but never read: model/README.md; notes.txt" in regard_here("verify", run).stderr
    for name in ("added_tokens.json", "model-00001-of-00002.safetensors", "vocab.json"):
        (run / "model" / name).write_text("{}")
        assert f"{name} has been added" in said_of(check_model, run / "model")
        (run / "model" / name).unlink()
    for name in ("model/vocab.txt", "model/special_tokens_map.json", "metrics.json"):
        (run / name).rename(run / "away")
        assert f"{name} is missing" in said_of(describe_run, run)
        (run / "away").rename(run / name)


def test_missing_and_new_files_of_an_export(version):
    (version / "assets" / "labels.txt").unlink()
    (version / "assets" / "more.txt").write_text("more")
    said = said_of(check_manifest, version)
    assert "assets/labels.txt is missing" in said and "more.txt has been added" in said


# `regard verify`


def test_verify_a_run(run):
    done = regard_here("verify", run)
    number = len(files_in(run))
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{run}: all {number} files are as they were written.\n",
        "",
    )
    metadata = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**metadata, "seconds": 1}))
    (run / "model" / "vocab.txt").unlink()
    (run / "model" / "vocab.json").touch()
    (run / WEIGHTS).write_bytes(b"")
    done = regard_here("verify", run)
    assert done.returncode == 2
    names = ("run.json", "model.safetensors", "vocab.txt", "vocab.json")
    for line, name in zip(done.stdout.splitlines(), names, strict=True):
        assert name in line
    assert f"`regard verify '{run}' --renew`" in done.stderr


def test_verify_all_versions_of_an_export(version):
    older = shutil.copytree(version, version.with_name("2"))
    done = regard_here("verify", version.parent)
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        str(older),
        str(version),
    ]
    (older / "batching_params.pbtxt").write_text("max_batch_size { value: 8 }")
    done = regard_here("verify", version.parent)
    assert done.returncode == 2
    assert "2/batching_params.pbtxt has the SHA-256" in done.stdout
    assert f"{version}: all" in done.stdout
    assert regard_here("verify", older, "--renew").returncode == 0
    check_manifest(older)


def test_verify_what_is_neither(tmp_path):
    assert "There is no directory" in mistake("verify", tmp_path / "nowhere")
    assert "neither a run nor an export" in mistake("verify", tmp_path)


def test_a_run_changed_on_purpose_is_renewed(run):
    metadata = json.loads((run / "run.json").read_text())
    names = ["bad", "good"]
    (run / "run.json").write_text(json.dumps({**metadata, "class_names": names}))
    assert "run.json has the SHA-256" in said_of(describe_run, run)
    assert "must name the same classes" in mistake("verify", run, "--renew")
    config = json.loads((run / "model/config.json").read_text())
    config["id2label"] = dict(enumerate(names))
    (run / "model/config.json").write_text(json.dumps(config))
    assert regard_here("verify", run, "--renew").returncode == 0
    assert regard_here("verify", run).returncode == 0
    assert describe_run(run)["class_names"] == names


def test_a_run_and_an_export_of_before(run, version, caplog):
    metadata = json.loads((run / "run.json").read_text())
    del metadata["digest"], metadata["digests"]
    (run / "run.json").write_text(json.dumps(metadata))
    (version / "assets.extra/manifest.json").unlink()
    caplog.set_level(logging.INFO, "regard")
    check_model(run / "model")
    check_manifest(version)
    (first, second) = caplog.messages
    assert f"{run} has no digests" in first and f"{version} has no digests" in second
    assert "has no digests" in regard_here("verify", run).stdout
    assert "none; `regard verify" in regard_here("info", run).stdout
    for each in (run, version):
        assert regard_here("verify", each, "--renew").returncode == 0
        assert regard_here("verify", each).returncode == 0


def test_verify_does_not_load_tensorflow(run, version):
    code = (
        "import sys; from regard.recipes.cli import run_command\n"
        "assert run_command(['verify', sys.argv[1]]) == run_command(['verify', sys.argv[2]]) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, run, version], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
