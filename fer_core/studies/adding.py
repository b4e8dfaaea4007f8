"""Adding recordings to a study, changing their facts, and taking them out."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import ConfigError, FerError, leave_out_path
from fer_core.io import sha256_file
from fer_core.studies.new_recordings import NewRecording, check_column
from fer_core.studies.path_endings import count_same
from fer_core.studies.study import RECORDINGS_FILE, Study
from fer_core.studies.tables import RECORDING_COLUMNS, list_rows, write_table

if TYPE_CHECKING:
    import pandas as pd

_MAX_ID: Final[int] = 80


@dataclass(frozen=True, slots=True)
class Added:
    """What became of files that were to be added."""

    recordings: tuple[str, ...]
    """Ids of those that are new."""
    known: tuple[str, ...]
    """Ids of those whose file was in the study already; their facts were brought up to date."""
    problems: Mapping[str, str]
    """Why which files are none."""
    changed: tuple[str, ...] = ()
    """Ids of those whose file is another now; the names of its faces were taken away, for others have their
    numbers."""
    moved: tuple[str, ...] = ()
    """Ids of those, among the known ones, whose file has another place or name now."""
    notes: tuple[str, ...] = ()
    """What to know of files that were added: named more than once, or copies of other recordings."""


def add_recordings(
    study: Study,
    files: Sequence[NewRecording],
    on_progress: Callable[[int, int], None] | None = None,
) -> Added:
    """Add files to a study. What is a recording of it already gets the facts that are named now.

    A file that was moved or renamed is still its recording, with its result, events and names: it has the
    content of one whose own file is gone.

    Args:
        study: to add to.
        files: each is opened, its first frame decoded, and its SHA-256 computed. One that is named more than
            once, also by links, is one recording; with facts that differ it is a problem, and not added.
        on_progress: called with the number of files done, and of all.

    Raises:
        ConfigError: an id is named twice, or can't be one.
        StudyError: the table is damaged, or is being changed by another process.
    """
    named: dict[Path, list[NewRecording]] = {}
    described = dict[str, dict[str, Any]]()
    problems = dict[str, str]()
    for item in files:
        try:
            named.setdefault(item.path.resolve(), []).append(item)
        except (OSError, RuntimeError) as error:  # links in a circle
            problems[str(item.path)] = str(error)
    for number, (path, items) in enumerate(named.items()):
        if on_progress:
            on_progress(number, len(named))
        try:
            _check_named(path, items)
            described[str(path)] = {**_describe(path), **items[0].facts, "_stem": items[0].stem or path.stem}
        except (FerError, OSError) as error:
            own = items[0].path
            # Where a link leads is worth telling; the name of the file itself stands before its problem.
            problems[str(own)] = leave_out_path(error, path) if own.name == path.name else str(error)
    with study.edit():
        added = _merge(study, described, problems)
        return replace(added, notes=(*_note_repeated(named, described), *_note_copies(study, added)))


def _check_named(path: Path, items: Sequence[NewRecording]) -> None:
    """Refuse a file that is named more than once, also by links, with facts that differ."""
    texts = dict.fromkeys(_show_facts(item.facts) for item in items)
    if len(texts) > 1:
        raise ConfigError(
            f"{path} is named {len(items)} times, with other facts: {'; '.join(texts)}. A file is one "
            "recording: name it once"
        )


def _show_facts(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={facts[name]}" for name in sorted(facts)) or "none"


def _note_repeated(named: Mapping[Path, Sequence[NewRecording]], described: Mapping[str, Any]) -> list[str]:
    return [
        f"{path} is named {len(items)} times; it counts once"
        for path, items in named.items()
        if len(items) > 1 and str(path) in described
    ]


def _note_copies(study: Study, added: Added) -> list[str]:
    """Which recordings that were named now are copies of others: perhaps by design, perhaps by mistake."""
    named = {*added.recordings, *added.known}
    by_content: dict[str, list[str]] = {}
    for row in list_rows(study.load_recordings()):
        by_content.setdefault(row["sha256"], []).append(row["recording"])
    return [
        f"{', '.join(names)} have the same content"
        for names in by_content.values()
        if len(names) > 1 and named & set(names)
    ]


def _describe(path: Path) -> dict[str, Any]:
    from fer_core.inference.video_reader import probe_video

    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}; expected a video")
    info = probe_video(path)
    return {
        "sha256": sha256_file(path),
        "size_bytes": path.stat().st_size,
        "num_frames": info.num_frames,
        "fps": info.fps,
        "duration_s": info.duration_s,
        "width_px": info.width_px,
        "height_px": info.height_px,
    }


def _merge(study: Study, described: Mapping[str, dict[str, Any]], problems: Mapping[str, str]) -> Added:
    import pandas as pd

    from fer_core.studies.persons import keep_names_of

    rows: list[dict[str, Any]] = list_rows(study.load_recordings())
    by_path = {str(study.locate(row["path"]).resolve()): row for row in rows}
    taken = {str(row["recording"]) for row in rows}
    moved = _find_moved(described, by_path)
    for path, row in moved.items():
        by_path[path] = row
        row["path"] = _store_path(study, path)
    new, known, changed = [], [], []
    for path, facts in described.items():
        stem = facts.pop("_stem")
        if (same := by_path.get(path)) is not None:
            known.append(str(same["recording"]))
            if same["sha256"] != facts["sha256"]:
                changed.append(str(same["recording"]))
            same.update({key: value for key, value in facts.items() if key != "recording"})
            continue
        key = _choose_id(facts.pop("recording", None), stem, taken)
        taken.add(key)
        new.append(key)
        rows.append({"recording": key, "path": _store_path(study, path), **facts})
    frame = pd.DataFrame(rows)
    for name in RECORDING_COLUMNS:
        if name not in frame:
            frame[name] = None
    if changed:
        keep_names_of(study, taken - set(changed))
    if rows:
        write_table(study.folder / RECORDINGS_FILE, frame, RECORDING_COLUMNS)
    names = tuple(str(row["recording"]) for row in moved.values())
    return Added(tuple(new), tuple(known), problems, tuple(changed), names)


def _store_path(study: Study, path: str) -> str:
    """How a file's path stands in the table: relative if it lies in the study, so that both move together."""
    folder = study.folder.resolve()
    return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path


