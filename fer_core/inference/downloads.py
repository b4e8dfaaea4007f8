"""Files that can be downloaded, and how they are checked and put in place.

Nothing is downloaded unseen: on request, or once, announced in one line (`fetch_once`).
"""

import contextlib
import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from fer_core.errors import FerError
from fer_core.io import sha256_file, write_bytes
from fer_core.workspace import Workspace

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all) as a download goes on."""

TIMEOUT_S: Final[float] = 30.0
OFFLINE_VARIABLE: Final[str] = "FER_OFFLINE"
"""Environment variable; set to 1, nothing is fetched unless a command or button asks for it."""
_UNASKED_TIMEOUT_S: Final[float] = 5.0
_TRY_AGAIN_S: Final[float] = 24 * 3600.0
_CHUNK_BYTES: Final[int] = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file with a fixed content that someone else publishes."""

    name: str
    """What a person types: `fer fetch <name>`."""
    title: str
    """What it is called in messages."""
    file_name: str
    """Its name in the workspace's weights folder."""
    url: str
    sha256: str
    """64 hexadecimal digits."""
    num_bytes: int
    """Exact size; nothing longer is ever read."""
    license: str
    """SPDX identifier."""
    source: str
    """The page to read about it."""


YUNET: Final[RemoteFile] = RemoteFile(
    name="yunet",
    title="YuNet",
    file_name="face_detection_yunet_2023mar.onnx",
    # github.com/.../raw/ only redirects here: the repository keeps its models in Git LFS.
    url=(
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx"
    ),
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    num_bytes=232_589,
    license="MIT",
    source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
)
"""Face detector by Wu et al. (2023), doi:10.1007/s11633-023-1423-y."""


def weights_path(file: RemoteFile, workspace: Workspace) -> Path:
    """Where `file` is, or would be."""
    return workspace.weights / file.file_name


def is_installed(file: RemoteFile, workspace: Workspace) -> bool:
    """Whether `file` is in the workspace with the right content."""
    path = weights_path(file, workspace)
    return path.is_file() and _checksum(path) == file.sha256


def require_file(file: RemoteFile, workspace: Workspace) -> Path:
    """Return the path of `file` after checking its content.

    Raises:
        FerError: it is missing or damaged; the message says how to get it.
    """
    path = weights_path(file, workspace)
    if not path.is_file():
        raise FerError(
            f"{file.title} is not installed: run `fer fetch {file.name}` ({file.num_bytes:,} bytes)"
        )
    if _checksum(path) != file.sha256:
        raise FerError(
            f"{path} is not the published {file.title}: its SHA-256 is {_checksum(path)[:12]}…, expected "
            f"{file.sha256[:12]}…. Run `fer fetch {file.name}` to replace it."
        )
    return path


def fetch_file(
    file: RemoteFile,
    workspace: Workspace,
    *,
    progress: Progress | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download `file` into the workspace, check it, and put it in place in one step.

    Returns at once if it is there already. Whatever goes wrong, nothing half-written is left.

    Args:
        file: what to download.
        workspace: where to.
        progress: called with the progress.
        timeout_s: longest silence of the server, in seconds.

    Raises:
        FerError: no connection, a refusal by the server, or other content than expected (the message says
            how to install the file by hand); or the workspace can't be written.
    """
    if is_installed(file, workspace):
        return weights_path(file, workspace)
    logger.info("downloading %s", file.url)
    request = urllib.request.Request(file.url, headers={"User-Agent": "fer-workbench"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            content = _read_capped(response, file, progress)
    except urllib.error.HTTPError as cause:
        raise FerError(f"{file.url} answered {cause.code} {cause.reason}. {_by_hand(file)}") from cause
    except (OSError, http.client.HTTPException) as cause:
        reason = getattr(cause, "reason", None) or cause
        raise FerError(
            f"{file.title} can't be downloaded from {file.url}: {reason}. {_by_hand(file)}"
        ) from cause
    return _install(content, file, workspace, origin=file.url)


def is_offline() -> bool:
    """Whether `$FER_OFFLINE` forbids to fetch anything unasked."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no", "off")


