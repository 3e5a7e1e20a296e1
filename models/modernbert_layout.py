"""Describes ModernBERT as Hugging Face writes it down.

References:
    Warner et al., "Smarter, Better, Faster, Longer", https://arxiv.org/abs/2412.13663
"""

from dataclasses import replace

from .bert_layout import BERT, TOKEN_HEAD, dimensions
from .config_entries import positive_problems
from .roberta_layout import PAD
from .rows import blocks, dense, embedding, kernel, scale

_BLOCK = [
    kernel("attn.Wqkv", "attention/query_key_value", "QD"),
    kernel("attn.Wo", "attention/output", "DD"),
    kernel("mlp.Wi", "feed_forward/intermediate", "GD"),
    kernel("mlp.Wo", "feed_forward/output", "DF"),
    scale("mlp_norm", "feed_forward_norm"),
]
_LAYERS = ("model.layers.*.", "encoder/block_*/")
_LATER = blocks(*_LAYERS, "later layers", [scale("attn_norm", "attention_norm")])
_FULL, _SLIDING = "full_attention", "sliding_attention"
_THETAS = {  # the type of a layer, the older name of its base, and the argument
    _FULL: ("global_rope_theta", "variation.encoder.rotary_base"),
    _SLIDING: ("local_rope_theta", "variation.encoder.local_rotary_base"),
}
# Which tokens these are only the tokenizer knows; the defaults are those of one vocabulary.
_NO_IDS = ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
_NO_BIAS = ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias")


def _types(num_layers, every):
    """Returns the types of layers of which one in so many attends to all positions."""
    return [_SLIDING if index % every else _FULL for index in range(num_layers)]


def _every(config):
    """Returns of how many layers one attends to all positions."""
    every, types = config["global_attn_every_n_layers"], config.get("layer_types")
    is_number = type(every) is int and every > 0
    if types is None or (is_number and types == _types(len(types), every)):
        return every
    return next((index for index in range(1, len(types)) if types[index] == _FULL), len(types))


def _theta(config, kind):
    """Returns the base of the rotary positions of a type of layers."""
    older = config.get(_THETAS[kind][0])
    if older is None and kind == _SLIDING:
        older = config["global_rope_theta"]
    return ((config.get("rope_parameters") or {}).get(kind) or {}).get("rope_theta", older)


def _arguments(config):
    return {
        "variation.encoder.window": config["local_attention"] // 2,
        "variation.encoder.global_every": _every(config),
        **{ours: float(_theta(config, kind)) for kind, (_, ours) in _THETAS.items()},
        "variation.pooler.reads_mean": config["classifier_pooling"] == "mean",
    }


def _problems(config):
    """Yields what is wrong with windows and rotary positions, in words."""
    yield from positive_problems(config, "local_attention", "global_attn_every_n_layers")
    if type(config["local_attention"]) is int and config["local_attention"] == 1:
        yield "local_attention must be at least 2, not 1"
    types, layers = config.get("layer_types"), config.get("num_hidden_layers")
    if types is not None and (
        not isinstance(types, list)
        or len(types) != layers
        or types != _types(layers, max(1, _every(config)))
    ):
        yield (
            f"layer_types must have {_FULL!r} for one in so many of the num_hidden_layers, from "
            f"the first on, and {_SLIDING!r} for the others, not {types!r:.200}"
        )
    yield from _rotary_problems(config)


def _rotary_problems(config):
    if config.get("rope_scaling") is not None:
        yield f"rope_scaling must be left out, not {config['rope_scaling']!r:.80}"
    parameters = config.get("rope_parameters")
    by_kind = parameters if isinstance(parameters, dict) else {}
    of_layers = [each for each in by_kind.values() if each is not None]
    is_known = parameters is None or isinstance(parameters, dict)
    if not is_known or not by_kind.keys() <= _THETAS.keys() or not _are_dicts(of_layers):
        yield f"rope_parameters must be of {_FULL!r} and {_SLIDING!r}, not {parameters!r:.80}"
        return
    for each in of_layers:
        if each.get("rope_type", "default") != "default":
            yield f"rope_type must be 'default', not {each['rope_type']!r:.40}"
    for kind in _THETAS:
        theta = _theta(config, kind)
        if type(theta) not in (int, float) or not 1 < theta < 1e12:
            yield f"rope_theta of {kind} must be a number from 1 to 1e12, not {theta!r:.40}"
    width, heads = config.get("hidden_size"), config.get("num_attention_heads")
    if type(width) is type(heads) is int and heads > 0 and width // heads % 2:
        yield f"hidden_size must be an even multiple of num_attention_heads, not {width} of {heads}"


