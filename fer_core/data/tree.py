"""One view of a folder, a zip or a tar: names and bytes, never unpacked to disk."""

import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from fer_core.errors import DataError
from fer_core.links import MAX_TARGET_BYTES, check_link, check_member, check_member_link

ARCHIVE_DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    OverflowError,
    RuntimeError,
)
"""What Python's readers of zip and tar raise on damaged content; RuntimeError means encrypted."""

_PACKED: Final[dict[bytes, str]] = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
}
"""How packed files begin. A zip has its list of contents at the end: cut short, it isn't taken for one."""
_UNREAD: Final[frozenset[str]] = frozenset({"RAR", "7z"})
MAX_FILES: Final[int] = 3_000_000
"""AffectNet, the largest set of its kind, has about one million."""
MAX_FILE_BYTES: Final[int] = 512 * 1024**2
"""Of one picture or list, unpacked; a header that promises less and delivers more is cut off here too."""
MAX_RATIO: Final[int] = 2000
"""Unpacked to packed size of one member; text packs a hundredfold, a bomb many thousandfold."""


class FileTree(Protocol):
    """Files by their relative POSIX path."""

    name: str

    def names(self) -> list[str]:
        """Every file, sorted for folders and in the order of the archive otherwise."""

    def read(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            DataError: it is too large, damaged or gone.
        """


def make_readable(name: str) -> str:
    r"""A file's name as text that can be stored and shown; one that is no Unicode is taken for Latin-1.

    Examples:
        >>> make_readable("gr\udcfc\udcdfe.png"), make_readable("grüße.png")
        ('grüße.png', 'grüße.png')
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


class _Folder:
    def __init__(self, path: Path, names: list[str] | None = None) -> None:
        self.name, self._path = make_readable(path.name), path
        self._on_disk = None if names is None else {make_readable(name): name for name in names}

    def names(self) -> list[str]:
        return list(self._find())

    def _find(self) -> dict[str, str]:
        """Path on disk by name."""
        if self._on_disk is None:
            self._on_disk = {make_readable(name): name for name in sorted(self._walk())}
        return self._on_disk

    def _walk(self) -> list[str]:
        """Strings, not paths: a path object a file takes longer than decoding a small picture."""
        found: list[str] = []
        for folder, subfolders, files in os.walk(self._path):
            subfolders[:] = [name for name in subfolders if not _is_hidden((name,))]
            relative = PurePosixPath(Path(folder).relative_to(self._path).as_posix())
            prefix = "" if relative == PurePosixPath(".") else f"{relative}/"
            visible = [name for name in files if not _is_hidden((name,))]
            for name in (*subfolders, *visible):
                check_link(f"{folder}/{name}", self._path, DataError)
            found += [prefix + name for name in visible]
            if len(found) > MAX_FILES:
                raise DataError(f"{self._path} holds more than {MAX_FILES:,} files; name a smaller folder")
        return found

    def read(self, name: str) -> bytes:
        try:
            path = f"{self._path}/{self._find().get(name, name)}"
            with open(path, "rb", 0, opener=_open_at_once) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise DataError(f"{name} is no file; expected a picture or a list")
                if status.st_size > MAX_FILE_BYTES:
                    raise DataError(f"{name} has {status.st_size:,} bytes; expected a picture or a list")
                return file.read()
        except OSError as cause:
            raise DataError(f"{name} can't be read: {cause.strerror}") from cause


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, should it be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.name, self._archive = make_readable(path.name), archive
        self._members = {}
        for info in archive.infolist():
            check_member(path, info.filename, DataError)
            if stat.S_ISLNK(info.external_attr >> 16):
                with archive.open(info) as stream:
                    target = os.fsdecode(stream.read(MAX_TARGET_BYTES))
                check_member_link(path, info.filename, target, DataError)
                continue
            if info.is_dir():
                continue
            if not _is_hidden(PurePosixPath(info.filename).parts):
                self._members[info.filename] = info
        _check_count(path, len(self._members))

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        info = self._members[name]
        if info.file_size > max(1 << 20, info.compress_size * MAX_RATIO):
            raise DataError(
                f"{name} unpacks to {info.file_size:,} bytes from {info.compress_size:,}: refused"
            )
        try:
            with self._archive.open(info) as stream:
                return _limit(stream.read(MAX_FILE_BYTES + 1), name)
        except ARCHIVE_DAMAGE as cause:
            raise DataError(f"{name} can't be unpacked: {cause}") from cause


class _Tar:
    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self.name, self._archive = make_readable(path.name), archive
        self._members = {}
        for info in archive:
            check_member(path, info.name, DataError)
            if info.issym():
                check_member_link(path, info.name, info.linkname, DataError)
            elif info.islnk():
                check_member(path, info.linkname, DataError)
            # Links and devices are left out: what is read must lie in the archive itself.
            if info.isreg() and not _is_hidden(PurePosixPath(info.name).parts):
                self._members[make_readable(info.name.removeprefix("./"))] = info
            _check_count(path, len(self._members))

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        try:
            stream = self._archive.extractfile(self._members[name])
            assert stream is not None, name
            return _limit(stream.read(MAX_FILE_BYTES + 1), name)
        except ARCHIVE_DAMAGE as cause:
            raise DataError(f"{name} can't be unpacked: {cause}") from cause


@contextmanager
def open_tree(path: Path) -> Iterator[FileTree]:
    """Open a folder, a zip or tar (told apart by content), or a single file.

    Raises:
        DataError: missing, neither of these, damaged, too many files, or a path that leaves the archive.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.exists():
        raise DataError(f"{path} does not exist; expected a folder, a zip or a tar")
    with ExitStack() as opened:
        try:
            if zipfile.is_zipfile(path):
                tree: FileTree = _Zip(path, opened.enter_context(zipfile.ZipFile(path)))
            elif tarfile.is_tarfile(path):
                tree = _Tar(path, opened.enter_context(tarfile.open(path)))
            elif path.is_file():
                refuse_packed(path)
                tree = _Folder(path.parent, [path.name])
                tree.name = make_readable(path.name)
            else:
                raise DataError(f"{path} is neither a folder nor a file")
        except ARCHIVE_DAMAGE as cause:
            raise explain_archive(path, cause) from cause
        yield tree


def refuse_packed(path: Path) -> None:
    """Refuse a file that is packed, but no zip or tar that can be opened: it would be taken for a table.

    Raises:
        DataError: it is damaged or cut short, holds no tar, or is packed in a way that is not read.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    kind = next((kind for mark, kind in _PACKED.items() if head.startswith(mark)), "")
    if kind in _UNREAD:
        raise DataError(f"{path} is packed as {kind}, which is not read; unpack it and give the folder")
    if kind == "zip":
        raise DataError(f"{path} is a zip that is damaged or cut short; copy it again")
    if kind:
        raise DataError(
            f"{path} is packed by {kind} and holds no tar that can be read: it is damaged or cut short (copy "
            "it again), or it holds a single file (unpack it first)"
        )


def explain_archive(path: Path, cause: Exception) -> DataError:
    """What to raise in place of `ARCHIVE_DAMAGE`."""
    if isinstance(cause, OSError) and cause.strerror:  # the system's own; those of the unpackers have none
        return DataError(f"{path} can't be read: {cause.strerror}")
    if isinstance(cause, RuntimeError):
        return DataError(f"{path} can't be unpacked: {cause}")
    return DataError(f"{path} is damaged or cut short: {cause}; copy it again")


def _check_count(path: Path, count: int) -> None:
    if count > MAX_FILES:
        raise DataError(f"{path} holds more than {MAX_FILES:,} files; refused")


def _is_hidden(parts: tuple[str, ...]) -> bool:
    """What systems leave behind: .DS_Store, __MACOSX, .git."""
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in parts)


def _limit(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{name} unpacks to more than {MAX_FILE_BYTES:,} bytes: refused")
    return data