def fetch_once(file: RemoteFile, workspace: Workspace, tell: Callable[[str], None]) -> bool:
    """Get a file without being asked, so that the better choice is there from the start.

    Tried once: when that fails, not again for a day.

    Args:
        file: what is better had.
        workspace: where it is, or goes.
        tell: gets one line, before anybody is contacted.

    Returns:
        Whether the file is there now.
    """
    if is_installed(file, workspace):
        return True
    missed = workspace.weights / f".{file.file_name}.missed"
    if is_offline() or _is_recent(missed):
        return False
    host = urllib.parse.urlsplit(file.url).hostname
    tell(
        f"Fetching {file.title} once: {file.num_bytes / 1000:.0f} KB from {host}, checked by SHA-256 "
        f"({OFFLINE_VARIABLE}=1 forbids this)."
    )
    try:
        fetch_file(file, workspace, timeout_s=_UNASKED_TIMEOUT_S)
    except FerError as cause:
        logger.info("%s", cause)
        with contextlib.suppress(OSError):
            write_bytes(missed, b"")
        return False
    return True


def _is_recent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < _TRY_AGAIN_S
    except OSError:
        return False


def install_file(file: RemoteFile, workspace: Workspace, source: Path) -> Path:
    """Copy a file that was downloaded by hand into the workspace, after checking it.

    Raises:
        FerError: `source` can't be read or is not the expected content, or the workspace can't be written.
    """
    try:
        with source.open("rb") as stream:
            content = _read_capped(stream, file)
    except OSError as cause:
        raise FerError(f"{source} can't be read: {cause}. {_by_hand(file)}") from cause
    return _install(content, file, workspace, origin=str(source))


def _read_capped(stream: BinaryIO, file: RemoteFile, progress: Progress | None = None) -> bytes:
    """Read to the end, or to one byte more than `file` has. Kept in memory: these files are small."""
    content = bytearray()
    while len(content) <= file.num_bytes:
        chunk = stream.read(min(_CHUNK_BYTES, file.num_bytes + 1 - len(content)))
        if not chunk:
            break
        content += chunk
        if progress:
            progress(min(len(content), file.num_bytes), file.num_bytes)
    return bytes(content)


def _install(content: bytes, file: RemoteFile, workspace: Workspace, *, origin: str) -> Path:
    if len(content) != file.num_bytes:
        too_long = len(content) > file.num_bytes
        seen = f"more than {file.num_bytes:,}" if too_long else f"{len(content):,}"
        raise FerError(
            f"{origin} gave {seen} bytes; {file.title} has exactly {file.num_bytes:,}. {_by_hand(file)}"
        )
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != file.sha256:
        raise FerError(
            f"{origin} is not the published {file.title}: SHA-256 {checksum[:12]}…, expected "
            f"{file.sha256[:12]}…. {_by_hand(file)}"
        )
    target = weights_path(file, workspace)
    try:
        write_bytes(target, content)
    except OSError as cause:
        raise FerError(
            f"{target} can't be written: {cause}. Make room or access there, or set $FER_WORKSPACE to "
            "another folder."
        ) from cause
    return target


def _by_hand(file: RemoteFile) -> str:
    return (
        f"Nothing was installed. To install it by hand, download {file.url} in a browser and run "
        f"`fer fetch {file.name} --from-file FILE`."
    )


def _checksum(path: Path) -> str:
    stat = path.stat()
    return _cached_checksum(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=32)
def _cached_checksum(path: Path, _mtime_ns: int, _num_bytes: int, _inode: int) -> str:
    """The checksum of a file, computed again only when the file has changed: pages ask at every rerun."""
    return sha256_file(path)
