"""Makes the model that a training of a translator starts from, with its tokenizer."""

import logging

import keras

from ..errors import UserError
from ..tokenizers.sentencepiece import SentencePieceTokenizer
from .data import ParallelTexts
from .models import new_translator, translator_of
from .run import open_translator
from .settings import TranslationSettings

logger = logging.getLogger("regard")


def start(
    train: ParallelTexts, settings: TranslationSettings
) -> tuple[keras.Model, SentencePieceTokenizer, TranslationSettings]:
    """Makes a model and learns pieces from the texts, or takes those of a checkpoint."""
    if settings.checkpoint is None:
        texts = train.sources, train.targets
        tokenizer = SentencePieceTokenizer.learn(*texts, settings.vocabulary_size)
        return new_translator(tokenizer, settings), tokenizer, settings
    try:
        checkpoint, tokenizer = open_translator(settings.checkpoint)
        tokenizer = tokenizer.speaking(settings.source_language, settings.target_language)
        tokenizer.check_sources(train.sources)
        model = translator_of(checkpoint, **settings.model_options())
    except ValueError as error:
        raise UserError(str(error)) from error
    if tokenizer.languages:
        logger.info("Languages: %s.", tokenizer.languages)
    longest = checkpoint.arguments["max_sequence_length"]
    return model, tokenizer, settings.for_checkpoint(longest)
