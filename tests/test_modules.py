"""Every module of layers and models: its examples run."""

import doctest
import importlib
import inspect
from pathlib import Path

import keras
import pytest

import regard.layers
import regard.models

ROOT = Path(regard.layers.__file__).parent.parent
MODULES = [path for floor in ("layers", "models") for path in sorted((ROOT / floor).glob("*.py"))]
NAMES = {
    **{name: getattr(regard.layers, name) for name in regard.layers.__all__},
    **{name: getattr(regard.models, name) for name in regard.models.__all__},
    "keras": keras,
}


def module_id(path):
    return f"{path.parent.name}.{path.stem}"


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_examples_run(path):
    module = importlib.import_module(f"regard.{module_id(path)}")
    result = doctest.testmod(module, extraglobs=NAMES, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("name", [n for n in NAMES if n[0].isupper() and not n.isupper()])
def test_every_public_class_has_an_example(name):
    assert "Example:\n    >>> " in inspect.getdoc(NAMES[name])
