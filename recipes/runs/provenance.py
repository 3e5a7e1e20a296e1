"""Notes what a result depends on beside its settings: versions, code, its first checkpoint."""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from ...models.digests import digest_of, recorded
from .directories import model_directory

KINDS = (".py", ".pyi", ".json", ".js", ".css", ".html")  # of files that code is in
PACKAGE = Path(__file__).resolve().parents[2]


def versions() -> dict[str, str]:
    """Returns the versions that a result depends on."""
    packages = ("regard", "keras", "tensorflow", "tensorflow-text", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def code_fingerprint(package: Path = PACKAGE) -> str:
    """Returns the SHA-256 of the code in a package's folder, in hexadecimal.

    Several machines can tell by it whether they run the same.
    """
    rooms = [package / room for room in ("layers", "models", "recipes")]
    files = [path for room in rooms for kind in KINDS for path in room.rglob(f"*{kind}")]
    return _digest(package, sorted([*package.glob("*.py"), *files]), {})


def checkpoint_fingerprint(checkpoint: str | None) -> str | None:
    """Returns the SHA-256 of a checkpoint's files; of one that is not in a directory, its name.

    A run has the digests of its files already, which are compared when the checkpoint is opened.
    """
    if checkpoint is None or checkpoint.startswith("hf://"):
        return checkpoint
    directory = Path(model_directory(checkpoint))
    assets = (directory / "assets" / "tokenizer").glob("*")  # of a preset of KerasHub
    files = sorted(p for p in (*directory.iterdir(), *assets) if p.is_file())
    return _digest(directory, files, recorded(directory))


def file_fingerprint(path: str | None) -> str | None:
    """Returns the SHA-256 of a file; behind it the part that is meant, as in FILE.zip/NAME."""
    if path is None:
        return None
    file = next((each for each in Path(path).parents if each.is_file()), Path(path))
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return "/".join([digest, *Path(path).relative_to(file).parts])


def _digest(folder: Path, files: Iterable[Path], known: Mapping[str, str]) -> str:
    """Returns the SHA-256 of the names and the digests of files, some of which are known."""
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name}\0{known.get(name) or digest_of(file)}\n".encode())
    return digest.hexdigest()
