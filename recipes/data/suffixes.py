"""Says what the suffixes of files mean."""

from pathlib import Path

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
ARCHIVES = (".zip", ".tar", ".tgz")
# fmt: off
TABLE_FORMATS = (
    ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".xlsx",
    ".tmx",
)
# fmt: on
TABLE_SUFFIXES = f"{', '.join(TABLE_FORMATS[:-1])} or {TABLE_FORMATS[-1]}"


def suffix_of(source: str) -> str:
    """Returns the suffix that says what a file is, in lower case, without that of compression."""
    path = Path(source)
    while path.suffix.lower() in (*COMPRESSED, *ARCHIVES):
        path = Path(path.stem)
    return path.suffix.lower()
