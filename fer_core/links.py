"""Paths and links in the folders and archives of other people: none may lead out of what was given.

A link copies what it points to: into a data set, a model card, a zip, a repository of the Hub.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Final

from fer_core.errors import FerError

MAX_TARGET_BYTES: Final[int] = 4096
"""Of a link's target inside a zip, as Linux has it."""


def check_member(archive: Path, name: str, error: type[FerError]) -> PurePosixPath:
    """Check the path of a file in an archive, and return it.

    A colon is part of many names, as in `10:30:12.png`; it is refused where it means a drive, or on Windows.

    Raises:
        FerError: as `error`, if it is absolute, empty, or leads out of the archive.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or _names_drive(str(path)):
        raise error(
            f"{archive} holds the unsafe path {name!r}; refused. Expected paths inside the archive, without "
            "'..' or a drive: pack the folder again"
        )
    return path


def _names_drive(path: str) -> bool:
    return re.match("[A-Za-z]:", path) is not None or (os.name == "nt" and ":" in path)


def check_member_link(archive: Path, name: str, target: str, error: type[FerError]) -> None:
    """Check a link in an archive. One that stays inside is no danger: its target is read as what it is.

    Args:
        archive: named in the message.
        name: of the link.
        target: what it points to, from its own folder.
        error: what to raise.

    Raises:
        FerError: as `error`, if it leads out of the archive.
    """
    inside = os.path.normpath(PurePosixPath(name.replace("\\", "/")).parent / target.replace("\\", "/"))
    if inside == ".." or inside.startswith(("../", "/")) or _names_drive(inside):
        raise error(f"{archive} holds the link {name!r}, which leads out of it to {target!r}; refused")


def check_link(path: Path | str, folder: Path, error: type[FerError]) -> None:
    """Check a file or folder found in `folder`; what is no link costs one look at it.

    A cache of the Hugging Face hub holds links into `blobs` beside the snapshot; they are accepted.

    Raises:
        FerError: as `error`, if it is a link that leads out of `folder`.
    """
    if not os.path.islink(path):  # noqa: PTH114 - a path object per file would cost more than the rest
        return
    target, root = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    blobs = [parent.parent / "blobs" for parent in (root, *root.parents) if parent.name == "snapshots"]
    if not any(target.is_relative_to(place) for place in (root, *blobs)):
        raise error(
            f"{path} is a link that leads out of its folder to {target}; refused. If the content belongs "
            "there, copy it in place of the link"
        )
