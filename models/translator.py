"""Translates with the Transformer of "Attention Is All You Need"."""

import keras
from keras import ops

from ..layers import Decoder, Encoder, TiedOutput, new_cache
from ..layers.checks import check_positive, check_positive_or_none, check_rate
from ..layers.decoder_block import EPSILON
from .configured_model import own_arguments
from .translation_families import TRANSLATION_LAYOUTS, translation_family
from .translation_model import TranslationModel, check_ids, translator_inputs


@keras.saving.register_keras_serializable("regard")
class Translator(TranslationModel):
    """Encoder and decoder around one token embedding: logits of the next token at every position.

    An ordinary Keras model: `compile`, `fit`, `evaluate`, `predict`, `.keras` save and load. It
    computes what Marian does, or another family. `regard.models.decoding` writes translations with
    it.

    Source and target share one vocabulary, and one table embeds both and scores the output (section
    3.4); or each has a vocabulary, and a table, of its own. A target is read with a start before
    it, `pad_id` in Marian, and written with an `end_id` after it.

    Args:
        vocabulary_size: Number of token ids V, of sources and targets.
        hidden_dim: Width D, even.
        num_layers: Number of encoder blocks.
        num_heads: Number of attention heads; must divide `hidden_dim`.
        intermediate_dim: Width F inside the feed-forward layers.
        num_decoder_layers: Number of decoder blocks. Defaults to `num_layers`.
        max_sequence_length: Largest number of tokens in a sequence. Defaults to 512.
        dropout: Probability in [0, 1) of dropping a unit, in training, of an embedding or a
            sub-layer's output. Defaults to 0.1.
        attention_dropout: Likewise of dropping an attention weight; the paper drops none. Defaults
            to 0.
        activation: Activation of the feed-forward layers. Defaults to "relu".
        end_id: Token id of the end of a sequence. Defaults to 0, as in Marian.
        pad_id: Token id of padding, and in Marian of the start of a target. Defaults to the last of
            the smallest vocabulary, as in Marian.
        family: "marian"; or "m2m_100", as of NLLB: pre-norm, with fairseq's sinusoids, without a
            bias of the output, and an `end_id` starts a target; or "mbart", as of mBART-50:
            likewise, but with learned positions and that bias. Defaults to "marian".
        target_vocabulary_size: Number of token ids W of targets, where they have a vocabulary of
            their own. Defaults to one vocabulary for both.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        inputs: A dict of `encoder_token_ids` (B, S), `encoder_padding_mask` (B, S), True at real
            tokens, and `decoder_token_ids` (B, T). Padding after a target changes nothing before
            it.

    Returns:
        Logits of shape (B, T, V), or (B, T, W), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = Translator.from_preset("transformer_small", vocabulary_size=30)
        >>> source = keras.ops.ones((3, 5), "int32")
        >>> inputs = {"encoder_token_ids": source, "encoder_padding_mask": source > 0,
        ...           "decoder_token_ids": source[:, :4]}
        >>> keras.ops.shape(model(inputs))
        (3, 4, 30)

    References:
        Vaswani et al., "Attention Is All You Need", https://arxiv.org/abs/1706.03762;
        Junczys-Dowmunt et al., "Marian", https://arxiv.org/abs/1804.00344; Fan et al., "Beyond
        English-Centric Multilingual Machine Translation", https://arxiv.org/abs/2010.11125; Tang et
        al., "Multilingual Translation with Extensible Multilingual Pretraining and Finetuning",
        https://arxiv.org/abs/2008.00401
    """

    layouts = TRANSLATION_LAYOUTS

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        num_layers,
        num_heads,
        intermediate_dim,
        num_decoder_layers=None,
        max_sequence_length=512,
        dropout=0.1,
        attention_dropout=0.0,
        activation="relu",
        end_id=0,
        pad_id=None,
        family="marian",
        target_vocabulary_size=None,
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        config = _completed(config)
        embedding, target_embedding = _make_embeddings(config, dtype)
        encoder, decoder = _make_stacks(config, dtype)
        inputs = translator_inputs()
        mask = inputs["encoder_padding_mask"]
        memory = encoder(embedding(inputs["encoder_token_ids"]), padding_mask=mask)  # (B, S, D)
        own = translation_family(family)
        x = target_embedding(inputs["decoder_token_ids"], **own.of_targets)  # (B, T, D)
        x = decoder(x, memory, memory_padding_mask=mask)  # (B, T, D)
        head = TiedOutput(target_embedding.token_embedding, **own.head, dtype=dtype, name="head")
        logits = ops.cast(head(x), "float32")  # (B, T, V)
        super().__init__(inputs, logits, config, embedding, encoder, **kwargs)
        self.target_embedding = target_embedding
        self.decoder = decoder
        self.head = head

    @property
    def layout(self):
        """Returns the layout of its checkpoints."""
        return self._family.layout

    @property
    def _family(self):
        return translation_family(self.config["family"])

    @property
    def architecture(self):
        """Returns the name of its class in `transformers`."""
        return next(iter(self.layout.architectures))

    @property
    def start_id(self):
        return self.config[self._family.start]

    def embed_targets(self, token_ids):
        return self.target_embedding(token_ids, **self._family.of_targets)

    def encode(self, encoder_token_ids, encoder_padding_mask):
        """Returns the memory (B, S, D) that the decoder reads, given sources (B, S)."""
        x = self.embedding(encoder_token_ids)  # (B, S, D)
        return self.encoder(x, padding_mask=encoder_padding_mask)

    def new_caches(self, sources, num_sequences, length):
        """Makes empty caches for `step`: K sequences of each source (B, S), of at most L tokens."""
        attention = self.decoder.blocks[0].attention
        sizes = (attention.num_heads, length, num_sequences, attention.key_dim)
        return [new_cache(sources, *sizes, self.decoder.compute_dtype) for _ in self.decoder.blocks]

    def step(self, token_ids, caches, position, attention_mask, memory, memory_padding_mask):
        """Returns the logits of the token after the newest of K sequences; it is never `pad_id`.

        Args:
            token_ids: (B, K): the newest tokens.
            caches: The caches with the tokens before.
            position: The tokens' position, an integer or a scalar tensor.
            attention_mask: (B, K, L·K), as in `regard.layers.Decoder.step`.
            memory: The result of `decoder.project_memory` for the memory of `encode`.
            memory_padding_mask: (B, S), True at real tokens.

        Returns:
            Logits (B, K, V), float32, and the caches with the tokens in them.
        """
        x = self.target_embedding.step(token_ids, position)  # (B, K, D)
        x, caches = self.decoder.step(
            x, caches, position, attention_mask, memory, memory_padding_mask
        )
        logits = self.head.without(self.config["pad_id"], x)  # (B, K, V)
        return ops.cast(logits, "float32"), caches


