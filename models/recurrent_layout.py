"""Describes the checkpoints of `RecurrentTranslator`; no other library opens them."""

from .config_entries import id_problems
from .layout import Layout
from .rows import bare

# The shape of every weight by its path. U is the width of a state, G that of its three gates
# (update, reset, candidate), M that of the memory; R is what the decoder's unit reads (an embedding
# and a context), A what its output is made of (a state beside that), P its pairs.
_WEIGHTS = {
    "embedding/embeddings": "VD",
    **{
        f"encoder/{way}_gru/gru_cell/{name}": letters
        for way in ("forward", "backward")
        for name, letters in (("kernel", "DG"), ("recurrent_kernel", "UG"), ("bias", "G"))
    },
    "decoder/first_state/kernel": "UU",
    "decoder/first_state/bias": "U",
    "decoder/query/kernel": "UU",
    "decoder/query/bias": "U",
    "decoder/key/kernel": "MU",
    "decoder/score/kernel": "U1",
    "decoder/cell/kernel": "RG",
    "decoder/cell/recurrent_kernel": "UG",
    "decoder/cell/bias": "G",
    "decoder/maxout/kernel": "AP",
    "decoder/maxout/bias": "P",
    "head/bias": "V",
}


def _dimensions(arguments):
    width, units = arguments["hidden_dim"], arguments["units"]
    return {
        "V": arguments["vocabulary_size"],
        "U": units,
        "G": 3 * units,
        "M": 2 * units,
        "R": width + 2 * units,
        "A": width + 3 * units,
        "P": 2 * width,
    }


RNNSEARCH = Layout(
    model_type="regard_recurrent_translator",
    title="RNNsearch",
    kind="translations",
    architectures={"RecurrentTranslator": ()},
    always=("translator",),
    groups={
        "translator": [
            bare(path.replace("/", "."), path, letters) for path, letters in _WEIGHTS.items()
        ]
    },
    sizes={
        "vocabulary_size": "vocab_size",
        "hidden_dim": "hidden_size",
        "units": "units",
        "max_sequence_length": "max_position_embeddings",
    },
    rates={"dropout": "dropout"},
    token_ids={"end_id": "eos_token_id", "pad_id": "pad_token_id"},
    activation="",
    dimensions=_dimensions,
    defaults={},
    allowed={},
    equal={"decoder_start_token_id": "pad_token_id"},
    written={"is_encoder_decoder": True, "bos_token_id": None},
    further_problems=id_problems,
)
