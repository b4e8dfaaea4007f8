"""Fetching a source from Kaggle or the Hugging Face hub, where the user has access."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Final

from fer_core.errors import DataError
from fer_core.redact import redact

KAGGLE_PREFIX: Final[str] = "kaggle:"
HUB_PREFIX: Final[str] = "hf:"


def is_remote(source: str) -> bool:
    """Whether a source is `kaggle:owner/name` or `hf:owner/name`."""
    return source.startswith((KAGGLE_PREFIX, HUB_PREFIX))


def fetch_source(source: str) -> Path:
    """Download a data set by its id into the hub's own cache, and return the folder.

    Raises:
        DataError: the client is not installed, or the download failed; the message says what to do by hand.
    """
    prefix, _, name = source.partition(":")
    if name.count("/") != 1 or not all(name.split("/")):
        raise DataError(f"{source!r} is no data set id; expected {prefix}:owner/name")
    if prefix == "kaggle":
        client = _load_client("kagglehub")
        page = f"https://www.kaggle.com/datasets/{name}"
        fetch = client.dataset_download
        arguments: dict[str, str] = {}
    else:
        client = _load_client("huggingface_hub")
        page = f"https://huggingface.co/datasets/{name}"
        fetch = client.snapshot_download
        arguments = {"repo_type": "dataset"}
    try:
        return Path(fetch(name, **arguments))
    # The clients raise errors of the HTTP libraries below them, which share no base but Exception.
    except Exception as cause:
        reason = f"{type(cause).__name__}: {redact(str(cause))[:300]}"
        raise DataError(
            f"{source} could not be downloaded ({reason}). By hand: open {page}, accept "
            "its terms, download the archive, and run `fer import ARCHIVE`"
        ) from cause


def _load_client(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as cause:
        raise DataError(f"downloading needs the package {name}: pip install {name}") from cause
