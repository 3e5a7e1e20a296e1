"""Transformer layers on `keras` and `keras.ops` alone: tensors in, tensors out, on any backend."""

from .activations import gelu_tanh
from .attention import MultiHeadAttention, attention_weights
from .dense import Dense
from .dropout import Dropout
from .embeddings import TextEmbedding
from .encoder import Encoder, EncoderBlock
from .feed_forward import FeedForward
from .masked_lm_head import MaskedLMHead
from .masks import causal_mask, combine_masks
from .normalization import LayerNorm
from .pooling import FirstTokenPooling
from .positions import PositionEmbedding, SinusoidalPositionEmbedding, sinusoids

__all__ = [
    "Dense",
    "Dropout",
    "Encoder",
    "EncoderBlock",
    "FeedForward",
    "FirstTokenPooling",
    "LayerNorm",
    "MaskedLMHead",
    "MultiHeadAttention",
    "PositionEmbedding",
    "SinusoidalPositionEmbedding",
    "TextEmbedding",
    "attention_weights",
    "causal_mask",
    "combine_masks",
    "gelu_tanh",
    "sinusoids",
]