def _is_gone(path: Path) -> bool:
    """Whether no file is there; one in a folder that this user must not enter may be."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _find_moved(
    described: Mapping[str, Mapping[str, Any]], by_path: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Files that are recordings from elsewhere: of the content of one whose own file is gone.

    Copies of a recording may have moved together: those whose paths end most alike are the same ones.
    """
    lost: dict[str, list[dict[str, Any]]] = {}
    for place, row in by_path.items():
        if place not in described and _is_gone(Path(place)):
            lost.setdefault(row["sha256"], []).append(row)
    pairs = [
        (count_same(Path(path).parts, Path(row["path"]).parts), path, row)
        for path, facts in described.items()
        if path not in by_path
        for row in lost.get(facts["sha256"], [])
    ]
    found, taken = dict[str, dict[str, Any]](), set[str]()
    for _, path, row in sorted(pairs, key=lambda pair: pair[0], reverse=True):
        if path not in found and row["recording"] not in taken:
            found[path] = row
            taken.add(row["recording"])
    return found


def _choose_id(asked: str | None, stem: str, taken: set[str]) -> str:
    """An id that is free; one that the user asked for must be."""
    # A letter with marks becomes the letter alone: Müller is Muller, however its file's system writes the ü.
    plain = asked or re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", stem))
    text = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-_")[-_MAX_ID:].strip("-_") or "recording"
    if asked is not None and (text != asked or text in taken):
        why = "is taken" if text == asked else "can't be one"
        raise ConfigError(
            f"recording {asked[:80]!r} {why}; expected a free name of letters, digits, '_' and '-'"
        )
    key, number = text, 1
    while key in taken:
        number += 1
        key = f"{text}-{number}"
    return key


def change_facts(study: Study, facts: "pd.DataFrame") -> None:
    """Set participant, condition and further columns of recordings.

    Args:
        study: to change.
        facts: with the column `recording` and those to set.

    Raises:
        ConfigError: a column can't be set.
        StudyError: a recording is unknown, or the table is being changed by another process.
    """
    names = [str(name) for name in facts.columns if name != "recording"]
    with study.edit():
        frame = study.load_recordings().set_index("recording")
        for name in names:
            # Columns of a study that is there keep the names that they have.
            if name not in frame or name in RECORDING_COLUMNS:
                check_column(name)
        given = facts.set_index("recording")
        study.check_recordings(given.index)
        for name in names:
            column = frame[name].copy() if name in frame else None
            if column is None:
                import pandas as pd

                column = pd.Series(pd.NA, index=frame.index, dtype="string")
            column.loc[given.index] = given[name].astype("string").replace("", None)
            frame[name] = column
        write_table(study.folder / RECORDINGS_FILE, frame.reset_index(), RECORDING_COLUMNS)


def remove_recordings(study: Study, recordings: Sequence[str]) -> None:
    """Take recordings out of a study, with their results and events; their files stay where they are.

    Raises:
        StudyError: one is unknown, or the study is being run or changed by another process.
    """
    import shutil

    from fer_core.studies.events import keep_events_of
    from fer_core.studies.persons import keep_names_of
    from fer_core.studies.state import failure_file

    with study.claim(), study.edit():
        frame = study.load_recordings()
        study.check_recordings(recordings)
        left = frame[~frame["recording"].isin(recordings)]
        write_table(study.folder / RECORDINGS_FILE, left, RECORDING_COLUMNS)
        keep_events_of(study, set(left["recording"]))
        keep_names_of(study, set(left["recording"]))
        for recording in recordings:
            shutil.rmtree(study.result_folder(recording), ignore_errors=True)
            shutil.rmtree(study.stretches_folder(recording), ignore_errors=True)
            failure_file(study, recording).unlink(missing_ok=True)
