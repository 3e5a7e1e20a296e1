"""Draws what a model attends to as one picture: all layers and heads at a glance."""


def draw_picture(path, attention):
    raise NotImplementedError
