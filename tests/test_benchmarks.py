"""What this package has in `benchmarks/`: every command says what it does, every part of ours runs.

The other libraries are not needed here.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import small_runs

FOLDER = Path(__file__).parents[1] / "benchmarks"
COMMANDS = sorted(
    path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text("utf-8")
)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_it_says_what_it_does(name):
    done = subprocess.run([sys.executable, FOLDER / name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_texts(plain_run, plain_export):
    from text_regard import RegardClassifier, RegardFineTuner

    train = small_runs.reviews(24)
    names = ["bad", "good"]
    tuner = RegardFineTuner(str(plain_run("text") / "model"), names, "float32", total_steps=9)
    before = np.array(tuner.start.model.head.kernel)
    tuner.train(tuner.prepare(train.texts, np.arange(24) % 2))
    assert not np.array_equal(before, tuner.start.model.head.kernel)
    assert set(tuner.classify(train.texts)) <= {0, 1}
    assert set(RegardClassifier(plain_export("text")).classify(train.texts)) <= {0, 1}


def test_images():
    from image_peers import NUM_CLASSES, Regard, Size

    size = Size(8, 4, 8, 1, 2, 12, 3)
    peer, images = Regard(size, bfloat16=False), np.ones((3, 8, 8, 3), "float32")
    before = peer.classify(images)
    assert before.shape == (3, NUM_CLASSES)
    for _ in range(2):  # the learning rate begins at 0
        peer.train(images, np.arange(3))
    assert not np.array_equal(before, np.array(peer.model(images)))


def test_translations(plain_run, plain_export, monkeypatch):
    from translation import make_batches
    from translation_peers import RegardTrainer, RegardTranslator

    # Too late in this process.
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", lambda _: None)
    sources, targets = ["one", "two of them"], ["一", "二"]
    run = plain_run("translation")
    assert len(RegardTranslator(plain_export("translation")).translate(sources)) == 2
    trainer = RegardTrainer(str(run / "model"), "float32")
    before = trainer.model.get_weights()
    trainer.train(make_batches(run, sources, targets))
    after = trainer.model.get_weights()
    assert any(not np.array_equal(*pair) for pair in zip(before, after, strict=True))
