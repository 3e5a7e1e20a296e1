"""Describes BERT as Hugging Face writes it down."""

from .layout import Layout
from .rows import Row, bias, blocks, dense, embedding, fused, norm

BLOCK = [
    *fused("attention.self.", ("query", "key", "value"), "attention/query_key_value", "DD"),
    dense("attention.output.dense", "attention/output", "DD"),
    norm("attention.output.LayerNorm", "attention_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
    norm("output.LayerNorm", "feed_forward_norm"),
]


def embeddings(prefix: str, has_segments: bool = True) -> list[Row]:
    """Returns the rows of tokens, positions and segments, E wide; `prefix` ends with a dot."""
    tables = {"word": ("token", "VE"), "position": ("position", "PE")}
    if has_segments:
        tables["token_type"] = ("segment", "SE")
    return [
        *(
            embedding(
                f"{prefix}embeddings.{theirs}_embeddings", f"embedding/{ours}_embedding", letters
            )
            for theirs, (ours, letters) in tables.items()
        ),
        norm(f"{prefix}embeddings.LayerNorm", "embedding/layer_norm", "E"),
    ]


def encoder(prefix: str) -> list[Row]:
    """Returns the rows of an encoder whose blocks are BERT's."""
    return [
        *embeddings(prefix),
        *blocks(f"{prefix}encoder.layer.*.", "encoder/block_*/", "num_layers", BLOCK),
    ]


def dimensions(arguments):
    """Returns what the letters stand for: V, P, S, and E of tables as wide as the model."""
    return {
        "V": arguments["vocabulary_size"],
        "P": arguments["max_sequence_length"],
        "S": arguments["num_segments"],
        "E": arguments["hidden_dim"],
    }


# Of every token, without a pooler. In some families the tensors of the other classifier are called
# the same: the architecture tells which of the two they are.
TOKEN_HEAD = {"token classifier": [dense("classifier", "head", "CD")]}

BERT = Layout(
    model_type="bert",
    title="BERT",
    kind="texts",
    architectures={
        "BertForSequenceClassification": ("pooler", "classifier"),
        "BertForTokenClassification": ("token classifier",),
        "BertForMaskedLM": ("masked-LM head",),
        "BertForPreTraining": ("pooler", "masked-LM head"),
        "BertForNextSentencePrediction": ("pooler",),
        "BertLMHeadModel": ("masked-LM head",),
        "BertModel": (),
    },
    always=("encoder",),
    groups={
        "encoder": encoder("bert."),
        "pooler": [dense("bert.pooler.dense", "pooler/dense", "DD")],
        "classifier": [dense("classifier", "head", "CD")],
        **TOKEN_HEAD,
        "masked-LM head": [
            dense("cls.predictions.transform.dense", "head/dense", "DD"),
            norm("cls.predictions.transform.LayerNorm", "head/layer_norm"),
            bias("cls.predictions", "head", "V"),  # its weight is the token embedding
        ],
    },
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
    dimensions=dimensions,
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
    copies=lambda arguments: {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    idle=(
        "bert.embeddings.position_ids",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    ),
    takes_any_head=True,
    prefix="bert.",
    prefixed=("embeddings.", "encoder.", "pooler."),
    has_classes=True,
)
