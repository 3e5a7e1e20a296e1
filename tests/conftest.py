"""What every test starts from: a quiet TensorFlow, and the same random numbers on each run."""

import gc
import logging
import os
import signal
import sys

import pytest
from filelock import FileLock

import tiers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # compiles faster
pytest.register_assert_rewrite("layer_checks")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes longest begins first, so that no process is left alone with it at the end.
HEAVY = (
    *("workers", "distribution", "runs", "resuming", "fitting_from_checkpoint", "demo", "cli"),
    *("tutorial", "cli_images", "text", "images", "translation", "pretraining", "serving", "pairs"),
    *("translation_runs_interop", "tokenizers_interop", "models_interop", "translation_interop"),
)


def pytest_configure(config):
    tiers.IS_WHOLE = config.option.markexpr != "not slow"


def pytest_collection(session):
    if session.config.getoption("numprocesses", 0):
        return  # its workers run the tests, and need them
    import replicas  # noqa: F401  two devices, before any test module uses TensorFlow

    gc.set_threshold(100_000, 50, 50)  # a traced graph is many objects that are not garbage


def pytest_collection_modifyitems(items):
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(HEAVY)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(autouse=True)
def seeded():
    keras = sys.modules.get("keras")  # only where a test already has it: importing it takes seconds
    if keras is not None:
        keras.utils.set_random_seed(7)
    yield
    if "tensorflow" in sys.modules:  # training turns it on for good, and then nothing is jitted
        from tensorflow.python.framework.config import disable_op_determinism

        disable_op_determinism()


@pytest.fixture(autouse=True)
def logger_kept():
    """Leaves the logger as it was: the command line, run in this process, makes it its own."""
    logger = logging.getLogger("regard")
    before = logger.level, logger.propagate, logger.handlers[:]
    yield
    logger.setLevel(before[0])
    logger.propagate, logger.handlers[:] = before[1:]


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """Keeps Python from looking through what TensorFlow never lets go of, again and again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes something once in the whole suite, for all of its processes; nobody may change it.

    `once(name, make)` returns the path that `make(path)` is called with, the first time.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"

    def path_of(name, make):
        folder.mkdir(exist_ok=True)
        path, done = folder / name, folder / f"{name}.done"
        with FileLock(folder / f"{name}.lock"):
            if not done.exists():
                make(path)
                done.touch()
        return path

    return path_of


@pytest.fixture(scope="session")
def small_run(once):
    """Gives the directory of a small run, which is trained once: `small_run(task, **settings)`."""
    import small_runs

    def directory(task, **settings):
        name = " ".join([task, *(f"{key}={value}" for key, value in settings.items())])
        return once(name, lambda path: small_runs.fit(task, path, **settings))

    return directory


@pytest.fixture(scope="session")
def plain_run(small_run):
    """Gives the directory of a task's run on one device, without dropout: `plain_run(task)`."""
    return lambda task: small_run(task, dropout=0.0, drawn=True)


@pytest.fixture(scope="session")
def plain_export(once, plain_run):
    """Gives an export of that run, with its version: `plain_export(task)`."""
    from commands import regard, regard_here

    def export(task, path):
        command = regard if task == "text" else regard_here  # as people do it, once
        done = command("export", plain_run(task), path)
        assert (done.returncode, done.stdout) == (0, f"{path / '1'}\n")
        first, *_, last = done.stderr.splitlines()  # what can be done with it, and nothing else
        assert first.startswith("Next") and last.strip().endswith(":predict")

    return lambda task: once(f"export of {task}", lambda path: export(task, path)) / "1"


@pytest.fixture
def unverified(monkeypatch):
    """Spares the check of an export in another process, which `test_runs` makes of every task."""
    monkeypatch.setattr("regard.recipes.serving.export._verify", lambda *args: None)


@pytest.fixture
def write(tmp_path):
    """Writes a file in the test's folder and returns its path."""

    def write_file(name: str, content: str | bytes):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def pytest_make_parametrize_id(config, val, argname):
    """Names bytes by their number: what is packed holds the time, and workers must agree."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
