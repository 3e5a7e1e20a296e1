"""Every module of layers and models: its examples run, and its imports stay on its floor."""

import ast
import doctest
import importlib
import inspect
import sys
from pathlib import Path

import keras
import pytest

import regard.layers
import regard.models

ROOT = Path(regard.layers.__file__).parent.parent
FLOORS = {
    "layers": {"keras", "numpy"},
    "models": {
        "huggingface_hub",
        "keras",
        "ml_dtypes",
        "numpy",
        "safetensors",
        *sys.stdlib_module_names,
    },
}
MODULES = [path for floor in FLOORS for path in sorted((ROOT / floor).glob("*.py"))]
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


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_imports_stay_on_the_floor(path):
    floor = path.parent.name
    below = {"layers": {"layers"}, "models": {"layers", "models"}}[floor]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported = {alias.name.split(".")[0] for alias in node.names}
            assert imported <= FLOORS[floor], imported
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in FLOORS[floor], node.module
        elif isinstance(node, ast.ImportFrom) and node.level == 2:
            assert (node.module or "").split(".")[0] in below, node.module
