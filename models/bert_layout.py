"""Describes BERT as Hugging Face writes it down."""

from .layout import Layout
from .rows import bias, blocks, dense, embedding, fused, norm

_BLOCK = [
    *fused("attention.self.", ("query", "key", "value"), "attention/query_key_value", "DD"),
    dense("attention.output.dense", "attention/output", "DD"),
    norm("attention.output.LayerNorm", "attention_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
    norm("output.LayerNorm", "feed_forward_norm"),
]
_GROUPS = {
    "encoder": [
        embedding("bert.embeddings.word_embeddings", "embedding/token_embedding", "VD"),
        embedding("bert.embeddings.position_embeddings", "embedding/position_embedding", "PD"),
        embedding("bert.embeddings.token_type_embeddings", "embedding/segment_embedding", "SD"),
        norm("bert.embeddings.LayerNorm", "embedding/layer_norm"),
        *blocks("bert.encoder.layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
    ],
    "pooler": [dense("bert.pooler.dense", "pooler/dense", "DD")],
    "classifier": [dense("classifier", "head", "CD")],
    "masked-LM head": [
        dense("cls.predictions.transform.dense", "head/dense", "DD"),
        norm("cls.predictions.transform.LayerNorm", "head/layer_norm"),
        bias("cls.predictions", "head", "V"),  # its weight is the token embedding
    ],
}

BERT = Layout(
    model_type="bert",
    architectures={  # the first two are also written
        "BertForSequenceClassification": ("pooler", "classifier"),
        "BertForMaskedLM": ("masked-LM head",),
        "BertForPreTraining": ("pooler", "masked-LM head"),
        "BertForNextSentencePrediction": ("pooler",),
        "BertModel": (),
    },
    always=("encoder",),
    groups=_GROUPS,
    sizes={
        "vocabulary_size": "vocab_size",
        "hidden_dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "intermediate_dim": "intermediate_size",
        "max_sequence_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
    },
    rates={"dropout": "hidden_dropout_prob", "layer_norm_epsilon": "layer_norm_eps"},
    activation="hidden_act",
    dimensions=lambda arguments: {
        "V": arguments["vocabulary_size"],
        "P": arguments["max_sequence_length"],
        "S": arguments["num_segments"],
    },
    plain={"pooling": "first", "window": None},
    defaults={  # BertConfig's, for what old configs leave out
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "num_labels": 2,
    },
    allowed={
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
    },
    written={
        "attention_probs_dropout_prob": lambda arguments: arguments["dropout"],
        "initializer_range": 0.02,
        "pad_token_id": 0,
    },
    tied="masked-LM head",
    copies={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    idle=(
        "bert.embeddings.position_ids",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    ),
    prefix="bert.",
    prefixed=("embeddings.", "encoder.", "pooler."),
    has_classes=True,
)