def _are_dicts(values):
    return all(isinstance(value, dict) for value in values)


def _of_encoder(name):
    return lambda arguments: arguments["variation"]["encoder"][name]


def _written_types(arguments):
    return _types(arguments["num_layers"], _of_encoder("global_every")(arguments))


def _written_rotary(arguments):
    encoder = arguments["variation"]["encoder"]
    return {
        kind: {"rope_type": "default", "rope_theta": encoder[ours.rpartition(".")[2]]}
        for kind, (_, ours) in _THETAS.items()
    }


def _reads_mean(arguments):
    return arguments["variation"]["pooler"]["reads_mean"]


def _dropout(arguments):
    return arguments["dropout"]


MODERNBERT = replace(
    BERT,
    model_type="modernbert",
    title="ModernBERT",
    architectures={
        "ModernBertForSequenceClassification": ("pooler", "classifier"),
        "ModernBertForTokenClassification": ("pooler", "token classifier"),
        "ModernBertForMaskedLM": ("pooler",),
        "ModernBertModel": (),
    },
    groups={
        "encoder": [
            embedding("model.embeddings.tok_embeddings", "embedding/token_embedding", "VD"),
            scale("model.embeddings.norm", "embedding/layer_norm"),
            *blocks(*_LAYERS, "num_layers", _BLOCK),
            *(row._replace(first=1) for row in _LATER),
            scale("model.final_norm", "encoder/final_norm"),
        ],
        "pooler": [
            kernel("head.dense", "pooler/dense", "DD"),
            scale("head.norm", "pooler/layer_norm"),
        ],
        "classifier": [dense("classifier", "head", "CD")],
        **TOKEN_HEAD,
    },
    sizes={name: BERT.sizes[name] for name in BERT.sizes if name != "num_segments"},
    rates={"dropout": "mlp_dropout", "layer_norm_epsilon": "norm_eps"},
    token_ids={PAD: "pad_token_id"},
    activation="hidden_activation",
    constants={"family": "modernbert", "num_segments": 0},
    dimensions=lambda arguments: {
        **dimensions(arguments),
        "Q": 3 * arguments["hidden_dim"],
        "G": 2 * arguments["intermediate_dim"],
        "later layers": arguments["num_layers"] - 1,
    },
    further_arguments=_arguments,
    further_problems=_problems,
    defaults={  # ModernBertConfig's
        "vocab_size": 50368,
        "hidden_size": 768,
        "intermediate_size": 1152,
        "num_hidden_layers": 22,
        "num_attention_heads": 12,
        "hidden_activation": "gelu",
        "max_position_embeddings": 8192,
        "norm_eps": 1e-5,
        "pad_token_id": 50283,
        "global_attn_every_n_layers": 3,
        "global_rope_theta": 160_000.0,
        "local_rope_theta": 10_000.0,
        "local_attention": 128,
        "mlp_dropout": 0.0,
        "classifier_pooling": "cls",
        "classifier_activation": "gelu",
        "num_labels": 2,
        **dict.fromkeys(_NO_BIAS, False),
    },
    allowed={
        "classifier_pooling": ("cls", "mean"),
        "classifier_activation": ("gelu",),
        **dict.fromkeys(_NO_BIAS, (False,)),
    },
    written={
        "layer_types": _written_types,
        "rope_parameters": _written_rotary,
        "local_attention": lambda arguments: 2 * _of_encoder("window")(arguments),
        "global_attn_every_n_layers": _of_encoder("global_every"),  # for transformers 4, as are
        "global_rope_theta": _of_encoder("rotary_base"),
        "local_rope_theta": _of_encoder("local_rotary_base"),
        "classifier_pooling": lambda each: "mean" if _reads_mean(each) else "cls",
        "classifier_activation": "gelu",
        "attention_dropout": _dropout,
        "embedding_dropout": _dropout,
        "classifier_dropout": _dropout,
        "initializer_range": 0.02,
        **dict.fromkeys(_NO_IDS),
        **dict.fromkeys(_NO_BIAS, False),
    },
    tied="",
    copies=lambda arguments: {},
    idle=(),
    unneeded=("decoder.",),
    prefix="model.",
    prefixed=("embeddings.", "layers.", "final_norm."),
)
