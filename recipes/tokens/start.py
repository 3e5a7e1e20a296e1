"""Makes the model that a training of a classifier of tokens starts from, with its tokenizer."""

from typing import NamedTuple

from ...models import TokenClassifier
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..tokenizers.encoder import EncoderTokenizer
from ..tokenizers.vocabulary import learn_vocabulary
from ..tokenizers.wordpiece import BertNormalization, WordPieceTokenizer
from ..training.embeddings import FirstVectors, find_first_vectors
from .data import LabelledTokens
from .settings import TokenSettings
from .tags import class_names


class Start(NamedTuple):
    """Holds a model and what goes with it.

    Attributes:
        model: The model.
        tokenizer: Its tokenizer.
        class_names: The class names in the order of its logits.
        settings: The settings, with what a checkpoint decides.
        vectors: The first vectors of its tokens, if words have some.
    """

    model: TokenClassifier
    tokenizer: EncoderTokenizer
    class_names: list[str]
    settings: TokenSettings
    vectors: FirstVectors | None = None


def start(train: LabelledTokens, validation: LabelledTokens, settings: TokenSettings) -> Start:
    """Makes a model of random weights, or takes that of a checkpoint, with what goes with it.

    It knows the kinds of entities of the training data, and of what was held out of that.
    """
    kinds = {*train.counts(), *(validation.counts() if validation.is_held_out else ())}
    make = from_scratch if settings.checkpoint is None else from_checkpoint
    return make(train, class_names(kinds), settings)


def from_scratch(train: LabelledTokens, names: list[str], settings: TokenSettings) -> Start:
    """Makes a model of random weights, and learns a vocabulary from the training texts.

    It keeps capital letters, as BERT's for entities does (section 5.3), for they tell names. Word
    vectors are of words in lower case, so with them it folds case.
    """
    size, vectors = settings.vocabulary_size, None
    lowercase = settings.embeddings is not None
    pieces = learn_vocabulary(train.texts, size, lowercase=lowercase)
    if settings.embeddings is not None:
        vectors = find_first_vectors(settings.embeddings, train.texts, pieces, size)
        pieces = vectors.pieces
    tokenizer = WordPieceTokenizer(pieces, BertNormalization(lowercase=lowercase))
    model = TokenClassifier.from_preset(
        settings.preset,
        vocabulary_size=len(tokenizer.vocabulary),
        num_classes=len(names),
        max_sequence_length=settings.max_sequence_length,
        **settings.model_options(),
    )
    if vectors is not None:
        vectors = vectors.begun(model, settings.learning_rate)
    return Start(model, tokenizer, names, settings, vectors)


def from_checkpoint(train: LabelledTokens, names: list[str], settings: TokenSettings) -> Start:
    """Takes a pretrained model, with the tokenizer that it was trained with.

    Raises:
        UserError: If the checkpoint cannot be used.
    """
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint, "tokens")
        if set(checkpoint.class_names) == set(names):
            names = checkpoint.class_names  # in the order of the checkpoint's classifier
        model = TokenClassifier.from_checkpoint(
            checkpoint, class_names=names, **settings.model_options()
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return Start(model, tokenizer, names, settings.for_checkpoint(width, longest))
