"""Who takes part in `translation.py`: how each library translates, and how each trains.

A translator has `translate(texts)`, from raw texts to their translations, all measured; a trainer
has `train(batches)`, measured, over batches of token ids. Each with the weights of one run, at its
best fair setting. Frameworks are imported where they are used: a peer's process must hold its own
framework alone.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

BATCH = 32  # sentences
NUM_BEAMS = 4
NUM_CORES = os.cpu_count() or 1
LEARNING_RATE = 1e-4


def by_length(texts: Sequence[str]) -> list[np.ndarray]:
    """Batches of indices into sentences of like length, in characters, shortest first."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]


def in_batches(texts: Sequence[str], translate) -> list[str]:
    """Translates batches of like length, and gives the translations in the order of the texts."""
    translations = np.empty(len(texts), object)
    for indices in by_length(texts):
        translations[indices] = translate([texts[index] for index in indices])
    return translations.tolist()


class RegardTranslator:
    """The exported SavedModel on raw texts, as a server asks it: TensorFlow and no more.

    Args:
        export: The directory of one version.
        threads: Threads of an operation, 0 for TensorFlow's default; a server's
            `--tensorflow_intra_op_parallelism`.
    """

    def __init__(self, export: Path, threads: int = 1):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401, the operations of the tokenizer

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        self.loaded = tf.saved_model.load(export)
        self.signature = self.loaded.signatures["serving_default"]

    def translate(self, texts: Sequence[str]) -> list[str]:
        import tensorflow as tf

        def ask(batch):
            answer = self.signature(texts=tf.constant(batch))
            return [text.decode() for text in answer["translations"].numpy()]

        return in_batches(texts, ask)


class TorchTranslator:
    """`transformers` + torch in inference mode.

    Args:
        checkpoint: The directory of a Marian checkpoint.
        dtype: "float32" or "bfloat16", of weights and activations.
    """

    def __init__(self, checkpoint: str, dtype: str):
        import torch
        from transformers import MarianMTModel, MarianTokenizer

        torch.set_num_threads(NUM_CORES)
        self.tokenizer = MarianTokenizer.from_pretrained(checkpoint)
        self.model = MarianMTModel.from_pretrained(checkpoint, dtype=getattr(torch, dtype)).eval()

    def translate(self, texts: Sequence[str]) -> list[str]:
        import torch

        def ask(batch):
            inputs = self.tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                ids = self.model.generate(**inputs, num_beams=NUM_BEAMS)
            return self.tokenizer.batch_decode(ids, skip_special_tokens=True)

        return in_batches(texts, ask)


class CTranslate2Translator:
    """CTranslate2, with the tokenizer of `transformers`.

    Args:
        model: What `convert` wrote.
        checkpoint: The directory of the Marian checkpoint, for the tokenizer.
        compute_type: "float32", "bfloat16" or "int8".
        patience: How many times as many translations as there are beams it waits for.
        workers: Number of threads that translate a part of a batch each, in place of all cores that
            translate the whole of it.
    """

    def __init__(
        self,
        model: Path,
        checkpoint: str,
        compute_type: str,
        patience: float = 1,
        workers: int = 1,
    ):
        import ctranslate2
        from transformers import MarianTokenizer

        self.tokenizer = MarianTokenizer.from_pretrained(checkpoint)
        self.model = ctranslate2.Translator(
            str(model),
            compute_type=compute_type,
            inter_threads=workers,
            intra_threads=NUM_CORES // workers,
        )
        self.options = {
            "beam_size": NUM_BEAMS,
            "patience": patience,
            "max_batch_size": BATCH // workers,
        }

    def translate(self, texts: Sequence[str]) -> list[str]:
        def ask(batch):
            tokenizer = self.tokenizer
            pieces = [tokenizer.convert_ids_to_tokens(ids) for ids in tokenizer(batch)["input_ids"]]
            results = self.model.translate_batch(pieces, **self.options)
            ids = [tokenizer.convert_tokens_to_ids(each.hypotheses[0]) for each in results]
            return tokenizer.batch_decode(ids, skip_special_tokens=True)

        return in_batches(texts, ask)


def convert(checkpoint: str, directory: Path) -> Path:
    """Converts a Marian checkpoint for CTranslate2, as `ct2-transformers-converter` does."""
    from ctranslate2.converters import TransformersConverter

    return Path(TransformersConverter(checkpoint).convert(str(directory / "ctranslate2")))


class RegardTrainer:
    """The recipe's model, loss and optimizer, and `model.fit`.

    Args:
        checkpoint: The directory of a Marian checkpoint.
        dtype: "float32" or "mixed_bfloat16".
    """

    def __init__(self, checkpoint: str, dtype: str):
        from regard.models import Translator
        from regard.recipes.translation.settings import TranslationSettings
        from regard.recipes.translation.training import compile_translator

        self.model = Translator.from_checkpoint(checkpoint, dtype=dtype)
        given = {"learning_rate": LEARNING_RATE, "warmup_steps": 1, "xla": False}
        compile_translator(self.model, TranslationSettings(**given), total_steps=1000)

    def train(self, batches: Sequence[tuple]) -> None:
        self.model.fit((batch for batch in batches), steps_per_epoch=len(batches), verbose=0)


class TorchTrainer:
    """`transformers` + torch: AdamW (fused), label smoothing, the same batches.

    Args:
        checkpoint: The directory of a Marian checkpoint.
        bfloat16: Whether to compute in bfloat16 (autocast; the weights stay float32).
    """

    def __init__(self, checkpoint: str, bfloat16: bool):
        import torch
        from transformers import MarianMTModel

        torch.set_num_threads(NUM_CORES)
        torch.manual_seed(0)
        self.model = MarianMTModel.from_pretrained(checkpoint, dtype=torch.float32).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), LEARNING_RATE, fused=True)
        self.bfloat16 = bfloat16

    def train(self, batches: Sequence[tuple]) -> None:
        import torch

        for inputs, targets, weights in batches:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
                logits = self.model(
                    input_ids=torch.tensor(inputs["encoder_token_ids"]),
                    attention_mask=torch.tensor(inputs["encoder_padding_mask"]),
                    decoder_input_ids=torch.tensor(inputs["decoder_token_ids"]),
                ).logits
                labels = np.where(weights > 0, targets, -100)
                loss = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), torch.tensor(labels).flatten().long(), label_smoothing=0.1
                )
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
