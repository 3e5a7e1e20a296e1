"""Keeps the config by which Keras saves and loads a model."""

import keras


class ConfiguredModel(keras.Model):
    """A functional model that knows the arguments of its constructor.

    Args:
        inputs: The symbolic inputs.
        outputs: The symbolic output.
        config: The arguments of the subclass's constructor, by name.
        embedding: The layer that turns the inputs into vectors.
        encoder: The layer that turns those into what a head, or a decoder, reads.
        **kwargs: `name` and the like, for `keras.Model`.
    """

    def __init__(self, inputs, outputs, config, embedding, encoder, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.config = dict(config)
        if "activation" in config:
            activation = keras.activations.get(config["activation"])
            self.config["activation"] = keras.activations.serialize(activation)
        self.embedding = embedding
        self.encoder = encoder

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
            **self.config,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def own_arguments(variables):
    """Returns the arguments of a constructor by name, and the `dtype` that is among Keras' own.

    Args:
        variables: The constructor's `locals()`, before it has made any other variable. `dtype` is
            taken out of its `kwargs`: it is for the layers, from which Keras tells the model's.
    """
    others = ("self", "kwargs", "__class__")  # the last is there because of `super`
    own = {name: value for name, value in variables.items() if name not in others}
    return own, variables["kwargs"].pop("dtype", None)
