"""`fer_core.load_folder`: labelled pictures from a folder with one folder per class."""

import os
from pathlib import Path

from fer_core.errors import DataError
from fer_core.images import IMAGE_SUFFIXES
from fer_core.workspace import expand_home


def load_folder(folder: "str | os.PathLike[str]") -> tuple[list[Path], list[str]]:
    """List the pictures of a folder that has a folder per class, for `Model.score` and scikit-learn.

    Args:
        folder: holds folders named after classes (`happiness`, `3_happy`, `Anger` ...), each with pictures,
            at any depth. Folders whose name says no expression are an error: none is left out unseen.

    Returns:
        Paths of the N pictures, sorted by class, and their N class names in the canonical spelling.

    Raises:
        DataError: it is no such folder.
    """
    from fer_core.data.importers.base import guess_emotion

    root = expand_home(os.fspath(folder))
    if not root.is_dir():
        raise DataError(
            f"{root} is no folder; expected one that has a folder per class, called happiness, anger ..."
        )
    paths: list[Path] = []
    labels: list[str] = []
    for part in sorted(item for item in root.iterdir() if item.is_dir() and not item.name.startswith(".")):
        label = guess_emotion(part.name)
        if label is None:
            raise DataError(
                f"{part} is named after no expression; rename it (happiness, sadness ...), or move it away"
            )
        found = sorted(path for path in part.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise DataError(f"{root} holds no pictures in folders called happiness, anger ...")
    return paths, labels
