"""What people call runs: short names of folders, and titles that a person gave later."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError, FerError
from fer_core.io import read_json, read_record, write_json
from fer_core.workspace import Workspace, validate_name

NOTES_FILE: Final[str] = "notes.json"
MAX_TITLE_LENGTH: Final[int] = 60
NUMBERED: Final[str] = "-#"
"""End of a name that stands for the next free number: `quick-#` becomes `quick-1`, then `quick-2`."""
_NUMBERS_FILE: Final[str] = "run-numbers.json"
_STAMPED: Final[re.Pattern[str]] = re.compile(r"\d{8}T\d{6}-(.+-[0-9a-f]{4})")
"""Names of runs that older versions made: time, model, data set and a random part."""


@dataclass(frozen=True, slots=True)
class _Titled:
    title: str = ""


def name_after(text: str) -> str:
    """Name of a run that is made after a preset, a network or another run, with its number open.

    What no folder can be called (the slash of `timm/resnet18`) becomes a hyphen, and long names are cut.

    Examples:
        >>> name_after("quick"), name_after("quick-12"), name_after("timm/resnet18.a1_in1k")
        ('quick-#', 'quick-#', 'timm-resnet18.a1_in1k-#')
    """
    base = re.sub(r"-\d+$", "", shorten_name(text))
    base = re.sub(r"[^A-Za-z0-9_.]+|\.{2,}", "-", base).strip("-._")[:60]
    return (base or "run") + NUMBERED


def shorten_name(name: str) -> str:
    """The name of a run without the time that older versions put before it.

    Examples:
        >>> shorten_name("20261121T083000-fer_resnet-faces-ab12"), shorten_name("quick-1")
        ('fer_resnet-faces-ab12', 'quick-1')
    """
    found = _STAMPED.fullmatch(name)
    return found[1] if found else name


def iterate_free_names(name: str, workspace: Workspace) -> Iterator[str]:
    """The names that a new run may have: `name` alone, or with the free numbers in their order.

    A number that was in use is not given again, even if its run is gone: addresses and models may name it.

    Raises:
        ConfigError: it can't be the name of a run.
    """
    base = name.removesuffix(NUMBERED)
    validate_name(base, "run")
    if base == name:
        yield name
        return
    number = max(_read_numbers(workspace).get(base, 0), *_list_numbers(base, workspace), 0)
    while True:
        number += 1
        yield f"{base}-{number}"


def remember_number(name: str, workspace: Workspace) -> None:
    """Never give the number of this new run again.

    Raises:
        StorageError: it can't be written.
    """
    base, _, number = name.rpartition("-")
    if base and number.isdecimal() and len(number) < 10:
        numbers = _read_numbers(workspace)
        write_json(workspace.root / _NUMBERS_FILE, {**numbers, base: max(int(number), numbers.get(base, 0))})


def _read_numbers(workspace: Workspace) -> dict[str, int]:
    """The highest number so far, by name without it; a lost file costs no more than a reused number."""
    with contextlib.suppress(FerError):
        values = read_json(workspace.root / _NUMBERS_FILE, FerError)
        return {key: value for key, value in values.items() if isinstance(value, int) and value < 10**9}
    return {}


def _list_numbers(base: str, workspace: Workspace) -> list[int]:
    pattern = re.compile(re.escape(base) + r"-(\d{1,9})")
    found = [pattern.fullmatch(name) for name in _list_folders(workspace)]
    return [int(match[1]) for match in found if match]


def _list_folders(workspace: Workspace) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(workspace.runs) if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_title(folder: Path) -> str:
    """What the run in `folder` is called where people read it: its title, or else its short name."""
    with contextlib.suppress(FerError):
        path = folder / NOTES_FILE
        if path.is_file():
            title = read_record(path, _Titled, FerError, advice="").title
            return title or shorten_name(folder.name)
    return shorten_name(folder.name)


def find_titled_run(text: str, workspace: Workspace) -> Path | None:
    """Folder of the only run with this name, title or short name; None if there is none."""
    names = _list_folders(workspace)
    if text in names:
        return workspace.runs / text
    found = [name for name in names if text and read_title(workspace.runs / name) == text]
    return workspace.runs / found[0] if len(found) == 1 else None


def clean_title(title: str, name: str, workspace: Workspace) -> str:
    """A title as the run called `name` may have it; empty for none.

    Raises:
        ConfigError: it is too long, holds what can't be typed or told apart, or another run is called so.
    """
    title = " ".join(title.split())
    if title in (name, shorten_name(name)):
        return ""
    if len(title) > MAX_TITLE_LENGTH or not title.isprintable() or title.startswith(("-", ".")):
        raise ConfigError(
            f"a run can't be called {title[:80]!r}; expected at most {MAX_TITLE_LENGTH} printable "
            "characters, the first of them neither '-' nor '.'"
        )
    if "/" in title or "\\" in title:
        raise ConfigError(f"a run can't be called {title!r}: it holds a slash, as paths do")
    for other in _list_folders(workspace):
        taken = (other, read_title(workspace.runs / other))
        if title and other != name and title.casefold() in [text.casefold() for text in taken]:
            raise ConfigError(f"there is a run {title!r} already; choose another name")
    return title
