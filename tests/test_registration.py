"""`import regard` is enough for Keras to load what was saved, in a process that knows no more."""

import subprocess
import sys

import keras
import pytest

from regard.models import TextClassifier, VisionTransformer
from tiers import only_first

IMPORTS = {
    "before": "import regard, keras",
    "after": "import keras, regard",
    "layers first": "from regard.layers import Dropout; import keras",
    "a module first": "from regard.models.checkpoints import Checkpoint; import keras",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    sizes = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 8}
    text = TextClassifier(20, 2, max_sequence_length=8, **sizes)
    text.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    text.save(folder / "text.keras")
    VisionTransformer((8, 8, 3), 2, 4, **sizes).save(folder / "images.keras")
    return folder


@pytest.mark.parametrize("imports", only_first(IMPORTS.values()), ids=IMPORTS)
def test_a_saved_model_loads_in_a_fresh_process(saved, imports):
    code = f"""{imports}, sys
print([type(keras.models.load_model(path)).__name__ for path in sys.argv[1:]])"""
    command = [sys.executable, "-c", code, saved / "text.keras", saved / "images.keras"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "['TextClassifier', 'VisionTransformer']", done.stderr


def test_importing_regard_imports_neither_keras_nor_tensorflow():
    code = "import regard, sys; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
