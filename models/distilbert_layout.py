"""Describes DistilBERT as Hugging Face writes it down.

References:
    Sanh et al., "DistilBERT, a distilled version of BERT", https://arxiv.org/abs/1910.01108
"""

from dataclasses import replace

from .bert_layout import BERT, TOKEN_HEAD, embeddings
from .rows import blocks, dense, fused, norm

_BLOCK = [
    *fused("attention.", ("q_lin", "k_lin", "v_lin"), "attention/query_key_value", "DD"),
    dense("attention.out_lin", "attention/output", "DD"),
    norm("sa_layer_norm", "attention_norm"),
    dense("ffn.lin1", "feed_forward/intermediate", "FD"),
    dense("ffn.lin2", "feed_forward/output", "DF"),
    norm("output_layer_norm", "feed_forward_norm"),
]

DISTILBERT = replace(
    BERT,
    model_type="distilbert",
    title="DistilBERT",
    architectures={
        "DistilBertForSequenceClassification": ("pooler", "classifier"),
        "DistilBertForTokenClassification": ("token classifier",),
        "DistilBertForMaskedLM": (),
        "DistilBertModel": (),
    },
    groups={
        "encoder": [
            *embeddings("distilbert.", has_segments=False),
            *blocks("distilbert.transformer.layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
        ],
        "pooler": [dense("pre_classifier", "pooler/dense", "DD")],
        "classifier": [dense("classifier", "head", "CD")],
        **TOKEN_HEAD,
    },
    sizes={
        "vocabulary_size": "vocab_size",
        "hidden_dim": "dim",
        "num_layers": "n_layers",
        "num_heads": "n_heads",
        "intermediate_dim": "hidden_dim",
        "max_sequence_length": "max_position_embeddings",
    },
    rates={"dropout": "dropout"},
    activation="activation",
    constants={"family": "distilbert", "num_segments": 0, "layer_norm_epsilon": 1e-12},
    defaults={  # DistilBertConfig's
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "n_layers": 6,
        "n_heads": 12,
        "dim": 768,
        "hidden_dim": 3072,
        "dropout": 0.1,
        "activation": "gelu",
        "num_labels": 2,
    },
    allowed={},
    written={
        "attention_dropout": lambda arguments: arguments["dropout"],
        "seq_classif_dropout": lambda arguments: arguments["dropout"],
        "initializer_range": 0.02,
        "pad_token_id": 0,
    },
    tied="",
    copies=lambda arguments: {},
    idle=("distilbert.embeddings.position_ids",),
    unneeded=("vocab_",),
    prefix="distilbert.",
    prefixed=("embeddings.", "transformer."),
)
