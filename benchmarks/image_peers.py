"""Who takes part in `image_classification.py`: how each library trains a ViT, and runs one.

A peer has `train(images, labels)` and `classify(images)`, both measured, on arrays of pixels that
are ready: float32 (B, H, W, 3). All have random weights of the same sizes. Frameworks are imported
where they are used: a peer's process must hold its own framework alone.
"""

import os
from dataclasses import dataclass

import numpy as np

NUM_CORES = os.cpu_count() or 1
NUM_CLASSES = 10
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Size:
    """The sizes of a ViT, and of its batches."""

    side: int
    patch_size: int
    hidden_dim: int
    num_layers: int
    num_heads: int
    intermediate_dim: int
    batch_size: int


BASE = Size(224, 16, 768, 12, 12, 3072, 8)
SMALL = Size(32, 4, 192, 6, 3, 768, 128)


class Regard:
    """`VisionTransformer` with the recipe's optimizer and loss: `train_on_batch`; a compiled call.

    Args:
        size: The sizes.
        bfloat16: Whether to compute in bfloat16; weights are float32 in training alone.
    """

    def __init__(self, size: Size, bfloat16: bool):
        import tensorflow as tf

        from regard.models import VisionTransformer
        from regard.recipes.images.settings import ImageSettings
        from regard.recipes.images.training import compile_image_classifier
        from regard.recipes.serving.export import in_precision

        self.model = VisionTransformer(
            (size.side, size.side, 3),
            NUM_CLASSES,
            size.patch_size,
            size.hidden_dim,
            size.num_layers,
            size.num_heads,
            size.intermediate_dim,
            dtype="mixed_bfloat16" if bfloat16 else "float32",
        )
        settings = ImageSettings(learning_rate=LEARNING_RATE).completed()
        compile_image_classifier(self.model, settings, 100, epochs=10)
        served = in_precision(self.model, "bfloat16" if bfloat16 else "float32")
        self.call = tf.function(lambda images: served(images, training=False), autograph=False)

    def train(self, images: np.ndarray, labels: np.ndarray) -> None:
        targets = np.eye(NUM_CLASSES, dtype="float32")[labels]
        self.model.train_on_batch(images, targets)

    def classify(self, images: np.ndarray) -> np.ndarray:
        return self.call(images).numpy()


class Torch:
    """`transformers` + torch: AdamW (fused), gradients clipped at 1; inference mode.

    Args:
        size: The sizes.
        bfloat16: Whether to compute in bfloat16: by autocast in training, in all weights without.
    """

    def __init__(self, size: Size, bfloat16: bool):
        import torch
        from transformers import ViTConfig, ViTForImageClassification

        torch.set_num_threads(NUM_CORES)
        torch.manual_seed(0)
        config = ViTConfig(
            hidden_size=size.hidden_dim,
            num_hidden_layers=size.num_layers,
            num_attention_heads=size.num_heads,
            intermediate_size=size.intermediate_dim,
            image_size=size.side,
            patch_size=size.patch_size,
            num_labels=NUM_CLASSES,
        )
        self.model = ViTForImageClassification(config).train()
        self.served = ViTForImageClassification(config).eval()
        if bfloat16:
            self.served = self.served.to(torch.bfloat16)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), LEARNING_RATE, fused=True)
        self.bfloat16 = bfloat16

    def train(self, images: np.ndarray, labels: np.ndarray) -> None:
        import torch

        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            loss = self.model(pixels, labels=torch.from_numpy(labels)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def classify(self, images: np.ndarray) -> np.ndarray:
        import torch

        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).to(self.served.dtype)
        with torch.inference_mode():
            return self.served(pixels).logits.float().numpy()


class KerasHub:
    """KerasHub's ViT on TensorFlow: AdamW, `train_on_batch`, and `predict_on_batch`.

    Args:
        size: The sizes.
        bfloat16: Whether to compute in bfloat16; weights stay float32.
    """

    def __init__(self, size: Size, bfloat16: bool):
        import keras
        import keras_hub

        dtype = "mixed_bfloat16" if bfloat16 else "float32"
        backbone = keras_hub.models.ViTBackbone(
            image_shape=(size.side, size.side, 3),
            patch_size=size.patch_size,
            num_layers=size.num_layers,
            num_heads=size.num_heads,
            hidden_dim=size.hidden_dim,
            mlp_dim=size.intermediate_dim,
            dtype=dtype,
        )
        self.model = keras_hub.models.ViTImageClassifier(backbone, NUM_CLASSES, dtype=dtype)
        self.model.compile(
            keras.optimizers.AdamW(LEARNING_RATE, global_clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def train(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.model.train_on_batch(images, labels)

    def classify(self, images: np.ndarray) -> np.ndarray:
        return self.model.predict_on_batch(images)
