"""Trainings of every kind, small enough for tests; and the same as a worker of several.

    python small_runs.py TASK OUTPUT SETTINGS     with TF_CONFIG

SETTINGS are JSON: what all workers have, or a list of what each has.
"""

import json
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from unittest import mock

import numpy as np
from safetensors.numpy import load_file

from image_files import encode, picture, write_folder

COLOURS = {"green": 24, "red": 32, "Ünïcödé 蓝": 24}  # a quarter of them is even
CHANNELS = ["red", "green", "blue"]
COLUMNS = ("review", "sentiment")
AWKWARD = [  # texts, each of which must have an answer
    "",
    " ",
    "好",
    "a" * 500,
    "very " * 2000 + "good",
    "😀",
    "\udcff\udc80",
    "\x00\x01",
    "q z",
]
TEXT = {"num_layers": 1, "hidden_dim": 64, "num_heads": 2, "intermediate_dim": 128}
VIT = {
    "image_shape": (16, 16, 3),
    "patch_size": 4,
    "hidden_dim": 16,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 32,
}
TRANSLATOR = {
    "num_layers": 1,
    "hidden_dim": 16,
    "num_heads": 2,
    "intermediate_dim": 32,
    "vocabulary_size": 120,
    "warmup_steps": 20,
    "max_sequence_length": 40,
    "num_beams": 2,
    "epochs": 2,
    "batch_tokens": 256,
}


def fit(task, output, drawn=False, **settings):
    """Trains: text, taught, adversarial, pretraining, translation, tokens or images.

    Unless it is to be `drawn`, which takes a second, the report has the names of pictures alone.
    """
    from regard.models import IMAGE_PRESETS, TEXT_PRESETS

    with (
        mock.patch.dict(TEXT_PRESETS, small_run=TEXT),
        mock.patch.dict(IMAGE_PRESETS, small_run=VIT),
        nullcontext() if drawn else blank_pictures(),
    ):
        return _FITS[task](Path(output), **settings)


@contextmanager
def blank_pictures():
    """Draws no picture while it lasts, and no attention: a report has their names alone."""
    with (
        mock.patch("matplotlib.figure.Figure.savefig", lambda self, file, **_: None),
        mock.patch("regard.recipes.report.samples.LOOKED_INTO", 0),
    ):
        yield


def reviews(count, seed=0):
    from regard import LabelledTexts
    from regard.recipes.text.reviews import generate_reviews

    return LabelledTexts("reviews", *generate_reviews(count, seed, held_out=False), *COLUMNS)


def fit_text(output, parts=None, **settings):
    from regard import fit_text

    small = {"preset": "small_run", "teacher": False, "token_dropout": 0.0}
    small |= {"batch_tokens": 256, "vocabulary_size": 300, "learning_rate": 5e-4}
    settings = {**small, "epochs": 2, "patience": 10, **settings}
    parts = parts or (reviews(220), reviews(30, seed=1))
    return fit_text(*parts, output=output, **settings)


def sources_of_several(count, seed=0):
    """Reviews with several labels, and none: what they say, if they say it at length."""
    data = reviews(count, seed)
    labels = [
        tuple(
            name
            for name, holds in zip((label, "long"), (len(text) > 25, len(text) > 45), strict=True)
            if holds
        )
        for text, label in zip(data.texts, data.labels, strict=True)
    ]
    return replace(data, labels=labels, problem_type="multi_label_classification")


def fit_several(output, **settings):
    """Texts with several labels each."""
    settings = {"epochs": 4, "learning_rate": 3e-3, **settings}
    parts = sources_of_several(220), sources_of_several(60, seed=1)
    return fit_text(output, parts, **settings)


def sources_of_values(count, seed=0):
    """Reviews with a number: far from 0, and far from 1."""
    data = reviews(count, seed)
    signs = [1 if label == max(data.labels) else -1 for label in data.labels]
    labels = [
        1000 + sign * 50 + len(text) / 10 for sign, text in zip(signs, data.texts, strict=True)
    ]
    return replace(data, labels=labels, problem_type="regression")


def fit_values(output, **settings):
    """Texts with a number each."""
    settings = {"epochs": 12, "learning_rate": 3e-3, **settings}
    return fit_text(output, (sources_of_values(220), sources_of_values(60, seed=1)), **settings)


def fit_taught(output, **settings):
    settings = {"teacher": True, "epochs": 1, "batch_tokens": 10_000, **settings}
    fewer = {"FEWEST_STEPS": 20, "SYNTHETIC_PER_TEXT": 2}
    with mock.patch.multiple("regard.recipes.text.distillation", **fewer):
        return fit_text(output, **settings)


def fit_adversarial(output, **settings):
    return fit_text(output, **{"adversarial": 0.02, **settings})


