"""`fer browser-bundle`: a page without a server."""

import shlex
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.workspace import Workspace


def main(
    out: Annotated[Positional[Path], arg(metavar="OUT")],
    models: tuple[str, ...] = ("fer-small",),
    title: str = "Apparent expressions",
    one_file: bool = False,
) -> int:
    """Write a folder that any web server can serve, and that finds and reads faces in the visitor's browser.

    Nothing is sent anywhere: model, detector and onnxruntime-web are in the folder, the page may contact no
    other address, and works offline once it was loaded. `--one-file` puts all into one HTML file, which also
    works from a disk or a USB stick, by a double click. The page asks for consent before the camera starts,
    and the visitor can save the results as CSV. Needs `fer fetch yunet` and `fer fetch browser` first.

    Args:
        out: The folder, or the HTML file; must not exist yet.
        models: Models that can be chosen on the page; the first is the one it begins with.
        title: Title of the page.
        one_file: Write one HTML file in place of a folder.
    """
    from fer_core.browser.bundle import write_bundle, write_single_page
    from fer_core.checkpoint import find_checkpoint
    from fer_core.progress import keep_result

    workspace = Workspace.default()
    entries = [find_checkpoint(name, workspace) for name in dict.fromkeys(models)]
    with show_progress("writing the page") as show:
        if one_file:
            num_bytes = write_single_page(out, entries, workspace, title=title)
        else:
            num_bytes = write_bundle(out, entries, workspace, title=title, tell=lambda text: show(0, 0, text))
    keep_result({"num_bytes": num_bytes})
    if one_file:
        say(f"{out}: {num_bytes / 1e6:.1f} MB. Open it with a browser, or put it on any web server.")
        return 0
    command = f"python3 -m http.server --bind localhost --directory {shlex.quote(str(out))}"
    say(f"{out}: {num_bytes / 1e6:.1f} MB. Serve it, for example: {command}")
    return 0
