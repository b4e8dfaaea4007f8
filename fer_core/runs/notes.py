"""What a person writes beside a run: tags, notes and a title."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError, RunError
from fer_core.io import read_record, write_json
from fer_core.runs.records import Notes
from fer_core.titles import NOTES_FILE, clean_title
from fer_core.workspace import Workspace

MAX_TAGS: Final[int] = 20
MAX_TAG_LENGTH: Final[int] = 40
MAX_NOTES_LENGTH: Final[int] = 20_000


def clean_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags without surrounding space, empty ones and repeats, in the given order.

    Raises:
        ConfigError: too many, too long, or with a line break or comma inside.

    Examples:
        >>> clean_tags([" baseline ", "", "baseline", "paper"])
        ('baseline', 'paper')
    """
    cleaned = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    for tag in cleaned:
        if len(tag) > MAX_TAG_LENGTH or "," in tag or not tag.isprintable():
            raise ConfigError(
                f"tag {tag!r} can't be used; expected at most {MAX_TAG_LENGTH} printable characters "
                "without a comma"
            )
    if len(cleaned) > MAX_TAGS:
        raise ConfigError(f"{len(cleaned)} tags; expected at most {MAX_TAGS}")
    return cleaned


def save_notes(folder: Path, tags: Sequence[str], notes: str) -> Notes:
    """Replace tags and notes of the run in `folder`, and return them as written.

    Raises:
        ConfigError: a tag or the notes can't be used.
        RunError: they can't be written.
    """
    cleaned = replace(_load_if_whole(folder), tags=clean_tags(tags), notes=notes.strip())
    if len(cleaned.notes) > MAX_NOTES_LENGTH:
        raise ConfigError(
            f"the notes have {len(cleaned.notes)} characters; expected at most {MAX_NOTES_LENGTH}"
        )
    return _save(folder, cleaned)


def rename_run(name: str, title: str, workspace: Workspace) -> Notes:
    """Give a run another name for people to read; its folder keeps its own, which models and addresses hold.

    Args:
        name: of the run's folder.
        title: what it is called from now on; empty for the folder's name.
        workspace: where it is.

    Raises:
        ConfigError: another run is called so, or the title can't be used.
        RunError: there is no such run, or it can't be written.
    """
    folder = workspace.run(name)
    return _save(folder, replace(_load_if_whole(folder), title=clean_title(title, name, workspace)))


def _load_if_whole(folder: Path) -> Notes:
    """What is there; nothing if it is damaged, for whoever saves replaces it."""
    try:
        return load_notes(folder)
    except RunError:
        return Notes()


def _save(folder: Path, notes: Notes) -> Notes:
    if not folder.is_dir():
        raise RunError(f"there is no run {folder.name!r} any more; its notes can't be saved")
    try:
        write_json(folder / NOTES_FILE, notes)
    except OSError as cause:
        raise RunError(f"the notes of run {folder.name!r} can't be saved: {cause}") from cause
    return notes


def load_notes(folder: Path) -> Notes:
    """Tags and notes of the run in `folder`; empty if there are none.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / NOTES_FILE
    if not path.is_file():
        return Notes()
    return read_record(path, Notes, RunError, advice="save tags and notes anew")
