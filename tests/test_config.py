"""Sources and settings in a file: what `--config` reads, and what a run writes."""

import pytest
import yaml

from commands import mistake, regard_here
from regard.recipes.cli import fit
from regard.recipes.errors import UserError
from regard.recipes.runs.config import asked_for, named, read_config, write_config


@pytest.fixture
def asked(monkeypatch):
    """Trains nothing; gives what `regard fit` and `pretrain` would train with."""
    found = {}

    def train(task, given, workers, output, overwrite, as_json):
        sources, settings = given
        task.load("settings", task.settings)(**settings).completed()
        found.update(sources=sources, settings=settings, output=output)

    monkeypatch.setattr(fit, "train", train)
    return found


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_stands_in_for_flags(tmp_path, asked):
    config = write(
        tmp_path / "c.yaml",
        "train: reviews.csv\nvalidation: 0.2\nepochs: 3\nlearning-rate: 1e-3\nxla: no\n"
        "label_smoothing: 0.25\nlabel_column: 'no'\npreset: null\nskip_bad_rows: true\n",
    )
    done = regard_here("fit", "text", "--config", config, "--epochs", 5)
    assert done.returncode == 0, done.stderr
    sources, settings = asked["sources"], asked["settings"]
    assert "reviews.csv" in sources["train"] and sources["validation"] == 0.2
    assert (sources["label_column"], sources["skip_bad_rows"]) == ("no", True)
    assert settings["epochs"] == 5  # what is typed goes before
    assert (settings["learning_rate"], settings["xla"], settings["preset"]) == (0.001, False, None)
    assert settings["label_smoothing"] == 0.25  # which has no flag
    assert settings["batch_tokens"] is None
    done = regard_here("fit", "text", "other.csv", "--config", config)
    assert "other.csv" in asked["sources"]["train"]


def test_a_file_of_every_task(tmp_path, asked):
    config = write(tmp_path / "c.yaml", "source: a.en\ntarget: a.de\nhidden_dim: 48\n")
    assert regard_here("fit", "translation", "--config", config).returncode == 0
    assert asked["sources"]["target"] == "a.de" and asked["settings"]["hidden_dim"] == 48
    config = write(tmp_path / "c.yaml", "train: photos\nimage_size: 16x24\n")
    assert regard_here("fit", "images", "--config", config).returncode == 0
    assert asked["settings"]["image_size"] == (16, 24)
    config = write(tmp_path / "c.yaml", "sources: [a.txt, b.txt]\nmasked_share: 0.2\n")
    assert regard_here("pretrain", "text", "--config", config).returncode == 0
    assert asked["sources"]["sources"] == ("a.txt", "b.txt")
    assert asked["settings"]["masked_share"] == 0.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", r"c.yaml: there is no setting `epoch`. Did you mean `epochs`?"),
        ("learning-rte: 3", r"no setting `learning_rte`. Did you mean `learning_rate`?"),
        ("output: there", r"no setting `output`"),
        ("epochs: 3\nepochs: 4", r"`epochs` must be there once. Received: 2 times"),
        ("epochs: 0", r"c.yaml: `epochs`: 0 is not in the range"),
        ("epochs: many", r"c.yaml: `epochs`: 'many' is not a valid integer"),
        ("epochs: [1, 2]", r"c.yaml: `epochs` must be one value"),
        ("learning_rate: -1", r"c.yaml: `learning_rate`: must be a finite number above 0"),
        ("validation: 1.5", r"c.yaml: `validation`: a fraction must be between 0 and 1"),
        ("precision: float8", r"c.yaml: `precision`: 'float8' is not one of"),
        ("xla: perhaps", r"c.yaml: `xla`: 'perhaps' is not a valid boolean"),
        ("label_column: no", r"`label_column` must be text: write it between quotes"),
        ("label_smoothing: 2", r"`label_smoothing` must be in [0, 1). Received"),
        ("- epochs", r"c.yaml must have a setting a line"),
        ("just words", r"c.yaml must have a setting a line"),
        ("", r"c.yaml must have a setting a line"),
        ("a: [", r"c.yaml cannot be read as YAML"),
        ("!!python/name:os.system", r"c.yaml cannot be read as YAML"),
        (None, r"c.yaml cannot be read as YAML: No such file"),
    ],
)
def test_a_file_that_cannot_be(text, message, tmp_path, asked):
    config = tmp_path / "c.yaml"
    if text is not None:
        write(config, text)
    assert message in mistake("fit", "text", "reviews.csv", "--config", config)
    assert asked == {}


def test_without_data_the_command_says_what_is_missing(tmp_path, asked):
    config = write(tmp_path / "c.yaml", "epochs: 3\n")
    assert "Missing argument 'TRAIN" in mistake("fit", "text", "--config", config)


def test_what_is_written_is_read_again(tmp_path):
    sources = {"train": tmp_path / "no.csv", "label_column": "no", "validation": 0.1}
    settings = {"image_size": (16, 24), "learning_rate": 1e-05, "seed": 3, "preset": None}
    write_config(tmp_path / "config.yaml", "images", sources, settings)
    text = (tmp_path / "config.yaml").read_text("utf-8")
    assert "regard fit images --config config.yaml --output RUN" in text.splitlines()[0]
    names = {*sources, *settings}
    assert read_config(tmp_path / "config.yaml", names) == {
        "train": str(tmp_path / "no.csv"),
        "label_column": "no",
        "validation": 0.1,
        "image_size": "16x24",
        "learning_rate": 1e-05,
        "seed": 3,
    }


@pytest.mark.parametrize("table", [object(), (["good", "bad"], ["yes", "no"]), [{"text": "good"}]])
def test_data_that_has_no_name_is_said(table, tmp_path):
    write_config(tmp_path / "c.yaml", "text", {"train": table, "validation": 0.1}, {"seed": 0})
    text = (tmp_path / "c.yaml").read_text("utf-8")
    assert "# train: was in memory" in text
    assert yaml.safe_load(text) == {"validation": 0.1, "seed": 0}


def test_names_go_before_tables():
    assert asked_for({"train": "a table"}) == {"train": "a table"}
    with named({"train": "reviews.csv"}):
        assert asked_for({"train": "a table"}) == {"train": "reviews.csv"}
    assert asked_for({}) == {}


def test_an_encoding_that_is_not_utf8(tmp_path):
    (tmp_path / "c.yaml").write_bytes("train: é.csv".encode("latin-1"))
    with pytest.raises(UserError, match=r"c\.yaml cannot be read as YAML"):
        read_config(tmp_path / "c.yaml", ["train"])
