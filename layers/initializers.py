"""Copies initializers, so that every weight starts from numbers of its own."""

import keras


def clone_initializer(initializer):
    """Copies an initializer, so that each weight made with a copy draws numbers of its own.

    A Keras initializer gives the same numbers whenever it is called for the same shape. Shared by
    several layers, it would start them all equal. A seed that the user has set is kept. Layers copy
    their initializer where they make a weight, and nowhere else.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    return initializer.clone()