def corpus():
    from regard.recipes.pretraining.data import Texts

    return Texts(["reviews.txt"], list(reviews(220).texts))


def fit_pretraining(output, **settings):
    from regard import pretrain_text

    small = {"preset": "small_run", "batch_tokens": 256, "vocabulary_size": 300}
    small |= {"epochs": 3, "learning_rate": 5e-4}
    return pretrain_text(corpus(), output=output, **{**small, **settings})


def pairs():
    """Texts and their translations, to learn from and to validate on."""
    from regard import ParallelTexts
    from regard.recipes.translation.dates_and_numbers import generate_pairs

    return [
        ParallelTexts(f"dates {seed}", *generate_pairs(count, seed=seed, held_out=False))
        for seed, count in enumerate((300, 13))
    ]


def fit_translation(output, **settings):
    from regard import fit_translation

    train, held_out = pairs()
    settings = {**TRANSLATOR, **settings}
    return fit_translation(train, validation_source=held_out, output=output, **settings)


def letters(count, seed, held_out=False):
    """Texts with the entities in them, as a table."""
    from regard import LabelledTokens
    from regard.recipes.tokens.corpus import generate_letters

    return LabelledTokens(f"letters {seed}", *generate_letters(count, seed, held_out))


def fit_tokens(output, **settings):
    from regard import fit_tokens

    small = {"preset": "small_run", "batch_tokens": 512, "vocabulary_size": 300, "epochs": 3}
    small |= {"learning_rate": 3e-3, "patience": 10}
    return fit_tokens(letters(150, 0), letters(30, 1), output=output, **{**small, **settings})


def fit_images(output, **settings):
    from regard import fit_images

    folder = output.parent / "colours"
    if not folder.exists():
        partial = output.parent / f"colours of {os.getpid()}"
        write_folder(partial, COLOURS, (12, 20))
        with suppress(OSError):  # another worker was first
            partial.rename(folder)
        rmtree(partial, ignore_errors=True)
    small = {"preset": "small_run", "batch_size": 9, "epochs": 4, "learning_rate": 0.01}
    small |= {"augmentation": "light", "stochastic_depth": 0.0, "patience": 10}
    settings = {**small, **settings}
    return fit_images(folder, 0.25, output=output, **settings)


def fit_several_images(output, **settings):
    """Images with several labels each, of a table: the channels that are bright."""
    from regard import fit_images

    folder = output.parent / "bright"
    folder.mkdir(exist_ok=True)
    lines = []
    for number in range(90):
        pixels = picture(16, 16, seed=number) // 4
        names = [name for place, name in enumerate(CHANNELS) if number >> place & 1]
        pixels[..., [CHANNELS.index(name) for name in names]] += 150
        (folder / f"{number}.png").write_bytes(encode(pixels))
        lines.append(json.dumps({"image": f"{number}.png", "labels": names}))
    (folder / "table.jsonl").write_text("\n".join(lines), encoding="utf-8")
    small = {"preset": "small_run", "batch_size": 9, "epochs": 6, "learning_rate": 0.01}
    small |= {"augmentation": "light", "stochastic_depth": 0.0, "patience": 10}
    return fit_images(folder / "table.jsonl", 0.3, output=output, **{**small, **settings})


_FITS = {
    "several_images": fit_several_images,
    "several": fit_several,
    "values": fit_values,
    "text": fit_text,
    "taught": fit_taught,
    "adversarial": fit_adversarial,
    "pretraining": fit_pretraining,
    "translation": fit_translation,
    "tokens": fit_tokens,
    "images": fit_images,
}


def weights_of(output):
    """The weights that a run directory holds, by name, but for the biases of keys.

    Attention does not depend on those: their gradient is what rounding leaves, and Adam takes full
    steps along it.
    """
    weights = load_file(Path(output) / "model/model.safetensors")
    hidden = ("key.bias", "k_proj.bias")
    return {name: value for name, value in weights.items() if not name.endswith(hidden)}


def largest_difference(first, second):
    """Of the weights of two runs, by their directories."""
    first, second = weights_of(first), weights_of(second)
    assert set(first) == set(second)
    return max(np.abs(first[name] - second[name]).max() for name in first)


def main():
    """Trains as one of several workers, with a state every few steps."""
    task, output, settings = *sys.argv[1:3], json.loads(sys.argv[3])
    if isinstance(settings, list):
        settings = settings[json.loads(os.environ["TF_CONFIG"])["task"]["index"]]
    from regard.recipes.errors import WORKER_LOST, UserError, WorkerLost
    from regard.recipes.training import keeping

    keeping.SAVE_SECONDS = 0.0
    status = 0
    try:
        fit(task, output, **settings)
    except WorkerLost:
        status = WORKER_LOST
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
        status = 2
    if status:
        os._exit(status)


if __name__ == "__main__":
    main()
