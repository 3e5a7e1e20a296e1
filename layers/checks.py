"""Checks constructor arguments, with one grammar for their errors."""


def check_positive(**values):
    """Raises `ValueError` unless every named value is an integer of at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def check_positive_or_none(**values):
    """Raises `ValueError` unless every named value is None or an integer of at least 1."""
    check_positive(**{name: value for name, value in values.items() if value is not None})


def check_rate(**values):
    """Raises `ValueError` unless every named value is a probability in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` must be a probability in [0, 1). Received: {name}={value!r}"
            )


def check_divisible(hidden_dim, num_heads):
    """Raises `ValueError` unless `hidden_dim` splits evenly over `num_heads`."""
    if hidden_dim % num_heads:
        raise ValueError(
            "`hidden_dim` must be a multiple of `num_heads`, so that every head gets as many "
            f"dimensions. Received: hidden_dim={hidden_dim}, num_heads={num_heads}"
        )
