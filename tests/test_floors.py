"""The house: which module may import which, read from the source; nothing is imported here."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ("layers", "models", "recipes")

# Lowest first. A module may import what is on a lower floor or, in its own room, what is on its
# own; rooms of one floor, the tasks among them, do not import each other. A row is a module, or a
# room with all that is in it; `recipes` by itself is the front door, `recipes/__init__.py`.
FLOORS = (
    (
        "recipes.errors",
        "recipes.names",
        "recipes.declarations",
        "recipes.pages",
        "recipes.problem_types",
        "recipes.tasks",
    ),
    ("recipes.log",),
    ("layers",),
    ("models",),
    ("recipes.settings",),
    ("recipes.data", "recipes.tokenizers"),
    ("recipes.devices",),
    ("recipes.training",),
    ("recipes.runs",),
    ("recipes.attention", "recipes.serving"),
    ("recipes.report", "recipes.server"),
    (
        *("recipes.text", "recipes.pretraining", "recipes.images", "recipes.translation"),
        "recipes.tokens",
    ),
    ("recipes.cli",),
    ("recipes",),
)
# All that a room may import, beside what is below it in the house.
PACKAGES = {
    "layers": {"keras", "numpy"},
    "models": {
        *("h5py", "huggingface_hub", "keras", "ml_dtypes", "numpy", "safetensors"),
        *sys.stdlib_module_names,
    },
    "recipes": {
        *("charset_normalizer", "click", "filelock", "flatbuffers", "google", "keras"),
        *("matplotlib", "numpy", "openpyxl", "PIL", "pillow_heif", "pyarrow", "sacrebleu"),
        *("safetensors", "scipy"),
        *("sentencepiece", "sklearn", "starlette", "tabulate", "tensorflow"),
        *("tensorflow_datasets", "tensorflow_serving", "tensorflow_text", "tokenizers", "tqdm"),
        *("uvicorn", "wcwidth", "wrapt", "yaml", "zstandard"),
        *sys.stdlib_module_names,
    },
}
INTEROP = {
    "ctranslate2",
    "jax",
    "keras_hub",
    "torch",
    "transformers",
}  # for `make test-interop` alone
MAY_IMPORT = {"layers": {"layers"}, "models": {"layers", "models"}}
MOST_FILES = 12  # directly in recipes/
MOST_LINES = 300
MOST_LINES_OF_A_RECIPE = 150


def modules(root):
    """Returns the path of every module of the house by its dotted name, a package's by its own."""
    paths = [path for room in HOUSE for path in sorted((root / room).rglob("*.py"))]
    return {dotted_name(path.relative_to(root).with_suffix("").parts): path for path in paths}


def dotted_name(parts):
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root):
    """Returns what each module imports of the house, also within functions: names by name."""
    found = modules(root)
    return {name: set(imported(name, path, found)) for name, path in found.items()}


def imported(name, path, found):
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            candidates = [alias.name.removeprefix("regard.") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])]).removeprefix("regard.")
            # `from .room import module` is the module, `from .module import name` the module.
            candidates = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
            candidates = [each if each in found else base for each in candidates]
        else:
            continue
        yield from (each for each in candidates if each in found and each != name)


def room_of(name):
    """Returns a module's row and floor, or None for one that has none."""
    rooms = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    for room in (name, ".".join(name.split(".")[:2]), name.split(".")[0]):
        if room in rooms and (room != "recipes" or name == "recipes"):
            return room, rooms[room]
    return None


def upward_imports(root):
    """Returns each import of what is not below, and each module that is on no floor."""
    wrong = []
    for name, others in imports(root).items():
        if room_of(name) is None:
            wrong.append(f"{name} is on no floor")
            continue
        room, floor = room_of(name)
        for other in sorted(others):
            other_room, other_floor = room_of(other) or ("", len(FLOORS))
            is_own_room = room == other_room or floor == other_floor == 0
            if other_floor >= floor and not is_own_room:
                wrong.append(f"{name} imports {other}")
    return wrong


