"""What others build on: the names that can be imported, and the command line's words."""

import re
from importlib import import_module

import pytest

from commands import regard_here

NAMES = {
    "regard": """
        ImageRun ImageSettings LabelledImages LabelledTexts LabelledTokens MaskedLMRun ParallelTexts
        PretrainingSettings TextRun TextSettings TokenRun TokenSettings TranslationRun
        TranslationSettings UserError fit_images fit_text fit_tokens fit_translation layers models
        pretrain_text read_labelled_images read_labelled_texts read_labelled_tokens
        read_parallel_texts recipes
    """,
    "regard.layers": """
        AttentionPooling AveragePooling ConvolutionalStem Decoder DecoderBlock Dense
        DisentangledAttention DistanceEmbedding Dropout Encoder EncoderBlock FeedForward
        FirstTokenPooling GridPositionBias HardAttention HierarchicalAttention
        ImageEmbedding KernelPooling LayerNorm LearnedEmbedding MaskedLMHead MemoryRead
        MultiHeadAttention
        NadarayaWatson PatchEmbedding PatchPooling PositionEmbedding PredictiveAttention
        QueryValueDense RecurrentDecoder Reinforce RelativePositionBias RotaryAttention
        SinusoidalEmbedding SinusoidalPositionEmbedding StochasticDepth TextEmbedding
        TiedOutput TokenConvolution TokenTransform TransformedAveragePooling TwinHead
        additive_scores attention_weights causal_mask combine_masks cosine_scores dot_product_scores
        gelu_tanh general_scores kernel_scores masked_softmax new_cache quick_gelu
        resize_positions scaled_dot_product_scores sinusoids weighted_sum
    """,
    "regard.models": """
        IMAGE_PRESETS MaskedLanguageModel RecurrentTranslator TEXT_PRESETS
        TRANSLATION_PRESETS TextClassifier TokenClassifier Translator VisionTransformer
    """,
    "regard.recipes": """
        strategy
    """,
}

