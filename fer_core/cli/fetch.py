"""`fer fetch`: download a file that does not ship with the program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.errors import ConfigError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.inference.downloads import RemoteFile


def _list_files() -> "dict[str, RemoteFile]":
    from fer_core.inference.detectors import DETECTORS

    return {name: file for name in DETECTORS if (file := DETECTORS[name].file) is not None}


def _describe_names() -> str:
    files = _list_files().values()
    known = [f"{file.name} ({file.num_bytes / 1e3:,.0f} KB, licence {file.license})" for file in files]
    return f"The face detector whose file to fetch: {', '.join(known)}."


def main(
    name: Annotated[Positional[str], arg(metavar="NAME", help=_describe_names)] = "yunet",
    from_file: Path | None = None,
) -> int:
    """Download a file into the workspace and check its SHA-256; nothing is downloaded unless you ask.

    Args:
        name: The face detector whose file to fetch.
        from_file: Install this copy, downloaded by hand, instead of downloading it.
    """
    from fer_core.inference.downloads import fetch_file, install_file

    workspace = Workspace.default()
    files = _list_files()
    if name not in files:
        raise ConfigError(f"{name!r} is no detector with a file to fetch; expected {', '.join(files)}")
    file = files[name]
    if from_file is not None:
        path = install_file(file, workspace, from_file)
    else:
        with show_progress(f"downloading {file.title}") as show:
            path = fetch_file(file, workspace, progress=show)
    say(f"{file.title} is at {path} (SHA-256 verified, licence {file.license})")
    return 0
