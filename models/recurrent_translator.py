"""Translates with what the Transformer replaced: a recurrent encoder and decoder with attention."""

import keras
from keras import ops

from ..layers import Dropout, RecurrentDecoder, TiedOutput
from ..layers.checks import check_positive, check_rate
from .configured_model import own_arguments
from .recurrent_layout import RNNSEARCH
from .translation_model import TranslationModel, check_ids, translator_inputs


@keras.saving.register_keras_serializable("regard")
class RecurrentTranslator(TranslationModel):
    """Gated recurrent units both ways over the source, one over the target that attends to them.

    It is called, trained and decoded as `Translator` is. What differs from the paper: source and
    target share a vocabulary, one table embeds both and scores the output, and there is dropout.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D of the embeddings.
        units: Width U of a state; the memory is 2·U wide.
        max_sequence_length: Largest number of tokens that are written. Defaults to 512.
        dropout: Probability in [0, 1) of dropping a unit, in training, of an embedding, of the
            memory or of the output. Defaults to 0.1.
        end_id: Token id of the end of a sequence. Defaults to 0.
        pad_id: Token id of padding, and of the start of a target. Defaults to V - 1.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        inputs: A dict of `encoder_token_ids` (B, S), `encoder_padding_mask` (B, S), True at real
            tokens, and `decoder_token_ids` (B, T). Padding after a text changes nothing before it.

    Returns:
        Logits of shape (B, T, V), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = RecurrentTranslator.from_preset("rnnsearch_small", vocabulary_size=30)
        >>> source = keras.ops.ones((3, 5), "int32")
        >>> inputs = {"encoder_token_ids": source, "encoder_padding_mask": source > 0,
        ...           "decoder_token_ids": source[:, :4]}
        >>> keras.ops.shape(model(inputs))
        (3, 4, 30)

    References:
        Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate",
        https://arxiv.org/abs/1409.0473
    """

    layout = RNNSEARCH
    layouts = (RNNSEARCH,)
    architecture = "RecurrentTranslator"

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        units,
        max_sequence_length=512,
        dropout=0.1,
        end_id=0,
        pad_id=None,
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        check_positive(vocabulary_size=vocabulary_size, max_sequence_length=max_sequence_length)
        check_rate(dropout=dropout)
        config["pad_id"] = pad_id = vocabulary_size - 1 if pad_id is None else pad_id
        check_ids(vocabulary_size, end_id, pad_id)
        embedding, encoder, decoder, drop = _make_layers(config, dtype)
        inputs = translator_inputs()
        mask = inputs["encoder_padding_mask"]
        memory = encoder(drop(embedding(inputs["encoder_token_ids"])), mask=mask)  # (B, S, 2·U)
        x = drop(embedding(inputs["decoder_token_ids"]))  # (B, T, D)
        x = decoder(x, drop(memory), memory_padding_mask=mask)  # (B, T, D)
        head = TiedOutput(embedding, dtype=dtype, name="head")
        logits = ops.cast(head(x), "float32")  # (B, T, V)
        super().__init__(inputs, logits, config, embedding, encoder, **kwargs)
        self.decoder = decoder
        self.head = head

    def encode(self, encoder_token_ids, encoder_padding_mask):
        """Returns the memory (B, S, 2·U) that the decoder reads, given sources (B, S)."""
        return self.encoder(self.embedding(encoder_token_ids), mask=encoder_padding_mask)

    def new_caches(self, sources, num_sequences, length):
        """Makes empty caches for `step`: K sequences of each source (B, S), of at most L tokens."""
        return [self.decoder.new_cache(sources, num_sequences, length)]

    def step(self, token_ids, caches, position, attention_mask, memory, memory_padding_mask):
        """Returns the logits of the token after the newest of K sequences; it is never `pad_id`.

        Arguments and result are as for `Translator.step`.
        """
        x = self.embedding(token_ids)  # (B, K, D)
        x, cache = self.decoder.step(
            x, *caches, position, attention_mask, memory, memory_padding_mask
        )
        logits = self.head.without(self.config["pad_id"], x)  # (B, K, V)
        return ops.cast(logits, "float32"), [cache]

    def alignments(self, inputs):
        """Returns the weights of a call as `Translator` does: (B, 1, 1, T, S), of one head."""
        return super().alignments(inputs)[:, None, None]


def _make_layers(config, dtype):
    embedding = keras.layers.Embedding(
        config["vocabulary_size"],
        config["hidden_dim"],
        keras.initializers.RandomNormal(stddev=config["hidden_dim"] ** -0.5),
        dtype=dtype,
        name="embedding",
    )
    units, dropout = config["units"], config["dropout"]
    unit = keras.layers.GRU(
        units, reset_after=False, return_sequences=True, dtype=dtype, name="gru"
    )
    encoder = keras.layers.Bidirectional(unit, dtype=dtype, name="encoder")
    decoder = RecurrentDecoder(config["hidden_dim"], units, dropout, dtype=dtype, name="decoder")
    return embedding, encoder, decoder, Dropout(dropout, dtype=dtype)
