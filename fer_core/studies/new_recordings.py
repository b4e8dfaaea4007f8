"""Which files are to become recordings: those of a folder whose names fit a pattern, or of a CSV."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fer_core.data.delimiters import drop_separator_line, find_delimiter
from fer_core.errors import ConfigError, DataError
from fer_core.studies.tables import RECORDING_COLUMNS, list_rows
from fer_core.workspace import expand_home

OWN_FIELDS: Final[tuple[str, ...]] = ("recording", "participant", "condition")
"""Columns that the user fills; further ones may be added."""
_OURS: Final[frozenset[str]] = frozenset(
    {"state", "reason", "why", "num_tracks", "num_empty_frames", "_stem"}
)
"""Columns that exports and the page add, and the one that `add_recordings` uses."""
_FIELD: Final[re.Pattern[str]] = re.compile(r"\{([^{}]*)\}")
_NAME: Final[re.Pattern[str]] = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecording:
    """A file that is to become a recording."""

    path: Path
    facts: Mapping[str, str] = field(default_factory=dict)
    """Values of columns by name."""
    stem: str = ""
    """What its id is made of; the file's name without its ending if empty."""


def find_files(folder: Path, pattern: str) -> list[NewRecording]:
    """The files below a folder whose path fits a pattern, by name.

    Args:
        folder: to search.
        pattern: a path relative to it, such as `{participant}/{condition}/*.mp4`: `{name}` is a column of the
            table of recordings and stands for any characters but a slash, as `*` does; `**/` stands for any
            folders, none included.

    Returns:
        Files, and what only has the name of one: dead links, pipes, folders called such as `a.mp4`. Adding
        these says what they are.

    Raises:
        ConfigError: the pattern is none, or nothing fits.

    Examples:
        >>> _compile("{participant}_{condition}.mp4").fullmatch("p01_neutral.mp4").groupdict()
        {'participant': 'p01', 'condition': 'neutral'}
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is {'a file' if folder.exists() else 'missing'}; expected a folder")
    from fer_core.inference.video_reader import VIDEO_SUFFIXES

    expression = _compile(pattern)
    found, folders = list[NewRecording](), list[str]()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        match = expression.fullmatch(name)
        if not match or any(part.startswith(".") for part in name.split("/")):
            continue
        if path.is_dir() and path.suffix.lower() not in VIDEO_SUFFIXES:
            folders.append(name)
            continue
        found.append(NewRecording(path=path, facts=match.groupdict(), stem=str(Path(name).with_suffix(""))))
    if not found:
        only = f" (only folders do, such as {folders[0]})" if folders else ""
        raise ConfigError(
            f"no file below {folder} fits {pattern!r}{only}; expected such as p01/neutral/1.mp4"
        )
    return found


def refuse_pattern(path: Path) -> None:
    """Say how a pattern is given, where one takes the place of a file.

    Raises:
        ConfigError: nothing is called so, and it has braces or wildcards.
    """
    wild = [place for place, part in enumerate(path.parts) if set(part) & set("{*?")]
    if wild and not path.exists():
        folder, pattern = Path(*path.parts[: wild[0]]), Path(*path.parts[wild[0] :]).as_posix()
        raise ConfigError(
            f"there is no file {path}; a pattern goes with a folder: --folder {folder} --pattern '{pattern}'"
        )


def _compile(pattern: str) -> re.Pattern[str]:
    parts, place, names = [], 0, set[str]()
    for match in _FIELD.finditer(pattern):
        parts.append(_translate(pattern[place : match.start()]))
        name = check_column(match[1])
        if name in names:
            raise ConfigError(f"pattern {pattern!r} names {name!r} twice")
        names.add(name)
        parts.append(f"(?P<{name}>[^/]+?)")
        place = match.end()
    parts.append(_translate(pattern[place:]))
    if "{" in _FIELD.sub("", pattern) or "}" in _FIELD.sub("", pattern) or not pattern:
        raise ConfigError(
            f"pattern {pattern!r} can't be read; expected such as {{participant}}/{{condition}}.mp4"
        )
    return re.compile("".join(parts))


def _translate(text: str) -> str:
    pieces = re.split(r"(\*\*/|\*|\?)", text)
    wild = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(piece) or re.escape(piece) for piece in pieces)


def check_column(name: str) -> str:
    """The name of a column that the user fills.

    Raises:
        ConfigError: it holds anything but letters, digits and '_', is filled by the program, or differs from
            a name that has a meaning in capitals only.
    """
    taken = [*(own for own in RECORDING_COLUMNS if own not in OWN_FIELDS), *sorted(_OURS)]
    meant = {own.lower(): own for own in (*OWN_FIELDS, *taken)}.get(name.lower(), name)
    if meant != name:
        advice = f"write {meant!r}" if meant in OWN_FIELDS else "choose another name"
        raise ConfigError(f"column {name!r} differs from {meant!r} in capitals only; {advice}")
    if not _NAME.fullmatch(name) or name in taken:
        raise ConfigError(
            f"{name[:80]!r} can't be a column of yours; use letters, digits and '_', and none of: "
            f"{', '.join(taken)}"
        )
    return name


def read_list(path: Path) -> list[NewRecording]:
    """The recordings that a CSV lists: its column `path` (relative to the CSV), and columns of facts.

    Raises:
        ConfigError: it can't be read, or lacks the column.
    """
    import pandas as pd

    from fer_core.studies.formats.annotations import read_text

    try:
        text = drop_separator_line(read_text(path))
        delimiter = find_delimiter(text, lambda header: "path" in header)
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter or ",",
            dtype="string",
            keep_default_na=False,
            skipinitialspace=True,
        )
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("its rows have more cells than its header")
    except DataError as error:
        raise ConfigError(str(error)) from error
    except (csv.Error, ValueError) as cause:
        raise ConfigError(f"{path} can't be read as a CSV: {cause}") from cause
    names = [str(name) for name in frame.columns]
    if "path" not in names:
        raise ConfigError(f"{path} has the columns {', '.join(names)}; expected one called path")
    facts = [check_column(name) for name in names if name != "path"]
    rows = list_rows(frame)
    if empty := [number for number, row in enumerate(rows, 1) if not row["path"]]:
        raise ConfigError(f"{path}, row {empty[0]} has no path; name the file, or remove the row")
    return [
        NewRecording(
            path=path.parent / expand_home(row["path"]),
            facts={name: row[name] for name in facts if row[name]},
        )
        for row in rows
    ]
