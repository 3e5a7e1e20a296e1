"""Makes runs that answer at once, and asks them about tables by the command line."""

import csv
import json
from dataclasses import asdict, dataclass

from commands import regard_here

CLASSES = ["even", "odd"]
METADATA = {
    "task": "text",
    "settings": {"max_sequence_length": 8},
    "data": {"train": {"text_column": "review", "label_column": "stars", "pair_column": None}},
    "class_names": CLASSES,
}


@dataclass
class Guess:
    """A text is even or odd, as its number of characters is."""

    text: str
    label: str
    score: float
    scores: dict
    truncated: bool | None = None

    def to_line(self):
        return f"{self.label}\t{self.score:.4f}\t{' '.join(self.text.split())}"

    def to_json(self):
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None})


class FakeRun:
    asked = 0

    def predict(self, texts):
        self.asked = max(self.asked, len(texts))
        return [guess("".join(text)) for text in texts]

    answer = predict


def guess(text):
    score = 0.5 + 1 / (2 + len(text))
    label, other = CLASSES if len(text) % 2 == 0 else CLASSES[::-1]
    return Guess(text, label, score, {label: score, other: 1 - score}, len(text) > 500 or None)


def write_run(directory, **train):
    directory.mkdir()
    metadata = {**METADATA, "data": {"train": METADATA["data"]["train"] | train}}
    (directory / "run.json").write_text(json.dumps(metadata))
    return directory


def score(run, source, output, *options):
    """Runs the command; returns what it says."""
    done = regard_here("predict", run, "--input", source, "--output", output, *options)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def read_csv(path, **dialect):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, **dialect))


AWKWARD = [
    ["id", "", "review", "a", "a", " padded name"],
    ["007", "1.0", "good film", 'say "hi"', '"quoted"', " padded "],
    ["008", "1e5", "two\nlines", "a\rb", "c\r\nd", "tab\tbed"],
    ["009", "", "好片, 真的", "=1+1", "\u00a0", '"'],
]


def write_csv(path, rows, encoding="utf-8"):
    with open(path, "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def answers_of(texts):
    return [[guess(text).label, str(guess(text).score)] for text in texts]
