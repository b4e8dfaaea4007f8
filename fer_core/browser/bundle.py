"""A folder that any static host can serve, and that reads faces in the visitor's browser without a server."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import Final

from fer_core.browser.modules import ASSETS, hash_name
from fer_core.browser.page import LICENSES, PageSettings, build_page, build_single_page, describe_terms
from fer_core.browser.runtime import require_runtime
from fer_core.checkpoint import CheckpointEntry, require_kind
from fer_core.errors import ConfigError, FerError
from fer_core.inference.downloads import YUNET, require_file
from fer_core.inference.predictor import find_export
from fer_core.io import atomic_directory, write_bytes
from fer_core.scratch import scratch_folder
from fer_core.workspace import Workspace

DEFAULT_TITLE: Final[str] = "Apparent expressions"
_OFFLINE: Final[str] = "offline.js"
_LARGE: Final[tuple[str, ...]] = (".onnx", ".gz")
"""Kept by the page when it has loaded them, so that nobody loads them twice."""
_RARE: Final[str] = "onnxruntime-gpu"
"""Begin of what is loaded only where frames take long and a graphics processor is there."""
_README: Final[str] = """$title
Put this folder on any web server (HTTPS, or localhost), and open index.html there.
On this computer:  python3 -m http.server --bind localhost 8000   then  http://localhost:8000

Everything is computed in the visitor's browser: no picture and no result is sent anywhere. Once loaded, the
page works without a network. What it tells are apparent expressions as a model reads them, often wrong; it
asks for consent before the camera starts, and that text must stay.

$licenses The models' terms are below.

$terms
"""


def write_bundle(
    out: Path,
    entries: Sequence[CheckpointEntry],
    workspace: Workspace,
    *,
    settings: PageSettings | None = None,
    title: str = DEFAULT_TITLE,
    tell: Callable[[str], None] = lambda text: None,
) -> int:
    """Write a page with everything it needs into a new folder, and return its size in bytes.

    Args:
        out: the folder; must not exist yet.
        entries: models that can be chosen there, at least one.
        workspace: where runtime, detector and exported files are.
        settings: what the page begins with; the first model and the defaults if not given.
        title: of the page.
        tell: called with what is being done.

    Raises:
        FerError: something is not installed, a model has no ONNX file, or the folder exists already or
            can't be written.
    """
    _check(entries)
    with atomic_directory(out) as folder:
        files: list[str] = []

        def publish(name: str, content: bytes) -> str:
            hashed = hash_name(name, content)
            if hashed not in files:
                tell(hashed)
                (folder / hashed).write_bytes(content)
                files.append(hashed)
            return hashed

        begin = settings or PageSettings(models=(entries[0].key,))
        page = build_page(entries, begin, workspace, publish, mode="alone", title=title, offline=_OFFLINE)
        (folder / "index.html").write_text(page, "utf-8")
        small = [name for name in files if not name.endswith(_LARGE) and not name.startswith(_RARE)]
        script = Template((ASSETS / _OFFLINE).read_text("utf-8")).substitute(
            version=hash_name("", page.encode()).strip("-."), files=json.dumps(["./", *small])
        )
        (folder / _OFFLINE).write_text(script, "utf-8")
        terms = "\n".join(map(describe_terms, entries))
        readme = Template(_README).substitute(title=title, licenses=LICENSES, terms=terms)
        (folder / "README.txt").write_text(readme, "utf-8")
        return sum(path.stat().st_size for path in folder.iterdir())


def _check(entries: Sequence[CheckpointEntry]) -> None:
    if not entries:
        raise ConfigError("no model was named; expected at least one")
    for entry in entries:
        require_kind(entry.info, "image")


def write_single_page(
    out: Path, entries: Sequence[CheckpointEntry], workspace: Workspace, *, title: str = DEFAULT_TITLE
) -> int:
    """Write the same as one HTML file, which works from a disk, too, and return its size in bytes.

    Args:
        out: the file, ending in `.html`; must not exist yet.
        entries: models that can be chosen there, at least one; the first is the one it begins with.
        workspace: where runtime, detector and exported files are.
        title: of the page.

    Raises:
        FerError: as for `write_bundle`.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{out} does not end in .html, so no browser would open it; name it page.html")
    if out.exists():
        raise ConfigError(f"{out} exists already; choose another name or remove it first")
    content = render_single_page(entries, workspace, title)
    write_bytes(out, content)
    return len(content)


def render_single_page(
    entries: Sequence[CheckpointEntry], workspace: Workspace, title: str = DEFAULT_TITLE
) -> bytes:
    """The content of such a file.

    Raises:
        FerError: as for `write_bundle`.
    """
    _check(entries)
    begin = PageSettings(models=(entries[0].key,))
    return build_single_page(entries, begin, workspace, title=title).encode()


def find_obstacle(entry: CheckpointEntry, workspace: Workspace) -> str:
    """Why no page can be made of a model here, and what to do; empty if one can."""
    try:
        require_runtime(workspace)
        require_file(YUNET, workspace)
        find_export(entry, workspace)
    except FerError as error:
        return str(error)
    return ""


def title_page(entry: CheckpointEntry) -> str:
    """The title of a page with one model."""
    return f"{DEFAULT_TITLE}: {entry.info.name}"


def zip_bundle(entry: CheckpointEntry, workspace: Workspace) -> bytes:
    """A page with one model as a zip archive.

    Raises:
        FerError: as for `write_bundle`.
    """
    with scratch_folder() as folder:
        write_bundle(folder / "page", [entry], workspace, title=title_page(entry))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:  # the large files are packed already, or don't shrink
            for path in sorted((folder / "page").iterdir()):
                archive.write(path, path.name)
    return buffer.getvalue()
