"""What separates the columns of a text table: told by its header, not by the name of the file."""

import csv
import io
from collections.abc import Callable
from typing import Final

DELIMITERS: Final[str] = ",;\t|"
"""In the order in which they are tried."""


def drop_separator_line(text: str) -> str:
    """A table's text without the line `sep=;` that spreadsheets write before the header for themselves."""
    return text.partition("\n")[2] if text.lower().startswith("sep=") else text


def split_header(text: str, delimiter: str) -> list[str]:
    """The names of the columns of a table's text, without space around them; none if it is empty.

    Raises:
        csv.Error: the first line is no CSV.
    """
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    return [name.strip() for name in first]


def find_delimiter(text: str, accepts: Callable[[list[str]], bool]) -> str | None:
    r"""The first delimiter with which the header is accepted; None if there is none.

    Args:
        text: of the table, with a header.
        accepts: whether these can be the names of its columns.

    Raises:
        csv.Error: the first line is no CSV.

    Examples:
        >>> find_delimiter("start_s;code, or so\n", lambda header: "start_s" in header)
        ';'
    """
    return next((sign for sign in DELIMITERS if accepts(split_header(text, sign))), None)
