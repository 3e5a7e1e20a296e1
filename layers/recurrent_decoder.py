"""Decodes with a recurrent state that looks back at the source: Bahdanau's attention."""

import keras
from keras import ops

from .cache import new_cache, write_cache
from .checks import check_positive, check_rate
from .dense import Dense
from .dropout import Dropout
from .masks import MASKED_SCORE, all_of
from .shapes import reshape


@keras.saving.register_keras_serializable("regard")
class RecurrentDecoder(keras.layers.Layer):
    """A gated recurrent unit that reads the source anew at every position.

    The state s before a position scores each of the source's annotations h, and the unit goes on
    from what they are in the mean:

        e_j = vᵀ tanh(W s + U h_j),  α = softmax(e),  c = Σ α_j h_j,  s' = GRU([y; c], s)

    The output is a maxout of s', y and c. (The paper's appendix writes it with s in place of s';
    its section 3.1 with s'.) The first state is made of the annotation of the source's first token,
    backwards.

    Args:
        hidden_dim: Width D of the inputs and outputs.
        units: Width U of the state, and of the network that scores. The memory is twice as wide.
        dropout: Probability in [0, 1) of dropping a unit of the output in training. Defaults to 0.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D): embeddings y of the tokens before each position.
        memory: (B, S, 2·U): annotations h, forwards and backwards side by side.
        memory_padding_mask: (B, S), True at real tokens. A mask that Keras has attached to the
            memory counts beside it.

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If an argument is out of range, or the memory is not 2·U wide.

    Example:
        >>> decoder = RecurrentDecoder(hidden_dim=8, units=6)
        >>> keras.ops.shape(decoder(keras.ops.ones((2, 5, 8)), memory=keras.ops.ones((2, 7, 12))))
        (2, 5, 8)

    References:
        Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate",
        section 3.1 and appendix A.2.2, https://arxiv.org/abs/1409.0473
    """

    def __init__(self, hidden_dim, units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(hidden_dim=hidden_dim, units=units)
        check_rate(dropout=dropout)
        self.hidden_dim = hidden_dim
        self.units = units
        self.dropout = dropout

    def build(self, inputs_shape, memory_shape):
        width = memory_shape[-1]
        if width != 2 * self.units:
            raise ValueError(
                "The memory must be twice as wide as the state. Received: "
                f"memory of {width}, units={self.units}"
            )
        self.first_state = self._dense("first_state", self.units, self.units, activation="tanh")
        self.query = self._dense("query", self.units, self.units)
        self.key = self._dense("key", width, self.units, use_bias=False)
        self.score = self._dense("score", self.units, 1, use_bias=False)
        self.cell = keras.layers.GRUCell(
            self.units, reset_after=False, dtype=self.dtype_policy, name="cell"
        )
        self.cell.build((None, inputs_shape[-1] + width))
        self.maxout = self._dense(
            "maxout", self.units + inputs_shape[-1] + width, 2 * self.hidden_dim
        )
        self.output_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, inputs, memory, memory_padding_mask=None, training=None, memory_mask=None):
        mask = all_of(memory_padding_mask, memory_mask)
        states, contexts = self._go_through(inputs, *self.project_memory(memory), mask)
        x = self._output(states, inputs, contexts)
        return self.output_dropout(x, training=training)  # (B, T, D)

    def attention_weights(self, inputs, memory, memory_padding_mask=None):
        """Returns the weights α with which each position reads the source.

        Returns:
            A float32 tensor of shape (B, T, S), whose last axis sums to 1.
        """
        annotations, keys = self.project_memory(memory)
        states, _ = self._go_through(inputs, annotations, keys, memory_padding_mask)
        before = ops.concatenate([self._first(annotations)[:, None], states[:, :-1]], axis=1)
        return self._read(before, annotations, keys, memory_padding_mask)[1]

    def project_memory(self, memory):
        """Returns what `step` reads many times: annotations (B, S, 2·U) and keys (B, S, U)."""
        return memory, self.key(memory)

    def new_cache(self, examples, num_sequences, length):
        """Makes an empty cache for `step`: K sequences of each example, of at most L tokens."""
        sizes = (1, length, num_sequences, self.units)
        return new_cache(examples, *sizes, self.compute_dtype)[0]  # (B, 1, 0, U)

    def step(self, inputs, cache, position, attention_mask, memory, memory_padding_mask=None):
        """Computes the output for the newest tokens of K sequences.

        Args:
            inputs: (B, K, D): one token of each sequence, all at one position.
            cache: The states of earlier positions; `new_cache` makes an empty one.
            position: The tokens' position, an integer or a scalar tensor.
            attention_mask: (B, K, L·K), True where an entry of the cache is a sequence's own. L is
                at least the number of positions that the cache holds.
            memory: What `project_memory` returns.
            memory_padding_mask: (B, S), True at real tokens.

        Returns:
            A tensor of shape (B, K, D), and the cache with the new states in it.
        """
        states, num_sequences = cache[:, 0], ops.shape(inputs)[1]  # (B, t·K, U)
        number = ops.arange(ops.shape(states)[1])
        is_before = number // num_sequences == position - 1  # (t·K,)
        is_own = ops.logical_and(attention_mask[..., : ops.shape(states)[1]], is_before)
        state = ops.matmul(ops.cast(is_own, states.dtype), states)  # (B, K, U)
        annotations, keys = memory
        state = ops.where(position > 0, state, self._first(annotations)[:, None])
        context, _ = self._read(state, annotations, keys, memory_padding_mask)  # (B, K, 2·U)
        state = self._advance(inputs, context, state)  # (B, K, U)
        output = self._output(state, inputs, context)  # (B, K, D)
        return output, write_cache(cache, position, state[:, None])

    def compute_output_shape(self, inputs_shape, memory_shape):
        return (*inputs_shape[:-1], self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "units": self.units,
            "dropout": self.dropout,
        }

    def _go_through(self, inputs, annotations, keys, mask):
        """Returns states (B, T, U) and contexts (B, T, 2·U) of all positions."""

        def go_on(token, states):
            state = states[0][:, None]  # (B, 1, U)
            context, _ = self._read(state, annotations, keys, mask)
            state = self._advance(token[:, None], context, state)
            return ops.concatenate([state, context], axis=-1)[:, 0], [state[:, 0]]

        cell = _Cell(go_on, self.units, self.compute_dtype)
        loop = keras.layers.RNN(cell, return_sequences=True, dtype=self.dtype_policy)
        found = loop(inputs, initial_state=self._first(annotations))  # (B, T, 3·U)
        return found[..., : self.units], found[..., self.units :]

    def _first(self, annotations):
        return self.first_state(annotations[:, 0, self.units :])  # (B, U)

    def _read(self, states, annotations, keys, mask):
        """Returns, for states (B, K, U), contexts (B, K, 2·U) and weights (B, K, S), float32."""
        hidden = ops.tanh(self.query(states)[:, :, None] + keys[:, None])  # (B, K, S, U)
        scores = ops.cast(ops.squeeze(self.score(hidden), axis=-1), "float32")  # (B, K, S)
        if mask is not None:
            scores = ops.where(ops.cast(mask, "bool")[:, None], scores, MASKED_SCORE)
        weights = ops.softmax(scores)
        return ops.matmul(ops.cast(weights, annotations.dtype), annotations), weights

    def _advance(self, inputs, contexts, states):
        """Returns the states (B, K, U) after inputs (B, K, D) and contexts (B, K, 2·U)."""
        both = ops.concatenate([inputs, contexts], axis=-1)
        rows = ops.reshape(both, (-1, both.shape[-1]))  # (B·K, D + 2·U)
        new, _ = self.cell(rows, [ops.reshape(states, (-1, self.units))])
        return reshape(new, (*ops.shape(states)[:2], self.units))

    def _output(self, states, inputs, contexts):
        pairs = self.maxout(ops.concatenate([states, inputs, contexts], axis=-1))  # (B, T, 2·D)
        pairs = reshape(pairs, (*ops.shape(pairs)[:2], self.hidden_dim, 2))
        return ops.max(pairs, axis=-1)  # (B, T, D)

    def _dense(self, name, input_dim, units, **options):
        dense = Dense(units, dtype=self.dtype_policy, name=name, **options)
        dense.build((None, None, input_dim))
        return dense


class _Cell:
    """Makes a cell for `keras.layers.RNN`, whose loop XLA can differentiate, of a function."""

    def __init__(self, go_on, units, compute_dtype):
        self.go_on = go_on
        self.state_size = units
        self.compute_dtype = compute_dtype

    def call(self, inputs, states):
        return self.go_on(inputs, states)

    __call__ = call
