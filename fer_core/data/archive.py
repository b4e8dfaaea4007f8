"""Reading one text file out of a plain file or an untrusted archive, without ever unpacking to disk."""

import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from fer_core.data.tree import ARCHIVE_DAMAGE, explain_archive, refuse_packed
from fer_core.errors import DataError
from fer_core.links import check_member

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
        except ARCHIVE_DAMAGE as cause:
            raise DataError(f"{self._name} is damaged or cut short: {cause}; copy it again") from cause
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._name} unpacks to more than {MAX_TEXT_BYTES / 1e9:.1f} GB; refused")
        buffer[: len(data)] = data
        return len(data)


def _choose_member(names: Sequence[str], path: Path, wanted: tuple[str, ...]) -> str:
    """Find the wanted file by its base name; refuse archives that try to write outside their folder."""
    for name in names:
        check_member(path, name, DataError)
    by_base = {PurePosixPath(name).name.lower(): name for name in names}
    for base in wanted:
        if base in by_base:
            return by_base[base]
    tables = [name for name in names if name.lower().endswith(".csv")]
    if len(tables) == 1:
        return tables[0]
    seen = ", ".join(names[:5]) or "nothing"
    raise DataError(f"{path} holds no {' or '.join(wanted)}; it holds {seen}")


def _check_size(name: str, path: Path, num_bytes: int) -> None:
    if num_bytes > MAX_TEXT_BYTES:
        raise DataError(
            f"{name} in {path} unpacks to {num_bytes / 1e9:.1f} GB; "
            f"at most {MAX_TEXT_BYTES / 1e9:.1f} GB are read"
        )


@contextmanager
def _open_zip(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[IO[bytes], str, int]]:
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(_choose_member(archive.namelist(), path, wanted))
        _check_size(info.filename, path, info.file_size)
        with archive.open(info) as stream:
            yield stream, info.filename, info.file_size


@contextmanager
def _open_tar(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[IO[bytes], str, int]]:
    with tarfile.open(path) as archive:
        # Links and devices are left out: what is read must lie in the archive itself.
        members = {info.name: info for info in archive if info.isreg()}
        info = members[_choose_member(list(members), path, wanted)]
        _check_size(info.name, path, info.size)
        stream = archive.extractfile(info)
        assert stream is not None, info.name
        yield stream, info.name, info.size


@contextmanager
def _open_plain(path: Path) -> Iterator[tuple[IO[bytes], str, int]]:
    with path.open("rb") as stream:
        yield stream, path.name, path.stat().st_size


@contextmanager
def open_text(path: Path, *, wanted: tuple[str, ...]) -> Iterator[tuple[IO[str], int]]:
    """Open a text file, or the wanted member of a zip or tar, for reading as UTF-8.

    Args:
        path: a text file, a zip or a tar, told apart by content.
        wanted: base names (lower case) to look for inside an archive, best first; its only CSV will do.

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
    with ExitStack() as opened:
        try:
            if zipfile.is_zipfile(path):
                stream, name, num_bytes = opened.enter_context(_open_zip(path, wanted))
            elif tarfile.is_tarfile(path):
                stream, name, num_bytes = opened.enter_context(_open_tar(path, wanted))
            else:
                refuse_packed(path)
                stream, name, num_bytes = opened.enter_context(_open_plain(path))
        except ARCHIVE_DAMAGE as cause:
            raise explain_archive(path, cause) from cause
        try:
            yield _as_text(stream, name), num_bytes
        except UnicodeDecodeError as cause:
            raise DataError(f"{path} is not UTF-8 text: {cause}") from cause


def _as_text(stream: IO[bytes], name: str) -> IO[str]:
    limited = io.BufferedReader(_LimitedReader(stream, MAX_TEXT_BYTES, name), 1 << 20)
    return io.TextIOWrapper(limited, encoding="utf-8-sig", newline="")
