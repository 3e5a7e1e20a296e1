"""Describes RoBERTa, and what is built like it, as Hugging Face writes it down.

References:
    Liu et al., "RoBERTa", https://arxiv.org/abs/1907.11692; Conneau et al., "Unsupervised
    Cross-lingual Representation Learning at Scale", https://arxiv.org/abs/1911.02116;
    Martin et al., "CamemBERT", https://arxiv.org/abs/1911.03894
"""

from dataclasses import replace

from .bert_layout import BERT, TOKEN_HEAD, dimensions, encoder
from .config_entries import positive_problems
from .rows import dense

HEADS = {  # the first two are of the first token, without the encoder's own pooler
    "pooler": [dense("classifier.dense", "pooler/dense", "DD")],
    "classifier": [dense("classifier.out_proj", "head", "CD")],
    **TOKEN_HEAD,
}
PAD = "variation.embedding.pad_id"


def _first_position(config):
    return config["pad_token_id"] + 1


def _read_length(config):
    return {"max_sequence_length": config["max_position_embeddings"] - _first_position(config)}


def num_positions(arguments):
    """Returns the rows of the table of positions, of which the first are not counted from."""
    pad_id = arguments["variation"]["embedding"]["pad_id"]
    return arguments["max_sequence_length"] + pad_id + 1


def _problems(config):
    """Yields what is wrong with the number of positions, in words."""
    yield from positive_problems(config, "max_position_embeddings")
    length, pad_id = config.get("max_position_embeddings"), config.get("pad_token_id")
    if type(length) is type(pad_id) is int and length > 0 and length <= pad_id + 1:
        yield (
            "max_position_embeddings must be more than pad_token_id + 1, where positions begin, "
            f"not {length} of {pad_id + 1}"
        )


def _layout(model_type: str, title: str, name: str):
    return replace(
        BERT,
        model_type=model_type,
        title=title,
        architectures={
            f"{name}ForSequenceClassification": ("pooler", "classifier"),
            f"{name}ForTokenClassification": ("token classifier",),
            f"{name}ForMaskedLM": (),
            f"{name}Model": (),
        },
        groups={"encoder": encoder("roberta."), **HEADS},
        sizes={name: BERT.sizes[name] for name in BERT.sizes if name != "max_sequence_length"},
        token_ids={PAD: "pad_token_id"},
        constants={"family": model_type},
        dimensions=lambda arguments: {**dimensions(arguments), "P": num_positions(arguments)},
        further_arguments=_read_length,
        further_problems=_problems,
        defaults={**BERT.defaults, "pad_token_id": 1},
        written={
            "attention_probs_dropout_prob": lambda arguments: arguments["dropout"],
            "initializer_range": 0.02,
            "max_position_embeddings": num_positions,
        },
        tied="",
        copies=lambda arguments: {},
        idle=("roberta.embeddings.position_ids",),
        unneeded=("lm_head.", "roberta.pooler."),
        prefix="roberta.",
    )


ROBERTA = _layout("roberta", "RoBERTa", "Roberta")
XLM_ROBERTA = _layout("xlm-roberta", "XLM-RoBERTa", "XLMRoberta")
CAMEMBERT = _layout("camembert", "CamemBERT", "Camembert")
