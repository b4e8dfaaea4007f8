"""`fer label`: the page where faces of a collection are labelled."""

from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say
from fer_core.words import count


def main(
    name: Annotated[Positional[str], arg(metavar="NAME")], *, port: int | None = None, browser: bool = True
) -> int:
    """Open the dashboard at the page where the faces of a collection are labelled, by key.

    It listens on this machine only; Ctrl-C ends it. Every label is saved as its key is pressed.

    Args:
        name: Of the collection; `fer collect` makes one.
        port: Where it listens; 8501, or the next that is free, if not given.
        browser: Open a browser.
    """
    from fer_core.cli.app import open_dashboard
    from fer_core.collecting import load_collection
    from fer_core.workspace import Workspace

    collection = load_collection(Workspace.default(), name)
    say(f"{collection.name}: {count(len(collection.load_faces()), 'face')}")
    return open_dashboard(port=port, browser=browser, page=f"label?collection={name}")
