"""Provides transformer layers on `keras` and `keras.ops` alone, for any backend."""

from .activations import gelu_tanh, quick_gelu
from .attention import MultiHeadAttention
from .attention_pooling import AttentionPooling
from .cache import new_cache
from .convolutional_stem import ConvolutionalStem
from .decoder import Decoder
from .decoder_block import DecoderBlock
from .dense import Dense
from .disentangled import DisentangledAttention, DistanceEmbedding
from .dropout import Dropout, StochasticDepth
from .embeddings import TextEmbedding
from .encoder import Encoder
from .encoder_block import EncoderBlock
from .feed_forward import FeedForward
from .grid_position_bias import GridPositionBias
from .hard_attention import HardAttention, Reinforce
from .heads import QueryValueDense
from .hierarchical_attention import HierarchicalAttention
from .image_embedding import ImageEmbedding
from .kernel_pooling import KernelPooling, NadarayaWatson, kernel_scores
from .learned_embedding import LearnedEmbedding
from .masked_lm_head import MaskedLMHead
from .masks import causal_mask, combine_masks
from .memory_read import MemoryRead
from .normalization import LayerNorm
from .patches import PatchEmbedding
from .pooling import (
    AveragePooling,
    FirstTokenPooling,
    PatchPooling,
    TokenTransform,
    TransformedAveragePooling,
)
from .positions import (
    PositionEmbedding,
    SinusoidalPositionEmbedding,
    resize_positions,
    sinusoids,
)
from .predictive_attention import PredictiveAttention
from .recurrent_decoder import RecurrentDecoder
from .relative_positions import RelativePositionBias
from .rotary_attention import RotaryAttention
from .scores import (
    additive_scores,
    attention_weights,
    cosine_scores,
    dot_product_scores,
    general_scores,
    masked_softmax,
    scaled_dot_product_scores,
    weighted_sum,
)
from .sinusoidal_embedding import SinusoidalEmbedding
from .tied_output import TiedOutput
from .token_convolution import TokenConvolution
from .twin_head import TwinHead

__all__ = [
    "AttentionPooling",
    "AveragePooling",
    "ConvolutionalStem",
    "Decoder",
    "DecoderBlock",
    "Dense",
    "DisentangledAttention",
    "DistanceEmbedding",
    "Dropout",
    "Encoder",
    "EncoderBlock",
    "FeedForward",
    "FirstTokenPooling",
    "GridPositionBias",
    "HardAttention",
    "HierarchicalAttention",
    "ImageEmbedding",
    "KernelPooling",
    "LayerNorm",
    "LearnedEmbedding",
    "MaskedLMHead",
    "MemoryRead",
    "MultiHeadAttention",
    "NadarayaWatson",
    "PatchEmbedding",
    "PatchPooling",
    "PositionEmbedding",
    "PredictiveAttention",
    "QueryValueDense",
    "RecurrentDecoder",
    "Reinforce",
    "RelativePositionBias",
    "RotaryAttention",
    "SinusoidalEmbedding",
    "SinusoidalPositionEmbedding",
    "StochasticDepth",
    "TextEmbedding",
    "TiedOutput",
    "TokenConvolution",
    "TokenTransform",
    "TransformedAveragePooling",
    "TwinHead",
    "additive_scores",
    "attention_weights",
    "causal_mask",
    "combine_masks",
    "cosine_scores",
    "dot_product_scores",
    "gelu_tanh",
    "general_scores",
    "kernel_scores",
    "masked_softmax",
    "new_cache",
    "quick_gelu",
    "resize_positions",
    "scaled_dot_product_scores",
    "sinusoids",
    "weighted_sum",
]
