"""Where a checkpoint is: a directory, or a repository on the Hugging Face hub."""

import re
from pathlib import Path

from .checkpoint_files import CheckpointError

# Weights, configs and tokenizers; never a pickle, and nothing of another framework.
_FILES = (
    "config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


def checkpoint_directory(source: str | Path) -> Path:
    """The directory of a checkpoint, downloaded first if it is on the hub.

    Downloads go to the cache of `huggingface_hub`, which also knows about tokens, proxies and
    `HF_ENDPOINT`; a second call finds them there.

    Args:
        source: A directory, or `hf://ORG/NAME[@REVISION]`.

    Raises:
        CheckpointError: If there is no such directory or repository, or it cannot be downloaded.
    """
    if not str(source).startswith("hf://"):
        if not Path(source).is_dir():
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
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{source} cannot be downloaded: {reason} Check the name and the network; a private "
            "repository needs the environment variable HF_TOKEN."
        ) from error
