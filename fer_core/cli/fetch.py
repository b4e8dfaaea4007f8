"""`fer fetch`: download a file that does not ship with the program."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.workspace import Workspace


def main(
    name: Annotated[Positional[str], arg(metavar="NAME")] = "yunet",
    from_file: Path | None = None,
) -> int:
    """Download a file into the workspace and check its SHA-256; nothing is downloaded unless you ask.

    Args:
        name: What to fetch: yunet, the better face detector (230 KB, MIT licence).
        from_file: Install this copy, downloaded by hand, instead of downloading it.
    """
    from rich.progress import Progress

    from fer_core.inference.downloads import REMOTE_FILES, fetch_file, install_file

    workspace = Workspace.default()
    file = REMOTE_FILES[name]
    if from_file is not None:
        path = install_file(file, workspace, from_file)
    else:
        with Progress(transient=True) as bars:
            task = bars.add_task(f"downloading {file.title}", total=file.num_bytes)
            path = fetch_file(
                file, workspace, progress=lambda done, total: bars.update(task, completed=done, total=total)
            )
    print(f"{file.title} is at {path} (SHA-256 verified, licence {file.license})")
    return 0
