"""Writing zips that are the same, byte for byte, whenever they are written."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_EPOCH: Final[tuple[int, int, int, int, int, int]] = (1980, 1, 1, 0, 0, 0)
"""One date for all members."""


def write_zip_file(path: Path, members: Mapping[str, str | Path]) -> None:
    """Write a zip, not compressed: what is in it is already.

    Args:
        path: of the zip.
        members: by name; a file to copy, or a text.

    Raises:
        OSError: a file can't be read, or the zip not written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            if isinstance(content, str):
                archive.writestr(member, content)
                continue
            member.file_size = content.stat().st_size  # lets zipfile choose the format for large files
            with content.open("rb") as source, archive.open(member, "w") as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)
