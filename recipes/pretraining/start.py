"""Makes the model that a pre-training starts from, with its tokenizer."""

from ...models import MaskedLanguageModel
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..tokenizers.vocabulary import learn_vocabulary
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.embeddings import FirstVectors, find_first_vectors
from .data import Texts
from .settings import PretrainingSettings

Start = tuple[MaskedLanguageModel, WordPieceTokenizer, PretrainingSettings, FirstVectors | None]


def start(texts: Texts, settings: PretrainingSettings) -> Start:
    """Makes a model and learns a vocabulary from the texts, or takes those of a checkpoint."""
    if settings.checkpoint is None:
        pieces, vectors = learn_vocabulary(texts.texts, settings.vocabulary_size), None
        if settings.embeddings is not None:
            options = texts.texts, pieces, settings.vocabulary_size
            vectors = find_first_vectors(settings.embeddings, *options)
            pieces = vectors.pieces
        tokenizer = WordPieceTokenizer(pieces)
        sizes = {"max_sequence_length": settings.max_sequence_length, **settings.model_options()}
        vocabulary_size = len(tokenizer.vocabulary)
        model = MaskedLanguageModel.from_preset(
            settings.preset, vocabulary_size=vocabulary_size, **sizes
        )
        if vectors is not None:
            vectors = vectors.begun(model, settings.learning_rate)
        return model, tokenizer, settings, vectors
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint, "masked_lm")
        model = MaskedLanguageModel.from_checkpoint(checkpoint, **settings.model_options())
    except ValueError as error:
        raise UserError(str(error)) from error
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return model, tokenizer, settings.for_checkpoint(width, longest), None
