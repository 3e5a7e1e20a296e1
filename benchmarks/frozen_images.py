"""How long a head alone takes to learn, on features that are computed once.

    python benchmarks/frozen_images.py [--images 1500]

A Vision Transformer of 6 layers and width 192 for images of 64 pixels, with random weights: only
the time is of interest, and that the whole model answers as its head does on the features. The
images are landscapes of three classes, drawn by `made_pictures.py`, a tenth of them to validate
on. What is measured goes to stdout.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import tensorflow as tf
from made_pictures import LANDSCAPES, draw_landscape, write_pictures

import regard
from regard.models import VisionTransformer
from regard.models.checkpoints import save_checkpoint
from regard.recipes.images import features, recipe
from regard.recipes.images.preprocessing import ImagePreprocessing

MODEL = {"patch_size": 8, "hidden_dim": 192, "num_layers": 6, "num_heads": 6}
MODEL |= {"image_shape": (64, 64, 3), "intermediate_dim": 768, "num_classes": len(LANDSCAPES)}
TIMED = "features_of_parts", "fit"  # of the recipe: the one pass, and the head's epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=1500, help="default: %(default)s")
    options = parser.parse_args()
    seconds = {name: timed(name) for name in TIMED}
    with tempfile.TemporaryDirectory() as folder:
        start = write_start(Path(folder) / "start")
        data = Path(folder) / "landscapes"
        write_pictures(data, draw_landscape, tuple(LANDSCAPES), options.images, seed=0)
        run = regard.fit_images(data, checkpoint=start, freeze="all", output=Path(folder) / "run")
        images = regard.read_labelled_images(data)
        vectors = features.features_of(run.model, images, run.preprocessor)
        expected = tf.nn.softmax(run.model.head(vectors)).numpy()
        difference = np.abs(run.predict_probabilities(images) - expected).max()
    (once,), (head,) = seconds["features_of_parts"], seconds["fit"]
    print(f"{options.images} images: {once:.1f} s in one pass")
    print(f"the head: {head:.1f} s, {len(run.history)} epochs")
    print(f"largest difference of a probability from the whole model's: {difference:.1e}")


def timed(name: str) -> list[float]:
    """Makes the recipe note how long a function of its takes, each time that it is called."""
    found, function = [], getattr(recipe, name)

    def noted(*arguments):
        began = perf_counter()
        result = function(*arguments)
        found.append(perf_counter() - began)
        return result

    setattr(recipe, name, noted)
    return found


def write_start(directory: Path) -> Path:
    """Writes a checkpoint of random weights."""
    directory.mkdir()
    save_checkpoint(VisionTransformer(**MODEL), directory)
    ImagePreprocessing.for_shape(*MODEL["image_shape"][:2]).save(directory)
    return directory


if __name__ == "__main__":
    main()
