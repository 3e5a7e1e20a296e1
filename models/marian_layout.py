"""Describes Marian, the Transformer of the OPUS-MT models, as Hugging Face writes it down."""

from ..layers import sinusoids
from .config_entries import id_problems
from .layout import Layout
from .rows import bare, blocks, dense, embedding, fused, norm

LARGEST_LENGTH = 2**16  # tokens: no tensor has as many rows, so nothing else bounds it

_ATTENTION = [
    *fused("self_attn.", ("q_proj", "k_proj", "v_proj"), "attention/query_key_value", "DD"),
    dense("self_attn.out_proj", "attention/output", "DD"),
    norm("self_attn_layer_norm", "attention_norm"),
]
_CROSS_ATTENTION = [
    dense("encoder_attn.q_proj", "cross_attention/query", "DD"),
    dense("encoder_attn.k_proj", "cross_attention/key", "DD"),
    dense("encoder_attn.v_proj", "cross_attention/value", "DD"),
    dense("encoder_attn.out_proj", "cross_attention/output", "DD"),
    norm("encoder_attn_layer_norm", "cross_attention_norm"),
]
_FEED_FORWARD = [
    dense("fc1", "feed_forward/intermediate", "FD"),
    dense("fc2", "feed_forward/output", "DF"),
    norm("final_layer_norm", "feed_forward_norm"),
]
_ENCODER = [*_ATTENTION, *_FEED_FORWARD]
_DECODER = [*_ATTENTION, *_CROSS_ATTENTION, *_FEED_FORWARD]
BLOCKS = [
    *blocks("model.encoder.layers.*.", "encoder/block_*/", "num_layers", _ENCODER),
    *blocks("model.decoder.layers.*.", "decoder/block_*/", "num_decoder_layers", _DECODER),
]
_TRANSLATOR = [
    embedding("model.shared", "embedding/token_embedding", "VD"),
    *BLOCKS,
    bare("final_logits_bias", "head/bias", "1V", is_row=True),
]


def _positions(arguments):
    return sinusoids(arguments["max_sequence_length"], arguments["hidden_dim"])


def _problems(config):
    """Yields what is wrong with a config's positions and special tokens, in words."""
    yield from id_problems(config)
    width, length = config.get("d_model"), config.get("max_position_embeddings")
    if type(width) is int and width % 2:
        yield f"d_model must be even, not {width}"
    if type(length) is int and length > LARGEST_LENGTH:
        yield f"max_position_embeddings must be at most {LARGEST_LENGTH}, not {length}"


MARIAN = Layout(
    model_type="marian",
    title="Marian",
    kind="translations",
    further_problems=_problems,
    architectures={"MarianMTModel": ()},
    always=("translator",),
    groups={"translator": _TRANSLATOR},
    sizes={
        "vocabulary_size": "vocab_size",
        "hidden_dim": "d_model",
        "num_layers": "encoder_layers",
        "num_heads": "encoder_attention_heads",
        "intermediate_dim": "encoder_ffn_dim",
        "num_decoder_layers": "decoder_layers",
        "max_sequence_length": "max_position_embeddings",
    },
    rates={"dropout": "dropout", "attention_dropout": "attention_dropout"},
    token_ids={"end_id": "eos_token_id", "pad_id": "pad_token_id"},
    activation="activation_function",
    constants={"family": "marian"},
    dimensions=lambda arguments: {"V": arguments["vocabulary_size"]},
    defaults={  # MarianConfig's
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "share_encoder_decoder_embeddings": True,
    },
    allowed={
        "scale_embedding": (True,),
        "tie_word_embeddings": (True,),
        "share_encoder_decoder_embeddings": (True,),
        "static_position_embeddings": (True, None),
        "normalize_before": (False, None),
        "normalize_embedding": (False, None),
        "add_final_layer_norm": (False, None),
    },
    equal={
        "decoder_ffn_dim": "encoder_ffn_dim",
        "decoder_attention_heads": "encoder_attention_heads",
        "decoder_vocab_size": "vocab_size",
        "decoder_start_token_id": "pad_token_id",
    },
    written={
        "activation_dropout": 0.0,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "tie_word_embeddings": True,
        "share_encoder_decoder_embeddings": True,
        "is_encoder_decoder": True,
        "bos_token_id": None,
        "forced_eos_token_id": None,
        "init_std": lambda arguments: arguments["hidden_dim"] ** -0.5,
    },
    tied="translator",
    copies={
        "model.encoder.embed_tokens.weight": "model.shared.weight",
        "model.decoder.embed_tokens.weight": "model.shared.weight",
        "lm_head.weight": "model.shared.weight",
    },
    fixed={
        "model.encoder.embed_positions.weight": _positions,
        "model.decoder.embed_positions.weight": _positions,
    },
)
