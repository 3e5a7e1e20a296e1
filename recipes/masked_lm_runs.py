"""A pre-training's run: a masked language model, which says what stands behind [MASK]."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..models import MaskedLanguageModel
from ..models.checkpoints import save_checkpoint
from ..models.layout import write_json
from .checkpoints import open_checkpoint
from .data.masking import masked_positions
from .directories import read_metadata
from .errors import UserError
from .tokenizers import WordPieceTokenizer, as_bytes

TOP = 5  # guesses for each [MASK]


@dataclass(frozen=True)
class Guess:
    """What may stand behind a [MASK], and its probability."""

    token: str
    score: float


@dataclass(frozen=True)
class FilledText:
    """A text with guesses for each [MASK] in it, the most probable first."""

    text: str
    masks: list[list[Guess]]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def to_line(self) -> str:
        """The guesses of each mask with their probabilities, then the text; tabs in between."""
        guesses = (", ".join(f"{g.token} {g.score:.4f}" for g in mask) for mask in self.masks)
        return "\t".join([*guesses, " ".join(self.text.split())])


class MaskedLMRun:
    """A trained masked language model with its tokenizer, as a run directory holds it.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.

    Example:
        >>> run = MaskedLMRun.load("runs/pretrained")
        >>> run.predict(["The room was [MASK]."])[0].masks[0][0].token
        'clean'
    """

    def __init__(
        self,
        model: MaskedLanguageModel,
        tokenizer: WordPieceTokenizer,
        metadata: dict[str, Any],
        metrics: dict[str, Any],
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.metadata = metadata
        self.metrics = metrics

    @property
    def max_sequence_length(self) -> int:
        """The longest text the model reads, in tokens; the rest of a longer one is cut off."""
        return self.metadata["settings"]["max_sequence_length"]

    @classmethod
    def load(cls, directory: str | Path) -> "MaskedLMRun":
        """Opens a run directory.

        Raises:
            UserError: If it is not a run of a masked language model, or its files are damaged.
        """
        directory = Path(directory)
        metadata = read_metadata(directory, "masked_lm")
        try:
            checkpoint, tokenizer = open_checkpoint(directory)
            model = MaskedLanguageModel.from_checkpoint(checkpoint)
            metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{directory} is damaged, it cannot be read: {error}") from error
        return cls(model, tokenizer, metadata, metrics)

    def predict(self, texts: Sequence[str], top: int = TOP) -> list[FilledText]:
        """Says what may stand behind each [MASK].

        Args:
            texts: Texts, each with at least one [MASK] among the tokens that the model reads.
            top: Number of guesses for each. Defaults to 5.

        Raises:
            UserError: If a text has no [MASK].
        """
        return [self._fill(text, top) for text in texts]

    def _fill(self, text: str, top: int) -> FilledText:
        token_ids = self.tokenizer.encode(as_bytes([text]), self.max_sequence_length)
        positions, _ = masked_positions(token_ids == self.tokenizer.mask_id)
        if not positions.shape[1]:
            mask = self.tokenizer.vocabulary[self.tokenizer.mask_id]
            raise UserError(
                f"A masked language model says what stands behind {mask}, so every text must hold "
                f"one in its first {self.max_sequence_length} tokens. Received: {text:.80}"
            )
        inputs = {**self.tokenizer.pack(token_ids), "masked_positions": positions}
        scores, tokens = tf.math.top_k(tf.nn.softmax(self.model(inputs)[0]), top)  # (M, top)
        masks = [
            [
                Guess(self.tokenizer.vocabulary[token], score)
                for token, score in zip(*row, strict=True)
            ]
            for row in zip(tokens.numpy().tolist(), scores.numpy().tolist(), strict=True)
        ]
        return FilledText(text, masks)

    def save(self, directory: Path) -> None:
        """Writes `run.json`, `metrics.json` and `model/` into an existing directory."""
        model_directory = directory / "model"
        model_directory.mkdir()
        save_checkpoint(self.model, model_directory)
        self.tokenizer.save(model_directory, self.max_sequence_length)
        write_json(directory / "run.json", self.metadata)
        write_json(directory / "metrics.json", self.metrics)
