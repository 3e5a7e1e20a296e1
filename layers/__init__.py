"""Transformer layers on `keras` and `keras.ops` alone: tensors in, tensors out, on any backend."""

from .activations import gelu_tanh
from .attention import MultiHeadAttention, attention_weights
from .cache import new_cache
from .decoder import Decoder, DecoderBlock
from .dense import Dense
from .dropout import Dropout, StochasticDepth
from .embeddings import SinusoidalEmbedding, TextEmbedding, TiedOutput
from .encoder import Encoder, EncoderBlock
from .feed_forward import FeedForward
from .masked_lm_head import MaskedLMHead
from .masks import causal_mask, combine_masks
from .normalization import LayerNorm
from .patches import ConvolutionalStem, ImageEmbedding, PatchEmbedding, resize_positions
from .pooling import FirstTokenPooling
from .positions import PositionEmbedding, SinusoidalPositionEmbedding, sinusoids

__all__ = [
    "ConvolutionalStem",
    "Decoder",
    "DecoderBlock",
    "Dense",
    "Dropout",
    "Encoder",
    "EncoderBlock",
    "FeedForward",
    "FirstTokenPooling",
    "ImageEmbedding",
    "LayerNorm",
    "MaskedLMHead",
    "MultiHeadAttention",
    "PatchEmbedding",
    "PositionEmbedding",
    "SinusoidalEmbedding",
    "SinusoidalPositionEmbedding",
    "StochasticDepth",
    "TextEmbedding",
    "TiedOutput",
    "attention_weights",
    "causal_mask",
    "combine_masks",
    "gelu_tanh",
    "new_cache",
    "resize_positions",
    "sinusoids",
]
