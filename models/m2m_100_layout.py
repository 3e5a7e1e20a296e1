"""Describes M2M100, of which NLLB is one, as Hugging Face writes it down.

References:
    Fan et al., "Beyond English-Centric Multilingual Machine Translation",
    https://arxiv.org/abs/2010.11125; NLLB Team, "No Language Left Behind",
    https://arxiv.org/abs/2207.04672
"""

from dataclasses import replace

from .marian_layout import BLOCKS, MARIAN, SHARED_TABLES, sinusoid_problems
from .rows import embedding, norm

M2M100 = replace(
    MARIAN,
    model_type="m2m_100",
    title="M2M100",
    architectures={"M2M100ForConditionalGeneration": ()},
    groups={
        "translator": [
            embedding("model.shared", "embedding/token_embedding", "VD"),
            *BLOCKS,
            norm("model.encoder.layer_norm", "encoder/final_norm"),
            norm("model.decoder.layer_norm", "decoder/final_norm"),
        ]
    },
    further_problems=sinusoid_problems,
    further_arguments=lambda config: {},
    dimensions=lambda arguments: {"V": arguments["vocabulary_size"]},
    copies=lambda arguments: SHARED_TABLES,
    constants={"family": "m2m_100"},
    defaults={  # M2M100Config's
        "vocab_size": 128_112,
        "max_position_embeddings": 1024,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "activation_function": "relu",
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    },
    allowed={"scale_embedding": (True,), "tie_word_embeddings": (True,)},
    equal={
        "decoder_ffn_dim": "encoder_ffn_dim",
        "decoder_attention_heads": "encoder_attention_heads",
        "decoder_start_token_id": "eos_token_id",
    },
    written={
        "activation_dropout": 0.0,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "is_encoder_decoder": True,
        "bos_token_id": 0,
        "init_std": lambda arguments: arguments["hidden_dim"] ** -0.5,
    },
    fixed={},
    idle=("model.encoder.embed_positions.weights", "model.decoder.embed_positions.weights"),
)
