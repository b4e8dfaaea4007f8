"""What several commands do with the person at the terminal: ask, and write a table to a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.errors import ConfigError
from fer_core.io import write_text

if TYPE_CHECKING:
    import pandas as pd


def is_confirmed(question: str) -> bool:
    """Ask a question to which only `y` or `yes` is a yes.

    Raises:
        ConfigError: nobody is there to answer.
    """
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError as cause:
        raise ConfigError("nobody answered; give --yes to delete without being asked") from cause


def write_output(out: Path, text: str) -> None:
    """Write a text where the person asked for it, and print where.

    Raises:
        ConfigError: it can't be written there.
    """
    try:
        write_text(out, text)
    except OSError as cause:
        raise ConfigError(
            f"{out} can't be written: {cause.strerror or cause}; choose another place"
        ) from cause
    print(out)


def format_table(frame: "pd.DataFrame", suffix: str) -> str:
    """A table as the text of a `.csv` or `.json` file."""
    return frame.to_csv(index=False) if suffix == ".csv" else frame.to_json(orient="records", indent=2)
