"""Makes the model that a training of a text classifier starts from, with its tokenizer."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from ...layers import EncoderBlock
from ...models import TextClassifier
from ...models.mean_reading import can_read_mean, with_mean_block
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..tokenizers.vocabulary import MAX_CLAUSE_CHARACTERS, has_spaces, learn_vocabulary
from ..tokenizers.wordpiece import BertNormalization, WordPieceTokenizer
from ..training.embeddings import FirstVectors, find_first_vectors
from .data import LabelledTexts
from .settings import TextSettings

logger = logging.getLogger("regard")


class Start(NamedTuple):
    """Holds a model and what goes with it.

    Attributes:
        model: The model.
        tokenizer: Its tokenizer.
        class_names: The class names in the order of its logits.
        settings: The settings, with what a checkpoint decides.
        vectors: The first vectors of its tokens, if words have some.
        knows: Whether its head has learned these labels before.
    """

    model: TextClassifier
    tokenizer: WordPieceTokenizer
    class_names: list[str]
    settings: TextSettings
    vectors: FirstVectors | None = None
    knows: bool = False


def start(train: LabelledTexts, settings: TextSettings) -> Start:
    """Makes a model of random weights, or takes that of a checkpoint, with what goes with it."""
    return (from_scratch if settings.checkpoint is None else from_checkpoint)(train, settings)


def from_scratch(train: LabelledTexts, settings: TextSettings) -> Start:
    """Makes a model of random weights, and learns a vocabulary from the training texts."""
    class_names = train.class_names()
    tokenizer, vectors = learn_tokenizer([*train.texts, *(train.pairs or ())], settings)
    model = TextClassifier.from_preset(
        settings.preset,
        vocabulary_size=len(tokenizer.vocabulary),
        num_classes=len(class_names),
        max_sequence_length=settings.max_sequence_length,
        **settings.model_options(),
    )
    if vectors is not None:
        vectors = vectors.begun(model, settings.learning_rate)
    return Start(model, tokenizer, class_names, settings, vectors)


def learn_tokenizer(
    texts: list[str], settings: TextSettings
) -> tuple[WordPieceTokenizer, FirstVectors | None]:
    """Learns a vocabulary, to which word vectors add words; returns these as well, if there are."""
    options, of_tokenizer = {}, {}
    # Both tell what rare words and several Chinese characters mean.
    if settings.teacher or settings.embeddings is not None:
        options = {"split_chinese": False}
        of_tokenizer = {
            "normalization": BertNormalization(split_chinese=False),
            "max_word_characters": MAX_CLAUSE_CHARACTERS,
        }
    # Without spaces a clause is a word: one that occurs once would be a piece.
    if settings.teacher and has_spaces(texts):
        options["min_frequency"] = 1
    size, vectors = settings.vocabulary_size, None
    pieces = learn_vocabulary(texts, size, **options)
    if settings.embeddings is not None:
        vectors = find_first_vectors(settings.embeddings, texts, pieces, size, split_chinese=False)
        pieces = vectors.pieces
    return WordPieceTokenizer(pieces, **of_tokenizer), vectors


def from_checkpoint(train: LabelledTexts, settings: TextSettings) -> Start:
    """Takes a pretrained model, with the tokenizer that it was trained with.

    Raises:
        UserError: If the checkpoint cannot be used.
    """
    class_names = train.class_names()
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint)
        knows = set(checkpoint.class_names) == set(class_names)
        if knows:
            class_names = checkpoint.class_names  # in the order of the checkpoint's classifier
        model = TextClassifier.from_checkpoint(
            checkpoint, class_names=class_names, **settings.model_options()
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    if settings.few_shot:
        model = reading_the_mean(model)
    freeze(model, settings.freeze)
    if settings.lora:
        add_lora(model, settings.lora)
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    settings = settings.for_checkpoint(width, longest)
    return Start(model, tokenizer, class_names, settings, knows=knows)


def reading_the_mean(model: TextClassifier) -> TextClassifier:
    """Returns the model with a block more, by which its first token has the mean of all.

    Raises:
        UserError: If its attention cannot be made to look at all tokens alike.
    """
    if not can_read_mean(model):
        raise UserError(
            f"A checkpoint of {model.layout.title} cannot be trained with --few-shot: take a BERT, "
            "DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT or ELECTRA, or leave it out."
        )
    logger.info("One block is added, by which the classifier reads the mean of all tokens.")
    return with_mean_block(model)


def freeze(model: TextClassifier, num_layers: int) -> None:
    """Keeps the embedding and the `num_layers` lowest layers as they are; with 0, nothing.

    Raises:
        UserError: If the model has fewer layers, or higher ones share the weights of these.
    """
    steps, size = model.encoder.steps(), model.encoder.group_size
    total = len(steps) // size
    if num_layers > total:
        raise UserError(
            f"The model has {total} layers, so at most so many can be frozen. "
            f"Received: {num_layers}"
        )
    apart = [n for n in range(total + 1) if not _is_shared(steps[: n * size], steps[n * size :])]
    if num_layers not in apart:
        raise UserError(
            "Layers that share their weights, as ALBERT's do, can only be frozen together. Pass "
            f"--freeze {' or '.join(map(str, apart))}, or --lora. Received: {num_layers}"
        )
    for layer in (model.embedding, *model.encoder.shared_layers):
        layer.trainable = num_layers == 0
    for block in steps[: num_layers * size]:
        block.trainable = False


def _is_shared(lower: Sequence[EncoderBlock], higher: Sequence[EncoderBlock]) -> bool:
    return not {id(block) for block in lower}.isdisjoint(map(id, higher))


def add_lora(model: TextClassifier, rank: int) -> None:
    """Leaves the encoder as it is, and trains a product of two narrow matrices beside each kernel.

    The rank is the number of columns of the first matrix, and of rows of the second. The pooler and
    the head are trained as they are.

    Raises:
        UserError: If the rank is not below the width, where it would save nothing.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models",
        https://arxiv.org/abs/2106.09685
    """
    if rank >= model.config["hidden_dim"]:
        raise UserError(
            f"The rank of LoRA must be below the model's width, {model.config['hidden_dim']}. "
            f"Received: {rank}"
        )
    for layer in (model.embedding, *model.encoder.shared_layers):
        layer.trainable = False
    for block in model.encoder.blocks:
        for dense in block.dense_layers:
            dense.enable_lora(rank)
        for variable in block.trainable_variables:
            variable.trainable = variable.name.startswith("lora_")
