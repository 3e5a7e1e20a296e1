"""The peers of `text_classification.py`: how each library fine-tunes, and how each classifies.

A fine-tuner has `prepare(texts, labels)`, unmeasured, whose result `train` takes, measured; a
classifier has `classify(texts)`, from raw texts to the index of each text's class, all measured.
Each at its best fair setting. Frameworks are imported where they are used: a peer's process must
hold its own framework alone.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TRAINING_BATCH = 32  # sentences
CLASSIFYING_BATCH = 64  # sentences
LEARNING_RATE = 5e-5  # the default of `transformers`' Trainer, and of KerasHub's classifier
NUM_CORES = os.cpu_count() or 1


def by_length(lengths: Sequence[int], batch_size: int) -> list[np.ndarray]:
    """Batches of indices into sentences of like length, shortest first."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def longest(checkpoint: str, texts: Sequence[str]) -> int:
    """The number of tokens of the longest text, rounded up to a multiple of 8."""
    from transformers import AutoTokenizer

    encoded = AutoTokenizer.from_pretrained(checkpoint)(list(texts))
    return -(-max(map(len, encoded["input_ids"])) // 8) * 8


class TorchFineTuner:
    """`transformers` + torch as its Trainer sets them up: AdamW (fused), gradients clipped at 1.

    Args:
        checkpoint: A checkpoint of an encoder.
        num_classes: Number of classes.
        bfloat16: Whether to compute in bfloat16 (autocast; the weights stay float32).
        grouped: Whether a batch holds sentences of like length.
    """

    def __init__(self, checkpoint: str, num_classes: int, bfloat16: bool, grouped: bool):
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.set_num_threads(NUM_CORES)
        torch.manual_seed(0)
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            checkpoint, num_labels=num_classes, dtype=torch.float32
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), LEARNING_RATE, fused=True)
        self.bfloat16 = bfloat16
        self.grouped = grouped

    def prepare(self, texts: Sequence[str], labels: np.ndarray) -> list[dict[str, Any]]:
        import torch

        lengths = [len(ids) for ids in self.tokenizer(texts)["input_ids"]]
        batches = by_length(lengths if self.grouped else np.zeros(len(texts)), TRAINING_BATCH)
        np.random.default_rng(0).shuffle(batches)
        return [
            {
                **_torch_inputs(self.tokenizer, [texts[index] for index in batch]),
                "labels": torch.tensor(labels[batch]),
            }
            for batch in batches
        ]

    def train(self, batches: list[dict[str, Any]]) -> None:
        import torch

        self.model.train()
        for batch in batches:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
                loss = self.model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        return _torch_classify(self.model.eval(), self.tokenizer, texts)


class TorchClassifier:
    """`transformers` + torch in inference mode, sentences grouped by length.

    Args:
        checkpoint: A checkpoint of a classifier.
        dtype: "float32" or "bfloat16", of weights and activations.
    """

    def __init__(self, checkpoint: str, dtype: str):
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.set_num_threads(NUM_CORES)
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            checkpoint, dtype=getattr(torch, dtype)
        ).eval()

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        return _torch_classify(self.model, self.tokenizer, texts)


def _torch_inputs(tokenizer, texts: list[str]) -> dict[str, Any]:
    return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")


def _torch_classify(model, tokenizer, texts: Sequence[str]) -> np.ndarray:
    import torch

    classes = np.empty(len(texts), int)
    with torch.inference_mode():
        for indices, inputs in _padded_batches(tokenizer, texts, "pt"):
            classes[indices] = model(**inputs).logits.argmax(dim=1).numpy()
    return classes


def _padded_batches(tokenizer, texts: Sequence[str], tensors: str) -> Iterator[tuple]:
    """Indices and inputs of batches of like length; every text is tokenized once, all at once."""
    encoded = tokenizer(list(texts), truncation=True)
    for indices in by_length([len(ids) for ids in encoded["input_ids"]], CLASSIFYING_BATCH):
        batch = {name: [values[index] for index in indices] for name, values in encoded.items()}
        yield indices, tokenizer.pad(batch, return_tensors=tensors)


