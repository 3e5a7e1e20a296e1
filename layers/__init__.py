"""Provides transformer layers on `keras` and `keras.ops` alone, for any backend."""

from .activations import gelu_tanh
from .attention import MultiHeadAttention, attention_weights
from .cache import new_cache
from .convolutional_stem import ConvolutionalStem
from .decoder import Decoder
from .decoder_block import DecoderBlock
from .dense import Dense
from .dropout import Dropout, StochasticDepth
from .embeddings import SinusoidalEmbedding, TextEmbedding
from .encoder import Encoder
from .encoder_block import EncoderBlock
from .feed_forward import FeedForward
from .image_embedding import ImageEmbedding
from .masked_lm_head import MaskedLMHead
from .masks import causal_mask, combine_masks
from .normalization import LayerNorm
from .patches import PatchEmbedding
from .pooling import FirstTokenPooling
from .positions import (
    PositionEmbedding,
    SinusoidalPositionEmbedding,
    resize_positions,
    sinusoids,
)
from .recurrent_decoder import RecurrentDecoder
from .tied_output import TiedOutput

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
    "RecurrentDecoder",
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
