"""Finds a checkpoint: in a directory, or in a repository on the Hugging Face hub."""

import logging
import os
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .json_files import CheckpointError

logger = logging.getLogger("regard")

_PATIENCE = 10.0  # seconds until a hub that says nothing counts as out of reach
_LONGEST = 45.0  # seconds to find its address, and to be told what there is

# What checkpoints are read from: weights, configs and tokenizers; never a pickle, and nothing of
# another framework.
FILES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "task.json",  # these, and the assets, are of presets of KerasHub
    "model.weights.h5",
    "task.weights.h5",
    "image_converter.json",
    "assets/tokenizer/*",
    "source.spm",
    "target.spm",
)


def checkpoint_directory(source: str | Path) -> Path:
    """Returns the directory of a checkpoint, and downloads it first if it is on the hub.

    Downloads go to the cache of `huggingface_hub`, which also knows about tokens, proxies and
    `HF_ENDPOINT`; a second call finds them there.

    Args:
        source: A directory, or `hf://ORG/NAME[@REVISION]`.

    Raises:
        CheckpointError: If there is no such directory or repository, or it cannot be downloaded.
    """
    if not str(source).startswith("hf://"):
        if not os.path.isdir(source):  # False for what cannot even be a path
            raise CheckpointError(
                f"A checkpoint must be a directory or hf://ORG/NAME. Received: {source}, "
                "which is not a directory."
            )
        return Path(source)
    match = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", str(source))
    if not match:
        raise CheckpointError(
            f"A checkpoint on the hub must look like hf://ORG/NAME or hf://ORG/NAME@REVISION. "
            f"Received: {source}"
        )
    return _download(str(source), *match.groups())


def _download(source: str, name: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    fetch = partial(snapshot_download, name, revision=revision, allow_patterns=list(FILES))
    try:
        # Asked first because the download itself would wait for a silent hub without end.
        _within(_LONGEST, partial(HfApi().model_info, name, revision=revision, timeout=_PATIENCE))
        return Path(fetch())
    except Exception as error:  # the client's own, or those of the HTTP library that it uses
        reason = " ".join(str(error).split()) or type(error).__name__
        failure = error
    try:
        directory = Path(fetch(local_files_only=True))
    except Exception:
        raise CheckpointError(
            f"{source} cannot be downloaded: {reason:.300} Check the name and the network; a "
            "private repository needs the environment variable HF_TOKEN."
        ) from failure
    logger.info("%s: the copy in the cache is used, as the hub answers: %.300s", source, reason)
    return directory


def _within(seconds: float, ask: Callable) -> None:
    """Asks something, and raises what that raises, or a `TimeoutError` after so many seconds.

    The search for an address knows no timeout, and others begin anew with every byte.
    """
    failures: list[Exception] = []

    def try_it():
        try:
            ask()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=try_it, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"there was no answer within {seconds:.0f} s.")
    if failures:
        raise failures[0]