class OnnxClassifier:
    """ONNX Runtime, sentences grouped by length, with the tokenizer of `transformers`.

    Args:
        model: The model, as `export_onnx` writes it.
        checkpoint: The checkpoint with the tokenizer.
    """

    def __init__(self, model: Path, checkpoint: str):
        import onnxruntime
        from transformers import AutoTokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = NUM_CORES
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        classes = np.empty(len(texts), int)
        for indices, inputs in _padded_batches(self.tokenizer, texts, "np"):
            (logits,) = self.session.run(["logits"], dict(inputs))
            classes[indices] = logits.argmax(axis=1)
        return classes


def export_onnx(checkpoint: str, directory: Path) -> None:
    """Writes `float32.onnx` and `int8.onnx` from a checkpoint of a classifier.

    Eager attention and operator set 14 give the graph that ONNX Runtime makes the most of; its
    offline optimizer, tried as well, made it no faster.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    inputs = _torch_inputs(tokenizer, ["two sentences", "of unlike length"])
    names = ["input_ids", "attention_mask", "token_type_ids"]
    any_size = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(
        model,
        tuple(inputs[name] for name in names),
        directory / "float32.onnx",
        input_names=names,
        output_names=["logits"],
        dynamic_axes={**any_size, "logits": {0: "batch"}},
        opset_version=14,
        dynamo=False,
    )
    quantize_dynamic(
        directory / "float32.onnx", directory / "int8.onnx", weight_type=QuantType.QInt8
    )


class KerasHubFineTuner:
    """KerasHub's classifier of texts, `model.fit` on sentences padded to a fixed length.

    Args:
        checkpoint: A checkpoint of an encoder.
        num_classes: Number of classes.
        length: The fixed length, in tokens.
        dtype: "float32" or "mixed_bfloat16".
    """

    def __init__(self, checkpoint: str, num_classes: int, length: int, dtype: str):
        import keras

        keras.utils.set_random_seed(0)
        self.model = _keras_hub_classifier(checkpoint, num_classes, length, dtype)
        self.preprocessor = self.model.preprocessor
        self.model.preprocessor = None  # `prepare` does it, outside the measured part
        self.model.compile(
            keras.optimizers.AdamW(LEARNING_RATE, global_clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def prepare(self, texts: Sequence[str], labels: np.ndarray):
        import tensorflow as tf

        inputs = self.preprocessor(list(texts))
        options = tf.data.Options()
        options.autotune.enabled = False  # at the end it would make `fit` wait for its thread
        dataset = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(TRAINING_BATCH)
        return dataset.with_options(options)

    def train(self, batches) -> None:
        self.model.fit(batches, verbose=0)

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        inputs = self.preprocessor(list(texts))
        return self.model.predict(inputs, batch_size=CLASSIFYING_BATCH, verbose=0).argmax(axis=1)


class KerasHubClassifier:
    """KerasHub's classifier of texts, `model.predict` on raw texts, padded to a fixed length.

    Args:
        checkpoint: A checkpoint of a classifier. KerasHub takes its encoder and leaves the head,
            which is put in by hand here.
        num_classes: Number of classes.
        length: The fixed length, in tokens.
        dtype: "float32" or "mixed_bfloat16".
    """

    def __init__(self, checkpoint: str, num_classes: int, length: int, dtype: str):
        from safetensors.numpy import load_file

        self.model = _keras_hub_classifier(checkpoint, num_classes, length, dtype)
        tensors = load_file(Path(checkpoint) / "model.safetensors")
        head = self.model.get_layer("logits")
        head.set_weights([tensors["classifier.weight"].T, tensors["classifier.bias"]])

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        logits = self.model.predict(list(texts), batch_size=CLASSIFYING_BATCH, verbose=0)
        return logits.argmax(axis=1)


def _keras_hub_classifier(checkpoint: str, num_classes: int, length: int, dtype: str):
    from keras_hub.models import BertTextClassifier, BertTextClassifierPreprocessor

    preprocessor = BertTextClassifierPreprocessor.from_preset(checkpoint, sequence_length=length)
    return BertTextClassifier.from_preset(
        checkpoint, num_classes=num_classes, preprocessor=preprocessor, dtype=dtype
    )
