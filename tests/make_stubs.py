"""Writes `recipe.pyi` beside each recipe: an editor, which runs no code, sees every setting there.

python tests/make_stubs.py
"""

import ast
import inspect
from pathlib import Path

from regard.recipes.tasks import TASKS

RECIPES = Path(inspect.getfile(TASKS["text"].__class__)).parent


def stub_of(task):
    """Returns the stub of a task's recipe: its function, with the settings as keywords."""
    source = (RECIPES / task.folder / "recipe.py").read_text("utf-8")
    tree = ast.parse(source)
    function = next(node for node in tree.body if getattr(node, "name", "") == task.fit)
    own = ast.get_source_segment(source, function)
    before, after = own.split("    **options: Any,\n")
    settings = [
        f"    {each.name}: {annotation(each)} = {each.default!r},"
        for each in inspect.signature(task.load("recipe", task.fit)).parameters.values()
        if f" {each.name}:" not in before
    ]
    head = before + "\n".join(settings) + "\n" + after[: after.index('"""')].strip() + " ..."
    named = {node.id for node in ast.walk(ast.parse(head)) if isinstance(node, ast.Name)}
    imports = [
        f"from {'.' * node.level}{node.module or ''} import {alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in named
    ]
    return "\n".join(["# Written by tests/make_stubs.py.", "", *imports, "", head, ""])


def annotation(parameter):
    kind = parameter.annotation
    return kind.__name__ if isinstance(kind, type) else str(kind)


if __name__ == "__main__":
    for task in TASKS.values():
        (RECIPES / task.folder / "recipe.pyi").write_text(stub_of(task), "utf-8")
