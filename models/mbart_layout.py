"""Describes mBART as mBART-50 has it and Hugging Face writes it down.

References:
    Tang et al., "Multilingual Translation with Extensible Multilingual Pretraining and Finetuning",
    https://arxiv.org/abs/2008.00401
"""

from dataclasses import replace

from .config_entries import id_problems
from .m2m_100_layout import M2M100
from .marian_layout import BLOCKS
from .rows import bare, embedding, norm

UNUSED_POSITIONS = 2  # the first rows of every table of positions, as fairseq has them

_SIDES = (("encoder", "source"), ("decoder", "target"))

MBART = replace(
    M2M100,
    model_type="mbart",
    title="mBART-50",
    architectures={"MBartForConditionalGeneration": ()},
    groups={
        "translator": [
            embedding("model.shared", "embedding/token_embedding", "VD"),
            *(
                row
                for part, side in _SIDES
                for row in (
                    embedding(f"model.{part}.embed_positions", f"embedding/{side}_positions", "PD"),
                    norm(f"model.{part}.layernorm_embedding", f"embedding/{side}_norm"),
                    norm(f"model.{part}.layer_norm", f"{part}/final_norm"),
                )
            ),
            *BLOCKS,
            bare("final_logits_bias", "head/bias", "1V", is_row=True),
        ]
    },
    further_problems=id_problems,
    dimensions=lambda arguments: {
        "V": arguments["vocabulary_size"],
        "P": UNUSED_POSITIONS + arguments["max_sequence_length"],
    },
    constants={"family": "mbart"},
    defaults={  # MBartConfig's
        "vocab_size": 50_265,
        "max_position_embeddings": 1024,
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "pad_token_id": 1,
        "eos_token_id": 2,
    },
    allowed={
        "scale_embedding": (True,),
        "tie_word_embeddings": (True,),
        "normalize_before": (True, None),
        "normalize_embedding": (True, None),
        "add_final_layer_norm": (True, None),
        "static_position_embeddings": (False, None),
    },
    written={**M2M100.written, "forced_eos_token_id": None},
    idle=(),
)
