"""Sizes of models, by name."""

from difflib import get_close_matches

# Turc et al., 2019, "Well-Read Students Learn Better", table 1, https://arxiv.org/abs/1908.08962;
# Devlin et al., 2018, "BERT", section 3, https://arxiv.org/abs/1810.04805 (base and large).
# "scratch" is ours: small enough to learn from a few thousand sentences without pre-training.
TEXT_PRESETS = {
    "scratch": {"num_layers": 2, "hidden_dim": 128, "num_heads": 4, "intermediate_dim": 512},
    "tiny": {"num_layers": 2, "hidden_dim": 128, "num_heads": 2, "intermediate_dim": 512},
    "mini": {"num_layers": 4, "hidden_dim": 256, "num_heads": 4, "intermediate_dim": 1024},
    "small": {"num_layers": 4, "hidden_dim": 512, "num_heads": 8, "intermediate_dim": 2048},
    "medium": {"num_layers": 8, "hidden_dim": 512, "num_heads": 8, "intermediate_dim": 2048},
    "base": {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "intermediate_dim": 3072},
    "large": {"num_layers": 24, "hidden_dim": 1024, "num_heads": 16, "intermediate_dim": 4096},
}


def text_preset(name):
    """The sizes of a text encoder.

    Args:
        name: A key of `TEXT_PRESETS`.

    Returns:
        A new dict of constructor arguments of `TextClassifier`.

    Raises:
        ValueError: If there is no such preset; the message names the nearest.
    """
    if name not in TEXT_PRESETS:
        nearest = get_close_matches(str(name).lower(), TEXT_PRESETS, n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"There is no preset {name!r}.{hint} The presets are: {', '.join(TEXT_PRESETS)}"
        )
    return dict(TEXT_PRESETS[name])
