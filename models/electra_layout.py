"""Describes ELECTRA as Hugging Face writes it down.

References:
    Clark et al., "ELECTRA", https://arxiv.org/abs/2003.10555
"""

from dataclasses import replace

from .bert_layout import BERT, dimensions, encoder
from .config_entries import positive_problems
from .roberta_layout import HEADS
from .rows import dense


def _embedding_dim(arguments):
    return arguments.get("variation", {}).get("embedding", {}).get("embedding_dim")


def _read_embedding_dim(config):
    width = config["embedding_size"]
    if width == config["hidden_size"]:  # then there is no projection
        return {}
    return {"variation": {"embedding": {"embedding_dim": width}}}


def _dimensions(arguments):
    width = _embedding_dim(arguments)
    return {
        **dimensions(arguments),
        "E": width or arguments["hidden_dim"],
        "projections": int(width is not None),
    }


_PROJECTION = dense("electra.embeddings_project", "embedding/projection", "DE")

ELECTRA = replace(
    BERT,
    model_type="electra",
    title="ELECTRA",
    architectures={
        "ElectraForSequenceClassification": ("pooler", "classifier"),
        "ElectraForTokenClassification": ("token classifier",),
        "ElectraForPreTraining": (),
        "ElectraForMaskedLM": (),
        "ElectraModel": (),
    },
    groups={
        "encoder": [*encoder("electra."), _PROJECTION._replace(num_blocks=("projections",))],
        **HEADS,
    },
    constants={"family": "electra"},
    dimensions=_dimensions,
    further_arguments=_read_embedding_dim,
    further_problems=lambda config: positive_problems(config, "embedding_size"),
    defaults={**BERT.defaults, "embedding_size": 128},
    written={
        **BERT.written,
        "embedding_size": lambda arguments: _embedding_dim(arguments) or arguments["hidden_dim"],
    },
    tied="",
    copies=lambda arguments: {},
    idle=("electra.embeddings.position_ids",),
    unneeded=("discriminator_predictions.", "generator_predictions.", "generator_lm_head."),
    prefix="electra.",
    prefixed=("embeddings.", "embeddings_project.", "encoder."),
)