def circles(root):
    """Returns circles of imports: all of them pass through one of those returned."""
    graph, wrong, done = imports(root), [], set()

    def visit(name, path):
        if name in path:
            wrong.append(" > ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return wrong


def strange_imports(root):
    """Returns each import of a package that a room does not need, or of a room it does not know.

    `layers` and `models` are for any backend, and know no file format but a checkpoint's, and no
    recipe; nothing needs the packages that it is compared with.
    """
    wrong = []
    for name, path in modules(root).items():
        tops = packages_of(path) - PACKAGES[name.split(".")[0]] - {"regard"}
        wrong += [f"{name} imports {top}" for top in sorted(tops)]
    for name, others in imports(root).items():
        room = name.split(".")[0]
        allowed = MAY_IMPORT.get(room, set(HOUSE))
        wrong += [f"{name} imports {o}" for o in sorted(others) if o.split(".")[0] not in allowed]
    return wrong


def packages_of(path):
    """Returns the top names of all packages that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def crowded(root):
    """Returns what lies directly in `recipes/`, where that is too much."""
    files = sorted(path.name for path in (root / "recipes").glob("*.py"))
    return files if len(files) > MOST_FILES else []


def long_files(root):
    """Returns each file that is too long, with its number of lines."""
    lengths = {
        str(path.relative_to(root)): len(path.read_text("utf-8").splitlines())
        for path in modules(root).values()
    }
    return [f"{name}: {lines}" for name, lines in lengths.items() if lines > most_lines(name)]


def most_lines(name):
    """Returns how long a file may be: what tells a task's story is to be read at one go."""
    return MOST_LINES_OF_A_RECIPE if name.endswith("/recipe.py") else MOST_LINES


CHECKS = (upward_imports, circles, strange_imports, crowded, long_files)


@pytest.mark.parametrize("check", CHECKS)
def test_the_house(check):
    assert check(ROOT) == []


def test_the_whole_house_is_seen():
    found = imports(ROOT)
    assert {"layers", "layers.dense", "models.translator", "recipes", "recipes.errors"} <= set(
        found
    )
    assert "recipes.errors" in found["recipes.text.start"]
    assert "layers.dense" in found["layers"]
    assert any(each.split(".")[0] == "layers" for each in found["models.text_classifier"])


def test_the_suite_but_for_interop_needs_none_of_what_that_installs():
    paths = sorted((ROOT / "tests").glob("*.py"))
    assert {path.name: packages_of(path) & INTEROP for path in paths} == {
        path.name: set() for path in paths
    }


# Each check, on a small house that is in order but for one file.

IN_ORDER = {
    "layers/__init__.py": "from .dense import Dense\n",
    "layers/dense.py": "import keras\n",
    "models/classifier.py": "from ..layers import Dense\n",
    "recipes/__init__.py": "def __getattr__(name):\n    from .devices import strategy\n",
    "recipes/errors.py": "",
    "recipes/settings.py": "from .errors import UserError\nfrom ..models import classifier\n",
    "recipes/data/rows.py": "import tensorflow\nfrom ..errors import UserError\n",
    "recipes/data/columns.py": "from . import rows\nfrom .rows import Row\n",
    "recipes/devices/strategy.py": "from .. import settings\n",
    "recipes/runs/run.py": "from regard.models.classifier import Classifier\n",
    "recipes/text/recipe.py": "from ..runs import run\nfrom .run import TextRun\n",
    "recipes/text/run.py": "from ..runs.run import load\n",
    "recipes/images/recipe.py": "from ..runs import run\n",
    "recipes/cli/commands.py": "from ... import __version__\nfrom ..text.run import TextRun\n",
}


@pytest.fixture
def house(tmp_path):
    """Builds that house, with files added or changed."""

    def build(**changes):
        files = {**IN_ORDER, **{f"{name}.py": text for name, text in changes.items()}}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return build


@pytest.mark.parametrize("check", CHECKS)
def test_a_house_in_order(check, house):
    assert check(house()) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "recipes/runs/run",
            "from ..text.run import x",
            "recipes.runs.run imports recipes.text.run",
        ),
        ("recipes/runs/run", "from ..text import run", "recipes.runs.run imports recipes.text.run"),
        (
            "recipes/data/rows",
            "def f():\n    if 1:\n        from ..runs import run",
            "recipes.data.rows imports recipes.runs.run",
        ),
        ("recipes/data/rows", "import regard.recipes.cli.commands", "imports recipes.cli.commands"),
        ("recipes/text/run", "from .. import strategy", "recipes.text.run imports recipes"),
        ("recipes/text/run", "from ..images.recipe import f", "imports recipes.images.recipe"),
        ("recipes/images/recipe", "from ..text import run", "imports recipes.text.run"),
        ("recipes/tokenizers/ids", "from ..data import rows", "imports recipes.data.rows"),
        ("recipes/errors", "from .data import rows", "recipes.errors imports recipes.data.rows"),
        ("recipes/helpers", "", "recipes.helpers is on no floor"),
        ("recipes/speech/recipe", "", "recipes.speech.recipe is on no floor"),
    ],
)
def test_an_upward_import(name, text, expected, house):
    (found,) = upward_imports(house(**{name: text}))
    assert found.endswith(expected)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"recipes/data/rows": "from .columns import x"},
            ["recipes.data.columns > recipes.data.rows > recipes.data.columns"],
        ),
        (
            {"recipes/data/rows": "def f():\n    from . import columns"},
            ["recipes.data.columns > recipes.data.rows > recipes.data.columns"],
        ),
        ({"layers/dense": "from . import Dense"}, ["layers > layers.dense > layers"]),
        (
            {
                "recipes/cli/a": "from . import b",
                "recipes/cli/b": "from . import c",
                "recipes/cli/c": "from .a import x",
                "recipes/cli/d": "from .a import x",
            },
            ["recipes.cli.a > recipes.cli.b > recipes.cli.c > recipes.cli.a"],
        ),
    ],
)
def test_a_circle(files, expected, house):
    assert circles(house(**files)) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("layers/dense", "import tensorflow.nn", "layers.dense imports tensorflow"),
        ("layers/dense", "def f():\n    from json import dumps", "layers.dense imports json"),
        ("models/classifier", "from tokenizers import x", "models.classifier imports tokenizers"),
        ("layers/dense", "from ..models import classifier", "imports models.classifier"),
        ("models/classifier", "from ..recipes.errors import x", "imports recipes.errors"),
        ("recipes/text/run", "def f():\n    import torch.nn", "text.run imports torch"),
    ],
)
def test_a_strange_import(name, text, expected, house):
    (found,) = strange_imports(house(**{name: text}))
    assert found.endswith(expected)


def test_a_crowded_room(house):
    crowd = {f"recipes/room_{number}": "" for number in range(MOST_FILES - 2)}
    assert len(crowded(house(**crowd))) == MOST_FILES + 1


def test_a_long_file(house):
    longer = {"recipes/text/run": 301, "recipes/text/start": 300, "recipes/text/recipe": 151}
    root = house(**{name: "\n" * lines for name, lines in longer.items()})
    assert sorted(long_files(root)) == ["recipes/text/recipe.py: 151", "recipes/text/run.py: 301"]
