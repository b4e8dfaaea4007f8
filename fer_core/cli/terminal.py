"""What several commands do at the terminal: ask, tell how far they are, write a table to a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fer_core.errors import ConfigError
from fer_core.escaping import escape_unseen
from fer_core.io import write_text
from fer_core.progress import Progress, Report, get_audience
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from tyro.extras import SubcommandApp


def say(text: object = "", *, file: IO[str] | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print a text, the only way: no foreign name in it moves the cursor or clears the screen."""
    print(escape_unseen(str(text)), file=file, end=end, flush=flush)


def build_console(*, stderr: bool = False, width: int | None = None) -> "Console":
    """A console for tables and bars that takes texts as they are: no markup, emoji or control characters."""
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(escape_unseen(text), **options)

    return PlainConsole(stderr=stderr, width=width, markup=False, emoji=False)


def describe_detectors() -> str:
    """Help of `--detector`, with those of installed packages."""
    from fer_core.inference.detectors import DETECTORS

    return (
        f"Face detector: {', '.join(DETECTORS)}. The best that is installed, if not given; whole-image is "
        "for pictures that are cropped to one face already."
    )


def pick_detector(name: str | None, workspace: Workspace) -> str:
    """The detector that was asked for; otherwise the best there is, with a line where it is not the best."""
    from fer_core.inference.detectors import prepare_detector

    if name is not None:
        return name
    choice = prepare_detector(workspace, lambda line: say(line, file=sys.stderr))
    if choice.note:
        say(choice.note, file=sys.stderr)
    return choice.name


def run_subcommand(app: "SubcommandApp", prog: str, description: str, arguments: list[str]) -> int:
    """Run one of the subcommands of `app`; without one, `list`."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["list", *arguments]
    return int(app.cli(prog=prog, description=description, args=arguments) or 0)


def is_confirmed(question: str) -> bool:
    """Ask a question to which only `y` or `yes` is a yes.

    Raises:
        ConfigError: nobody is there to answer.
    """
    try:
        return input(escape_unseen(question)).strip().lower() in ("y", "yes")
    except EOFError as cause:
        raise ConfigError("nobody answered; give --yes to delete without being asked") from cause


@contextmanager
def show_progress(title: str, *, part: int = 0, of: int = 1) -> Iterator[Report]:
    """Yield what takes a command's reports: for a bar on stderr, or for the page that waits for it.

    Args:
        title: what is done, until a report says it in words of its own.
        part: which of several equal parts of the command this is, from 0; each has a bar of its own.
        of: how many parts there are; a page shows them as one.
    """
    audience = get_audience()
    if audience is None:
        with _draw_bar(title) as draw:
            yield draw
        return
    last = title

    def tell(done: float, total: float, text: str = "") -> None:
        nonlocal last
        last = text or last
        if of > 1:
            done, total = part + (done / total if total else 0.0), of
        audience.tell(Progress(done, total, last))

    tell(0, 0)
    yield tell


@contextmanager
def _draw_bar(title: str) -> Iterator[Report]:
    from rich.markup import escape
    from rich.progress import Progress as Bar

    console = build_console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def draw(done: float, total: float, text: str = "") -> None:
            words = escape(escape_unseen(text)) or None
            bar.update(task, completed=done, total=total or None, description=words)

        yield draw


def refuse_existing(*paths: Path, overwrite: bool) -> None:
    """Refuse to write where something is already.

    Raises:
        ConfigError: one of the paths exists, and the user did not say `--overwrite`.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; choose another name, or add --overwrite")


def write_output(out: Path, text: str) -> None:
    """Write a text where the user asked for it, and print where.

    Raises:
        ConfigError: it can't be written there.
    """
    try:
        write_text(out, text)
    except OSError as cause:
        raise ConfigError(
            f"{out} can't be written: {cause.strerror or cause}; choose another place"
        ) from cause
    say(out)


def format_table(frame: "pd.DataFrame", suffix: str) -> str:
    """A table as the text of a `.csv` or `.json` file."""
    from fer_core.results import format_frame

    return format_frame(frame) if suffix == ".csv" else frame.to_json(orient="records", indent=2)
