"""Reading one text file out of a plain file or an untrusted zip, without ever unpacking to disk."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from fer_core.errors import DataError

MAX_TEXT_BYTES: Final[int] = 2 * 1024**3
"""fer2013.csv is 0.3 GB; nothing we read as text has a reason to be ten times that."""
_LFS_HEADER: Final[bytes] = b"version https://git-lfs"


class _LimitedReader(io.RawIOBase):
    """Passes bytes through and refuses to go on past a limit, whatever the archive's header promised."""

    def __init__(self, stream: IO[bytes], limit: int, name: str) -> None:
        self._stream, self._left, self._name = stream, limit, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as cause:
            raise DataError(f"{self._name} is damaged: {cause}; download it again") from cause
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._name} unpacks to more than {MAX_TEXT_BYTES / 1e9:.1f} GB; refused")
        buffer[: len(data)] = data
        return len(data)


def _choose_member(archive: zipfile.ZipFile, path: Path, wanted: tuple[str, ...]) -> zipfile.ZipInfo:
    """Find the wanted file by its base name; refuse archives that try to write outside their folder."""
    for info in archive.infolist():
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if info.filename.startswith(("/", "\\")) or ".." in parts or any(":" in item for item in parts):
            raise DataError(f"{path} holds the unsafe path {info.filename!r}; refused")
    names = {PurePosixPath(info.filename).name.lower(): info for info in archive.infolist()}
    for name in wanted:
        if name in names:
            return names[name]
    tables = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
    if len(tables) == 1:
        return tables[0]
    seen = ", ".join(info.filename for info in archive.infolist()[:5]) or "nothing"
    raise DataError(f"{path} holds no {' or '.join(wanted)}; it holds {seen}")


@contextmanager
def open_text(path: Path, *, wanted: tuple[str, ...]) -> Iterator[tuple[IO[str], int]]:
    """Open a text file, or the wanted member of a zip, for reading as UTF-8.

    Args:
        path: a text file or a zip, told apart by content.
        wanted: base names (lower case) to look for inside a zip, best first; a zip with a single CSV will do.

    Yields:
        The stream, and its size in bytes when unpacked.

    Raises:
        DataError: missing, a Git LFS pointer, a damaged or unsafe zip, too large, or not text. Raised while
            reading, too.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_HEADER))
    except OSError as cause:
        raise DataError(f"{path} can't be opened: {cause.strerror}") from cause
    if head == _LFS_HEADER:
        raise DataError(
            f"{path} is a Git LFS pointer, not the data itself; run `git lfs pull` in its repository"
        )
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                info = _choose_member(archive, path, wanted)
                if info.file_size > MAX_TEXT_BYTES:
                    raise DataError(
                        f"{info.filename} in {path} unpacks to {info.file_size / 1e9:.1f} GB; "
                        f"at most {MAX_TEXT_BYTES / 1e9:.1f} GB are read"
                    )
                with archive.open(info) as stream:
                    yield _as_text(stream, info.filename), info.file_size
        else:
            with path.open("rb") as stream:
                yield _as_text(stream, path.name), path.stat().st_size
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as cause:
        # RuntimeError is how zipfile reports an encrypted member.
        raise DataError(f"{path} can't be read as a zip: {cause}") from cause
    except UnicodeDecodeError as cause:
        raise DataError(f"{path} is not UTF-8 text: {cause}") from cause


def _as_text(stream: IO[bytes], name: str) -> IO[str]:
    limited = io.BufferedReader(_LimitedReader(stream, MAX_TEXT_BYTES, name), 1 << 20)
    return io.TextIOWrapper(limited, encoding="utf-8-sig", newline="")
