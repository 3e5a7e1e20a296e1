"""Describes MPNet as Hugging Face writes it down.

References:
    Song et al., "MPNet", https://arxiv.org/abs/2004.09297
"""

from dataclasses import replace

from .bert_layout import dimensions, embeddings
from .roberta_layout import HEADS, ROBERTA, num_positions
from .rows import bare, blocks, dense, fused, norm

NUM_BUCKETS = 32  # whatever the config says; transformers, modeling_mpnet.py

_BLOCK = [
    *fused("attention.attn.", ("q", "k", "v"), "attention/query_key_value", "DD"),
    dense("attention.attn.o", "attention/output", "DD"),
    norm("attention.LayerNorm", "attention_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
    norm("output.LayerNorm", "feed_forward_norm"),
]
_BIAS = bare(
    "mpnet.encoder.relative_attention_bias.weight", "encoder/position_bias/embeddings", "RN"
)

MPNET = replace(
    ROBERTA,
    model_type="mpnet",
    title="MPNet",
    architectures={
        "MPNetForSequenceClassification": ("pooler", "classifier"),
        "MPNetForTokenClassification": ("token classifier",),
        "MPNetForMaskedLM": (),
        "MPNetModel": (),
    },
    groups={
        "encoder": [
            *embeddings("mpnet.", has_segments=False),
            *blocks("mpnet.encoder.layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
            _BIAS,
        ],
        **HEADS,
    },
    sizes={name: ROBERTA.sizes[name] for name in ROBERTA.sizes if name != "num_segments"},
    constants={"family": "mpnet", "num_segments": 0},
    dimensions=lambda arguments: {
        **dimensions(arguments),
        "P": num_positions(arguments),
        "R": NUM_BUCKETS,
        "N": arguments["num_heads"],
    },
    allowed={"relative_attention_num_buckets": (NUM_BUCKETS,), "pad_token_id": (1,)},
    defaults={**ROBERTA.defaults, "relative_attention_num_buckets": NUM_BUCKETS},
    written={**ROBERTA.written, "relative_attention_num_buckets": NUM_BUCKETS},
    idle=("mpnet.embeddings.position_ids",),
    unneeded=("lm_head.", "mpnet.pooler."),
    prefix="mpnet.",
)
