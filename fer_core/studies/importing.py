"""Events of other tools, as a study takes them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fer_core.errors import StudyError
from fer_core.studies.formats import ANNOTATION_FORMATS, read_source, read_table, to_events
from fer_core.studies.formats.label_studio import get_video, match_video, read_task, read_tasks
from fer_core.studies.media import describe_media
from fer_core.studies.study import Study
from fer_core.studies.tables import list_rows
from fer_core.words import count

if TYPE_CHECKING:
    import pandas as pd

_MAX_NAMED = 5


class FoundEvents(NamedTuple):
    """What a file held."""

    table: "pd.DataFrame"
    """With the columns of `events.parquet`."""
    notes: tuple[str, ...] = ()
    """What was left out, in words."""


def read_events(path: Path, recording: str = "", study: Study | None = None) -> FoundEvents:
    """The events of a file.

    Args:
        path: of ELAN, Praat, WebVTT, SRT or Label Studio, or a table.
        recording: which one they belong to; a table may say so in a column of its own, and a project of Label
            Studio by the names of its videos.
        study: whose recordings the videos of such a project are. With it, `recording` picks that one's tasks.

    Raises:
        DataError: the file can't be read, or holds faces without expressions.
        StudyError: it is not said which recording the events belong to.
    """
    suffix = path.suffix.lower()
    if study is not None and suffix == ".json" and not (recording and len(read_tasks(path)) == 1):
        return _read_project(path, recording, study)
    if suffix not in ANNOTATION_FORMATS:
        table = read_table(path)
        if "recording" in table and not recording:
            return FoundEvents(table)
    if not recording:
        raise StudyError(f"{path.name} does not say which recording its events belong to; name it")
    return FoundEvents(to_events(read_source(path).require_annotations(), recording))


def is_project(path: Path) -> bool:
    """Whether a file is an export of Label Studio with several tasks, which can be of several recordings.

    Raises:
        DataError: it is no JSON.
    """
    return path.suffix.lower() == ".json" and len(read_tasks(path)) > 1


def _read_project(path: Path, recording: str, study: Study) -> FoundEvents:
    """Events of the tasks whose videos are recordings of the study, or the one called `recording`."""
    import pandas as pd

    paths = {row["recording"]: row["path"] for row in list_rows(study.load_recordings())}
    if recording:
        study.check_recordings([recording])
    found, waiting, others = list[pd.DataFrame](), list[str](), list[str]()
    for task in read_tasks(path):
        said = get_video(task)
        name = _choose_recording(said, match_video(said, paths), recording)
        if name is None:
            others.append(said or "a task without a video")
            continue
        annotations = read_task(task, path, partial(describe_media, study.locate(paths[name])))
        if annotations is None:
            waiting.append(name)
        else:
            found.append(to_events(annotations, name))
    if not found:
        whose, names = recording or "a recording of the study", _list_some(waiting or others)
        why = f"nothing is submitted of {names}" if waiting else f"its tasks are of {names or 'nothing'}"
        raise StudyError(f"{path.name} has no submitted annotation of {whose}: {why}")
    notes = []
    if waiting:
        notes.append(f"Nothing is submitted yet of {_list_some(waiting)}")
    if others and not recording:
        notes.append(f"Left out: {count(len(others), 'task')} of no recording here, {_list_some(others)}")
    return FoundEvents(pd.concat(found, ignore_index=True), tuple(notes))


def _choose_recording(said: str, fits: list[str], wanted: str) -> str | None:
    if wanted:
        return wanted if wanted in fits else None
    if len(fits) > 1:
        raise StudyError(
            f"the video {said} of a task could be that of {_list_some(fits)}; name the recording (fer study "
            "events --recording), or keep the folders in the path of the task's video"
        )
    return fits[0] if fits else None


def _list_some(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")
