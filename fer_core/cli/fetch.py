"""`fer fetch`: download a file that does not ship with the program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from tyro.conf import Positional, arg

from fer_core.browser.runtime import (
    LICENSE,
    NUM_BYTES,
    PACKAGE,
    VERSION,
    fetch_runtime,
    install_runtime,
)
from fer_core.cli.terminal import say, show_progress
from fer_core.errors import ConfigError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.inference.downloads import RemoteFile

BROWSER: Final[str] = "browser"


def _list_files() -> "dict[str, RemoteFile]":
    from fer_core.inference.detectors import DETECTORS

    return {name: file for name in DETECTORS if (file := DETECTORS[name].file) is not None}


def _describe_names() -> str:
    files = _list_files().values()
    known = [f"{file.name} ({file.num_bytes / 1e3:,.0f} KB, licence {file.license})" for file in files]
    return (
        f"What to fetch. A face detector's file: {', '.join(known)}. Or {BROWSER}: {PACKAGE} {VERSION}, "
        f"which computes in a visitor's browser ({NUM_BYTES / 1e6:,.0f} MB by npm, licence {LICENSE})."
    )


def main(
    name: Annotated[Positional[str], arg(metavar="NAME", help=_describe_names)] = "yunet",
    from_file: Path | None = None,
) -> int:
    """Download a file into the workspace and check its SHA-256; nothing is downloaded unless you ask.

    Args:
        name: What to fetch.
        from_file: Install this copy, downloaded by hand, instead of downloading it.
    """
    from fer_core.inference.downloads import fetch_file, install_file

    workspace = Workspace.default()
    if name == BROWSER:
        return _get_runtime(workspace, from_file)
    files = _list_files()
    if name not in files:
        raise ConfigError(f"{name!r} can't be fetched; expected {', '.join((*files, BROWSER))}")
    file = files[name]
    if from_file is not None:
        path = install_file(file, workspace, from_file)
    else:
        with show_progress(f"downloading {file.title}") as show:
            path = fetch_file(file, workspace, progress=show)
    say(f"{file.title} is at {path} (SHA-256 verified, licence {file.license})")
    return 0


def _get_runtime(workspace: Workspace, package: Path | None) -> int:
    with show_progress(f"getting {PACKAGE}") as show:
        if package is not None:
            found = install_runtime(workspace, package)
        else:
            found = fetch_runtime(workspace, tell=lambda text: show(0, 0, text))
    say(f"{PACKAGE} {VERSION} is in {found.script.parent} (SHA-256 verified, licence {LICENSE})")
    return 0
