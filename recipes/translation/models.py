"""Chooses among the models that translate: the Transformer, or the recurrent one before it."""

from typing import Any

from ...models import RecurrentTranslator, Translator
from ...models.checkpoints import Checkpoint
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from .settings import TranslationSettings

MODELS = (Translator, RecurrentTranslator)

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
    kinds = {model_class.layout.model_type: model_class for model_class in MODELS}
    model_class = kinds.get(checkpoint.layout.model_type, Translator)
    return model_class.from_checkpoint(checkpoint, **options)
