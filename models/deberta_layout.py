"""Describes DeBERTa-v2, and DeBERTa-v3, which is written alike, as Hugging Face writes it down.

References:
    He et al., "DeBERTa", https://arxiv.org/abs/2006.03654; He et al., "DeBERTaV3",
    https://arxiv.org/abs/2111.09543
"""

from dataclasses import replace

from .bert_layout import BERT, TOKEN_HEAD, dimensions
from .config_entries import one_of
from .rows import Row, bare, blocks, dense, embedding, fused, norm

FURTHEST = 2**16  # positions: a table is made of as many distances
_TERMS = ("c2p", "p2c")
_ACTIVATIONS = ("tanh", "gelu", "relu")  # of the convolution

_BLOCK = [
    *fused("attention.self.", ("query_proj", "key_proj", "value_proj"),
           "attention/query_key_value", "DD"),
    dense("attention.output.dense", "attention/output", "DD"),
    norm("attention.output.LayerNorm", "attention_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
    norm("output.LayerNorm", "feed_forward_norm"),
]  # fmt: skip
_LAYERS = ("deberta.encoder.layer.*.", "encoder/block_*/")


def _if(number: str, row: Row) -> Row:
    return row._replace(num_blocks=(number,))


_ENCODER = [
    embedding("deberta.embeddings.word_embeddings", "embedding/token_embedding", "VD"),
    _if("positions", embedding("deberta.embeddings.position_embeddings",
                               "embedding/position_embedding", "PD")),
    _if("segments", embedding("deberta.embeddings.token_type_embeddings",
                              "embedding/segment_embedding", "SD")),
    norm("deberta.embeddings.LayerNorm", "embedding/layer_norm"),
    *blocks(*_LAYERS, "num_layers", _BLOCK),
    *blocks(*_LAYERS, "c2p",
            [dense("attention.self.pos_key_proj", "attention/position_key", "DD")]),
    *blocks(*_LAYERS, "p2c",
            [dense("attention.self.pos_query_proj", "attention/position_query", "DD")]),
    bare("deberta.encoder.rel_embeddings.weight", "encoder/distances/embeddings", "RD"),
    _if("normalized", norm("deberta.encoder.LayerNorm", "encoder/distances/layer_norm")),
    _if("convolutions", dense("deberta.encoder.conv.conv", "encoder/convolution/convolution",
                              "DDK")),
    _if("convolutions", norm("deberta.encoder.conv.LayerNorm", "encoder/convolution/layer_norm")),
]  # fmt: skip


def _dimensions(arguments):
    variation = arguments["variation"]
    distances, convolution = (variation["encoder"].get(n) for n in ("disentangled", "convolution"))
    own = () if distances["shares_projections"] else distances["terms"]
    return {
        **dimensions(arguments),
        "R": 2 * (distances["num_buckets"] or distances["max_distance"]),
        "K": convolution["kernel_size"] if convolution else 0,
        "positions": int(variation["embedding"]["has_positions"]),
        "segments": int(arguments["num_segments"] > 0),
        "normalized": int(distances["normalize"]),
        "convolutions": int(convolution is not None),
        **{term: arguments["num_layers"] * (term in own) for term in _TERMS},
    }


def _terms(config):
    """Returns the terms of attention beside that of content, from a list or from "p2c|c2p"."""
    terms = config["pos_att_type"] or []
    return [each.strip() for each in terms.lower().split("|")] if isinstance(terms, str) else terms


def _norms(config):
    return [each.strip() for each in str(config["norm_rel_ebd"]).lower().split("|")]


def _max_distance(config):
    given = config["max_relative_positions"]
    return given if given >= 1 else config["max_position_embeddings"]


def _num_buckets(config):
    return config["position_buckets"] if config["position_buckets"] > 0 else None


def _arguments(config):
    size = config["conv_kernel_size"]
    convolution = {"kernel_size": size, "activation": config["conv_act"]} if size else None
    return {
        "num_segments": config["type_vocab_size"],
        "variation.embedding.has_positions": config["position_biased_input"],
        "variation.encoder.disentangled": {
            "max_distance": _max_distance(config),
            "num_buckets": _num_buckets(config),
            "normalize": "layer_norm" in _norms(config),
            "terms": _terms(config),
            "shares_projections": config["share_att_key"],
        },
        "variation.encoder.convolution": convolution,
    }


def _problems(config):
    """Yields what is wrong with distances, segments and the convolution, in words."""
    numbers = ("max_relative_positions", "position_buckets")
    wrong = [name for name in numbers if type(config[name]) is not int]
    yield from (f"{name} must be an integer, not {config[name]!r:.40}" for name in wrong)
    for name in ("type_vocab_size", "conv_kernel_size"):
        if type(config[name]) is not int or config[name] < 0:
            yield f"{name} must be an integer, at least 0, not {config[name]!r:.40}"
    if not wrong and type(config.get("max_position_embeddings")) is int:
        yield from _distance_problems(_max_distance(config), _num_buckets(config))
    terms = _terms(config)
    if (
        not isinstance(terms, list)
        or any(terms.count(each) > 1 for each in terms)
        or not all(each in _TERMS for each in terms)
    ):
        yield f"pos_att_type must be of {' and '.join(_TERMS)}, not {config['pos_att_type']!r:.40}"
    if not set(_norms(config)) <= {"none", "layer_norm"}:
        yield f"norm_rel_ebd must be 'none' or 'layer_norm', not {config['norm_rel_ebd']!r:.40}"
    size = config["conv_kernel_size"]
    if type(size) is int and size > 0:
        if size % 2 == 0:
            yield f"conv_kernel_size must be odd, not {size}"
        if config["conv_act"] not in _ACTIVATIONS:
            yield f"conv_act must be {one_of(_ACTIVATIONS)}, not {config['conv_act']!r:.40}"
    yield from _head_problems(config)


def _distance_problems(max_distance, num_buckets):
    if max_distance > FURTHEST:
        yield f"max_relative_positions must be at most {FURTHEST}, not {max_distance}"
    if num_buckets and (num_buckets % 2 or max_distance <= num_buckets // 2 + 1):
        yield (
            "position_buckets must be even, and half of it less than max_relative_positions - 1, "
            f"not {num_buckets} of {max_distance}"
        )


def _head_problems(config):
    size, width, heads = (
        config.get(n) for n in ("attention_head_size", "hidden_size", "num_attention_heads")
    )
    if size is not None and not (type(width) is type(heads) is int and size * heads == width):
        yield f"attention_head_size must be hidden_size over num_attention_heads, not {size!r:.40}"


def _written_distance(arguments):
    """Returns the furthest distance as checkpoints have it: -1 for that of all positions."""
    distance = arguments["variation"]["encoder"]["disentangled"]["max_distance"]
    return -1 if distance == arguments["max_sequence_length"] else distance


def _of_distances(name):
    return lambda arguments: arguments["variation"]["encoder"]["disentangled"][name]


def _of_convolution(name, default):
    def written(arguments):
        return (arguments["variation"]["encoder"].get("convolution") or {}).get(name, default)

    return written


DEBERTA_V2 = replace(
    BERT,
    model_type="deberta-v2",
    title="DeBERTa-v2 and v3",
    architectures={
        "DebertaV2ForSequenceClassification": ("pooler", "classifier"),
        "DebertaV2ForTokenClassification": ("token classifier",),
        "DebertaV2ForMaskedLM": (),
        "DebertaV2Model": (),
    },
    groups={
        "encoder": _ENCODER,
        "pooler": [dense("pooler.dense", "pooler/dense", "DD")],
        "classifier": [dense("classifier", "head", "CD")],
        **TOKEN_HEAD,
    },
    sizes={name: BERT.sizes[name] for name in BERT.sizes if name != "num_segments"},
    constants={"family": "deberta-v2"},
    dimensions=_dimensions,
    further_arguments=_arguments,
    further_problems=_problems,
    equal={"embedding_size": "hidden_size", "pooler_hidden_size": "hidden_size"},
    defaults={  # DebertaV2Config's
        "vocab_size": 128100,
        "hidden_size": 1536,
        "num_hidden_layers": 24,
        "num_attention_heads": 24,
        "intermediate_size": 6144,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-7,
        "relative_attention": False,
        "max_relative_positions": -1,
        "position_buckets": -1,
        "position_biased_input": True,
        "pos_att_type": None,
        "share_att_key": False,
        "norm_rel_ebd": "none",
        "conv_kernel_size": 0,
        "conv_act": "tanh",
        "conv_groups": 1,
        "pooler_hidden_act": "gelu",
        "pad_token_id": 0,
        "num_labels": 2,
    },
    allowed={
        "relative_attention": (True,),
        "position_biased_input": (True, False),
        "share_att_key": (True, False),
        "conv_groups": (1,),
        "pooler_hidden_act": ("gelu",),
        "pad_token_id": (0,),
    },
    written={
        "attention_probs_dropout_prob": lambda arguments: arguments["dropout"],
        "initializer_range": 0.02,
        "pad_token_id": 0,
        "type_vocab_size": lambda arguments: arguments["num_segments"],
        "relative_attention": True,
        "max_relative_positions": _written_distance,
        "position_buckets": lambda arguments: _of_distances("num_buckets")(arguments) or -1,
        "position_biased_input": lambda each: each["variation"]["embedding"]["has_positions"],
        "pos_att_type": _of_distances("terms"),
        "share_att_key": _of_distances("shares_projections"),
        "norm_rel_ebd": lambda each: "layer_norm" if _of_distances("normalize")(each) else "none",
        "conv_kernel_size": _of_convolution("kernel_size", 0),
        "conv_act": _of_convolution("activation", "tanh"),
        "pooler_hidden_act": "gelu",
        "pooler_dropout": 0,
    },
    tied="",
    copies=lambda arguments: {},
    idle=(
        "deberta.embeddings.position_ids",
        "deberta.embeddings.position_embeddings.weight",  # which some have, and do not use
    ),
    unneeded=("cls.", "lm_predictions.", "mask_predictions."),
    prefix="deberta.",
    prefixed=("embeddings.", "encoder."),
)
