"""Chooses among the models that translate: the Transformer, or the recurrent one before it."""

from typing import Any

from ...models import RecurrentTranslator, Translator
from ...models.checkpoints import Checkpoint
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from .settings import TranslationSettings

AnyTranslator = Translator | RecurrentTranslator


def new_translator(
    tokenizer: SentencePieceTokenizer, settings: TranslationSettings
) -> AnyTranslator:
    """Makes a model of random weights, of the sizes in the settings."""
    model_class = Translator if settings.units is None else RecurrentTranslator
    return model_class(
        len(tokenizer.vocabulary),
        **settings.sizes(),
        max_sequence_length=settings.max_sequence_length,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        **settings.model_options(),
    )


def translator_of(checkpoint: Checkpoint, **options: Any) -> AnyTranslator:
    """Makes the model that a checkpoint is of; the options are those of its `from_checkpoint`.

    Raises:
        CheckpointError: If it is of another kind.
    """
    is_recurrent = checkpoint.layout is RecurrentTranslator.layout
    model_class = RecurrentTranslator if is_recurrent else Translator
    return model_class.from_checkpoint(checkpoint, **options)
