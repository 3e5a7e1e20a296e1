"""Describes ALBERT as Hugging Face writes it down.

References:
    Lan et al., "ALBERT", https://arxiv.org/abs/1909.11942
"""

from dataclasses import replace

from .bert_layout import BERT, TOKEN_HEAD, dimensions, embeddings
from .rows import blocks, dense, fused, norm

MOST_LAYERS = 1000  # that share their weights, so that no tensor says how many there are

_BLOCK = [
    *fused("attention.", ("query", "key", "value"), "attention/query_key_value", "DD"),
    dense("attention.dense", "attention/output", "DD"),
    norm("attention.LayerNorm", "attention_norm"),
    dense("ffn", "feed_forward/intermediate", "FD"),
    dense("ffn_output", "feed_forward/output", "DF"),
    norm("full_layer_layer_norm", "feed_forward_norm"),
]
_LAYERS = "albert.encoder.albert_layer_groups.*.albert_layers.*."


def _dimensions(arguments):
    encoder = arguments["variation"]["encoder"]
    return {
        **dimensions(arguments),
        "E": arguments["variation"]["embedding"]["embedding_dim"],
        "groups": encoder["num_groups"],
        "group size": encoder["group_size"],
    }


def _problems(config):
    """Yields what is wrong with the number of layers, in words."""
    layers, size = config.get("num_hidden_layers"), config.get("inner_group_num")
    groups = config.get("num_hidden_groups")
    if not all(type(number) is int and number > 0 for number in (layers, size, groups)):
        return  # said elsewhere
    if groups > layers:
        yield f"num_hidden_groups must be at most num_hidden_layers, not {groups} of {layers}"
    if layers * size > MOST_LAYERS:
        yield (
            f"num_hidden_layers times inner_group_num must be at most {MOST_LAYERS}, not "
            f"{layers * size}"
        )


ALBERT = replace(
    BERT,
    model_type="albert",
    title="ALBERT",
    architectures={
        "AlbertForSequenceClassification": ("pooler", "classifier"),
        "AlbertForTokenClassification": ("token classifier",),
        "AlbertForPreTraining": ("pooler",),
        "AlbertForMaskedLM": (),
        "AlbertModel": (),
    },
    groups={
        "encoder": [
            *embeddings("albert."),
            dense("albert.encoder.embedding_hidden_mapping_in", "embedding/projection", "DE"),
            *blocks(_LAYERS, "encoder/block_*/", ("groups", "group size"), _BLOCK),
        ],
        "pooler": [dense("albert.pooler", "pooler/dense", "DD")],
        "classifier": [dense("classifier", "head", "CD")],
        **TOKEN_HEAD,
    },
    sizes={
        **BERT.sizes,
        "variation.embedding.embedding_dim": "embedding_size",
        "variation.encoder.num_groups": "num_hidden_groups",
        "variation.encoder.group_size": "inner_group_num",
    },
    constants={"family": "albert"},
    dimensions=_dimensions,
    further_problems=_problems,
    defaults={  # AlbertConfig's
        **BERT.defaults,
        "embedding_size": 128,
        "num_hidden_groups": 1,
        "inner_group_num": 1,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.0,
    },
    written={
        **BERT.written,
        "classifier_dropout_prob": lambda arguments: arguments["dropout"],
    },
    tied="",
    copies=lambda arguments: {},
    idle=("albert.embeddings.position_ids",),
    unneeded=("predictions.", "sop_classifier."),
    prefix="albert.",
)
