"""BERT as Hugging Face writes it down."""

from .layout import Layout

# fmt: off
_GROUPS = {
    "encoder": (
        ("bert.embeddings.word_embeddings", "embedding/token_embedding", "VD"),
        ("bert.embeddings.position_embeddings", "embedding/position_embedding", "PD"),
        ("bert.embeddings.token_type_embeddings", "embedding/segment_embedding", "SD"),
        ("bert.embeddings.LayerNorm", "embedding/layer_norm", "D"),
        ("bert.encoder.layer.*.attention.self.query", "encoder/block_*/attention/query_key_value[0]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.self.key", "encoder/block_*/attention/query_key_value[1]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.self.value", "encoder/block_*/attention/query_key_value[2]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.output.dense", "encoder/block_*/attention/output", "DD"),
        ("bert.encoder.layer.*.attention.output.LayerNorm", "encoder/block_*/attention_norm", "D"),
        ("bert.encoder.layer.*.intermediate.dense", "encoder/block_*/feed_forward/intermediate", "FD"),  # noqa: E501
        ("bert.encoder.layer.*.output.dense", "encoder/block_*/feed_forward/output", "DF"),
        ("bert.encoder.layer.*.output.LayerNorm", "encoder/block_*/feed_forward_norm", "D"),
    ),
    "pooler": (("bert.pooler.dense", "pooler/dense", "DD"),),
    "classifier": (("classifier", "head", "CD"),),
    "masked-LM head": (
        ("cls.predictions.transform.dense", "head/dense", "DD"),
        ("cls.predictions.transform.LayerNorm", "head/layer_norm", "D"),
        ("cls.predictions", "head", "V"),
    ),
}
# fmt: on

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
