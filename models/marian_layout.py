"""Describes Marian, the Transformer of the OPUS-MT models, as Hugging Face writes it down."""

from ..layers import sinusoids
from .config_entries import id_problems
from .layout import Layout
from .rows import bare, blocks, dense, embedding, fused, norm, where

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
    *where("is_shared", embedding("model.shared", "embedding/token_embedding", "VD")),
    *where(
        "is_separate",
        embedding("model.encoder.embed_tokens", "embedding/token_embedding", "VD"),
        embedding("model.decoder.embed_tokens", "target_embedding/token_embedding", "WD"),
    ),
    *BLOCKS,
    bare("final_logits_bias", "head/bias", "1W", is_row=True),
]
# The tables of tokens that a checkpoint with one vocabulary may have beside `model.shared`.
SHARED_TABLES = {
    f"{name}.weight": "model.shared.weight"
    for name in ("model.encoder.embed_tokens", "model.decoder.embed_tokens", "lm_head")
}


_IS_SHARED, _TARGET_SIZE = "share_encoder_decoder_embeddings", "decoder_vocab_size"


def _dimensions(arguments):
    return {
        "V": arguments["vocabulary_size"],
        "W": _target_size(arguments),
        "is_shared": int(_is_shared(arguments)),
        "is_separate": int(not _is_shared(arguments)),
    }


def _is_shared(arguments):
    return arguments["target_vocabulary_size"] is None


def _target_size(arguments):
    return arguments["target_vocabulary_size"] or arguments["vocabulary_size"]


def _further_arguments(config):
    return {"target_vocabulary_size": None if config[_IS_SHARED] else _read_target_size(config)}


def _read_target_size(config):
    return config.get(_TARGET_SIZE) or config.get("vocab_size")


def _copies(arguments):
    own = {"lm_head.weight": "model.decoder.embed_tokens.weight"}
    return SHARED_TABLES if _is_shared(arguments) else own


def _positions(arguments):
    return sinusoids(arguments["max_sequence_length"], arguments["hidden_dim"])


def sinusoid_problems(config):
    """Yields what is wrong with a config's positions and special tokens, in words."""
    yield from id_problems(config)
    width, length = config.get("d_model"), config.get("max_position_embeddings")
    if type(width) is int and width % 2:
        yield f"d_model must be even, not {width}"
    if type(length) is int and length > LARGEST_LENGTH:
        yield f"max_position_embeddings must be at most {LARGEST_LENGTH}, not {length}"


def _problems(config):
    yield from sinusoid_problems(config)
    size = _read_target_size(config)
    if config[_IS_SHARED]:
        if size != config.get("vocab_size"):
            yield f"{_TARGET_SIZE} must be as vocab_size, not {size!r:.40}"
    elif type(size) is not int or size < 1:
        yield f"{_TARGET_SIZE} must be a positive integer, not {size!r:.40}"
    else:
        yield from id_problems(config, _TARGET_SIZE)


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
    dimensions=_dimensions,
    further_arguments=_further_arguments,
    defaults={  # MarianConfig's
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
        _IS_SHARED: True,
        _TARGET_SIZE: None,
    },
    allowed={
        "scale_embedding": (True,),
        "tie_word_embeddings": (True,),
        _IS_SHARED: (True, False),
        "static_position_embeddings": (True, None),
        "normalize_before": (False, None),
        "normalize_embedding": (False, None),
        "add_final_layer_norm": (False, None),
    },
    equal={
        "decoder_ffn_dim": "encoder_ffn_dim",
        "decoder_attention_heads": "encoder_attention_heads",
        "decoder_start_token_id": "pad_token_id",
    },
    written={
        "activation_dropout": 0.0,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "tie_word_embeddings": True,
        _IS_SHARED: _is_shared,
        _TARGET_SIZE: _target_size,
        "is_encoder_decoder": True,
        "bos_token_id": None,
        "forced_eos_token_id": None,
        "init_std": lambda arguments: arguments["hidden_dim"] ** -0.5,
    },
    tied="translator",
    copies=_copies,
    fixed={
        "model.encoder.embed_positions.weight": _positions,
        "model.decoder.embed_positions.weight": _positions,
    },
)
