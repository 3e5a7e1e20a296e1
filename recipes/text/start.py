"""Makes the model that a training of a text classifier starts from, with its tokenizer."""

from ...models import TextClassifier
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..tokenizers.vocabulary import MAX_CLAUSE_CHARACTERS, has_spaces, learn_vocabulary
from ..tokenizers.wordpiece import BertNormalization, WordPieceTokenizer
from .data import LabelledTexts
from .settings import TextSettings

Start = tuple[TextClassifier, WordPieceTokenizer, list[str], TextSettings]


def start(train: LabelledTexts, settings: TextSettings) -> Start:
    """Makes a model of random weights, or takes that of a checkpoint, with what goes with it.

    The class names are in the order of the model's logits.
    """
    return (from_scratch if settings.checkpoint is None else from_checkpoint)(train, settings)


def from_scratch(train: LabelledTexts, settings: TextSettings) -> Start:
    """Makes a model of random weights, and learns a vocabulary from the training texts."""
    class_names = train.class_names()
    texts = [*train.texts, *(train.pairs or ())]
    if settings.teacher:  # which tells what rare words and several Chinese characters mean
        # Without spaces a clause is a word: one that occurs once would be a piece.
        options = {"min_frequency": 1 if has_spaces(texts) else 2, "split_chinese": False}
        pieces = learn_vocabulary(texts, settings.vocabulary_size, **options)
        tokenizer = WordPieceTokenizer(
            pieces,
            BertNormalization(split_chinese=False),
            max_word_characters=MAX_CLAUSE_CHARACTERS,
        )
    else:
        tokenizer = WordPieceTokenizer(learn_vocabulary(texts, settings.vocabulary_size))
    model = TextClassifier.from_preset(
        settings.preset,
        vocabulary_size=len(tokenizer.vocabulary),
        num_classes=len(class_names),
        max_sequence_length=settings.max_sequence_length,
        **settings.model_options(),
    )
    return model, tokenizer, class_names, settings


def from_checkpoint(train: LabelledTexts, settings: TextSettings) -> Start:
    """Takes a pretrained model, with the tokenizer that it was trained with.

    Raises:
        UserError: If the checkpoint cannot be used.
    """
    class_names = train.class_names()
    try:
        checkpoint, tokenizer = open_checkpoint(settings.checkpoint)
        if set(checkpoint.class_names) == set(class_names):
            class_names = checkpoint.class_names  # in the order of the checkpoint's classifier
        model = TextClassifier.from_checkpoint(
            checkpoint, class_names=class_names, **settings.model_options()
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    freeze(model, settings.freeze)
    if settings.lora:
        add_lora(model, settings.lora)
    width, longest = (checkpoint.arguments[n] for n in ("hidden_dim", "max_sequence_length"))
    return model, tokenizer, class_names, settings.for_checkpoint(width, longest)


def freeze(model: TextClassifier, num_layers: int) -> None:
    """Keeps the embedding and the `num_layers` lowest blocks as they are; with 0, nothing.

    Raises:
        UserError: If the model has fewer blocks.
    """
    blocks = model.encoder.blocks
    if num_layers > len(blocks):
        raise UserError(
            f"The model has {len(blocks)} layers, so at most so many can be frozen. "
            f"Received: {num_layers}"
        )
    model.embedding.trainable = num_layers == 0
    for block in blocks[:num_layers]:
        block.trainable = False


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
    model.embedding.trainable = False
    for block in model.encoder.blocks:
        for dense in block.dense_layers:
            dense.enable_lora(rank)
        for variable in block.trainable_variables:
            variable.trainable = variable.name.startswith("lora_")