def _completed(config):
    """Checks the arguments, and returns them with defaults for those that were left out."""
    check_rate(dropout=config["dropout"], attention_dropout=config["attention_dropout"])
    vocabulary_size, num_layers = config["vocabulary_size"], config["num_layers"]
    target_vocabulary_size = config["target_vocabulary_size"]
    check_positive(vocabulary_size=vocabulary_size)
    check_positive_or_none(target_vocabulary_size=target_vocabulary_size)
    smallest = min(vocabulary_size, target_vocabulary_size or vocabulary_size)
    pad_id, num_decoder_layers = config["pad_id"], config["num_decoder_layers"]
    pad_id = smallest - 1 if pad_id is None else pad_id
    check_ids(smallest, config["end_id"], pad_id)
    num_decoder_layers = num_layers if num_decoder_layers is None else num_decoder_layers
    check_positive(num_layers=num_layers, num_decoder_layers=num_decoder_layers)
    return {**config, "num_decoder_layers": num_decoder_layers, "pad_id": pad_id}


def _make_embeddings(config, dtype):
    """Makes the embeddings of sources and of targets, which may be one."""
    family = translation_family(config["family"])

    def make(size, name):
        return family.embedding_class(
            size,
            config["hidden_dim"],
            config["max_sequence_length"],
            config["dropout"],
            config["pad_id"],
            **family.embedding,
            dtype=dtype,
            name=name,
        )

    embedding = make(config["vocabulary_size"], "embedding")
    if config["target_vocabulary_size"] is None:
        return embedding, embedding
    return embedding, make(config["target_vocabulary_size"], "target_embedding")


def _make_stacks(config, dtype):
    """Makes the encoder and the decoder."""
    family = translation_family(config["family"])
    stack = {
        "num_heads": config["num_heads"],
        "intermediate_dim": config["intermediate_dim"],
        "dropout": config["dropout"],
        "attention_dropout": config["attention_dropout"],
        "activation": config["activation"],
        **family.stack,
        "dtype": dtype,
    }
    encoder = Encoder(config["num_layers"], layer_norm_epsilon=EPSILON, name="encoder", **stack)
    decoder = Decoder(config["num_decoder_layers"], name="decoder", **stack)
    return encoder, decoder