# By command: its arguments; then the commands below it and its options, but for help's.
ARGUMENTS = {
    "": "COMMAND [ARGS]...",
    "fit": "COMMAND [ARGS]...",
    "fit text": "TRAIN...",
    "fit tokens": "TRAIN...",
    "fit translation": "[TABLE...]",
    "fit images": "TRAIN",
    "pretrain": "COMMAND [ARGS]...",
    "pretrain text": "FILE...",
    "evaluate": "RUN [DATA]",
    "predict": "RUN [TEXT|IMAGE ...]",
    "attend": "RUN TEXT|IMAGE",
    "export": "RUN DEST",
    "info": "RUN",
    "list": "[DIR]",
    "serve": "EXPORT|RUN...",
    "verify": "EXPORT|RUN",
    "demo": "[COMMAND] [ARGS]...",
    "demo text": "",
    "demo tokens": "",
    "demo images": "",
    "demo translation": "",
}
WORDS = {
    "": """
        attend demo evaluate export fit info list predict pretrain serve verify --version
    """,
    "fit": """
        images text tokens translation
    """,
    "fit text": """
        --validation --text-column --pair-column --label-column --label-columns --label-separator
        --problem-type --encoding
        --delimiter --header --no-header --sheet --skip-bad-rows
        --checkpoint --embeddings --preset --epochs --patience --learning-rate --batch-tokens
        --max-sequence-length --long-texts --dropout --precision --strategy
        --workers --xla --no-xla --accumulate --seed --seeds --layer-decay --adversarial
        --freeze --lora --few-shot --teacher --no-teacher --refit --no-refit --calibrate
        --no-calibrate --abstain-below --output --overwrite
        --config --json --tensorboard
    """,
    "fit tokens": """
        --validation --text-column --label-column --tag-names --encoding
        --delimiter --header --no-header --sheet --skip-bad-rows
        --checkpoint --embeddings --preset --epochs --patience --learning-rate --batch-tokens
        --max-sequence-length --long-texts --dropout --precision --strategy
        --workers --xla --no-xla --accumulate --seed --layer-decay --output --overwrite
        --config --json --tensorboard
    """,
    "fit translation": """
        --source --target --source-column --target-column --encoding
        --delimiter --header --no-header --sheet --skip-bad-rows
        --validation-source --validation-target --validation --checkpoint --preset
        --source-language --target-language
        --num-layers --num-decoder-layers --hidden-dim --units --num-heads --intermediate-dim
        --vocabulary-size --epochs --patience --learning-rate --warmup-steps
        --batch-tokens --max-sequence-length --long-texts --dropout --label-smoothing
        --subword-dropout --num-beams --length-penalty --precision --strategy --workers
        --xla --no-xla --accumulate --seed --output --overwrite
        --config --json --tensorboard
    """,
    "fit images": """
        --validation --image-column --label-column --label-columns --label-separator
        --problem-type --image-folder --encoding
        --delimiter --header --no-header --sheet --skip-bad-files
        --checkpoint --preset --image-size --patch-size --epochs --patience
        --learning-rate --batch-size --augmentation --mirror --no-mirror --label-smoothing --dropout
        --stochastic-depth --layer-decay --freeze --weight-decay --calibrate --no-calibrate
        --abstain-below --precision --strategy --workers --xla --no-xla --accumulate --seed
        --output --overwrite
        --config --json --tensorboard
    """,
    "pretrain": """
        text
    """,
    "pretrain text": """
        --text-column --encoding
        --delimiter --header --no-header --sheet --skip-bad-rows --checkpoint --embeddings --preset
        --epochs
        --patience --learning-rate --batch-tokens --max-sequence-length --dropout --precision
        --strategy --workers --xla --no-xla --accumulate --seed --output --overwrite
        --config --json --tensorboard
    """,
    "evaluate": """
        --text-column --pair-column --label-column --label-columns --label-separator
        --problem-type --tag-names --source --target --source-column
        --target-column --image-column --image-folder --encoding
        --delimiter --header --no-header --sheet --skip-bad-rows --skip-bad-files
        --json
    """,
    "predict": """
        --pair --input --output --overwrite --scores --escape-formulas --encoding --delimiter
        --header --no-header --sheet --skip-bad-rows --text-column --pair-column --source-column
        --image-column --image-folder
        --num-beams --length-penalty --n-best --skip-bad-files --json
    """,
    "attend": """
        --pair --n-best --output --overwrite
    """,
    "export": """
        --precision
    """,
    "info": """
        --json
    """,
    "list": "",
    "serve": """
        --file-system-poll-wait-seconds --host --port --name
    """,
    "verify": """
        --renew
    """,
    "demo": """
        images text tokens translation
    """,
    "demo text": """
        --output --overwrite
    """,
    "demo tokens": """
        --output --overwrite
    """,
    "demo images": """
        --output --overwrite
    """,
    "demo translation": """
        --output --overwrite
    """,
}


@pytest.mark.parametrize("module", NAMES)
def test_names(module):
    """All are there, and named by `dir`; nothing else calls itself public."""
    home, names = import_module(module), NAMES[module].split()
    assert [name for name in names if not hasattr(home, name)] == []
    assert set(names) <= set(dir(home))
    assert set(names) == set(home.__all__)


@pytest.mark.parametrize("command", WORDS)
def test_commands(command):
    said = regard_here(*command.split(), "--help").stdout
    assert re.search(r"Usage: regard ?(.*)", said)[1].removeprefix(command).split() == [
        "[OPTIONS]",
        *ARGUMENTS[command].split(),
    ]
    options = re.findall(r"^  (-\S.*?)(?:  |$)", said, re.MULTILINE)
    flags = {flag for option in options for flag in re.findall(r"(?<!\w)--?[a-z][a-z-]*", option)}
    commands = re.findall(r"^  (\w+)  ", said.partition("\nCommands:\n")[2], re.MULTILINE)
    assert {*commands, *flags} == {*WORDS[command].split(), "-h", "--help"}


def test_every_command_is_listed():
    """A command's own commands are among those above."""
    for command, words in WORDS.items():
        for word in words.split():
            assert word.startswith("-") or f"{command} {word}".strip() in WORDS
