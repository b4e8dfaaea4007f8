"""Handing on what a study found: as tables, or a file per recording in the format of another tool."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from fer_core.errors import ConfigError, StudyError
from fer_core.io import atomic_path, storage_errors
from fer_core.results import BatchWriter, find_format
from fer_core.scratch import scratch_folder
from fer_core.studies.analyzing import find_source
from fer_core.studies.faces import iterate_batches, load_faces, require_done
from fer_core.studies.formats import (
    ANNOTATION_FORMATS,
    Media,
    Source,
    build_intervals,
    describe_columns,
    from_events,
    place_dictionary,
    write_source,
)
from fer_core.studies.formats.tables import write_table as write_frame
from fer_core.studies.persons import list_parts
from fer_core.studies.state import read_state
from fer_core.studies.study import Study
from fer_core.studies.tables import list_rows
from fer_core.words import count as count_words
from fer_core.zip_file import write_zip_file

if TYPE_CHECKING:
    import pandas as pd

Part = Literal["faces", "recordings", "events"]
_NUMBER: Final[re.Pattern[str]] = re.compile(r"\d[\d,.]*( \w+)?")
"""A number in a sentence, with its noun, which may be of one or of many."""
PARTS: Final[tuple[Part, ...]] = ("faces", "recordings", "events")


def export_table(study: Study, part: Part, path: Path) -> None:
    """Write one table of a study, of what is done, and beside it what its columns mean.

    Args:
        study: to export.
        part: `faces` (a row per face and frame, with participant and condition; memory stays flat),
            `recordings` (with state and mean shares), or `events`.
        path: `.csv` or `.parquet`.

    Raises:
        StudyError: nothing is done yet, or a result can't be read.
        ConfigError: no table has that extension.
        StorageError: it can't be written.
    """
    find_format(path)
    if part == "faces":
        sample = _write_faces(study, path)
    else:
        sample = describe_recordings(study) if part == "recordings" else study.load_events()
        write_frame(sample, path)
    write_frame(describe_columns(sample).drop(columns="num_missing"), place_dictionary(path))


def _write_faces(study: Study, path: Path) -> "pd.DataFrame":
    """Write the faces of all recordings that are done; returns the first rows."""
    writer: BatchWriter | None = None
    first: pd.DataFrame | None = None
    with atomic_path(path) as temporary:
        for batch in iterate_batches(study, require_done(study)):
            if writer is None:
                first = batch.slice(0, 1000).to_pandas()
                writer = find_format(path).open(temporary, batch.schema)
            writer.write_batch(batch)
        assert writer is not None and first is not None
        writer.close()
    return first


def describe_recordings(study: Study) -> "pd.DataFrame":
    """The table of recordings with state, reason, what was found, and the mean share of each class."""
    import pandas as pd

    recordings = study.load_recordings()
    rows = []
    for state in read_state(study, recordings).recordings.values():
        found = state.summary
        row: dict[str, object] = {"state": state.state, "reason": state.reason}
        if found is not None:
            counts = {"num_tracks": found.num_faces, "num_empty_frames": found.num_empty_frames}
            row |= {**counts, **{f"mean {name}": share for name, share in found.mean_shares.items()}}
        rows.append(row)
    return pd.concat([recordings, pd.DataFrame(rows, index=recordings.index)], axis=1)


def export_files(
    study: Study, suffix: str, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> list[str]:
    """Write a file per recording that is done: the intervals of each face, and the coders' events.

    Args:
        study: to export.
        suffix: of another tool's format: `.eaf` and the like.
        folder: for the files, called after their recordings; made if it is missing. One that ends in `.zip`
            is a zip of them.
        on_progress: called with the number of files written, and of all.

    Returns:
        What the files could not hold, in words.

    Raises:
        StudyError: nothing is done yet, or a result can't be read.
        ConfigError: no format has that extension.
        StorageError: they can't be written.
    """
    if suffix.lower() not in ANNOTATION_FORMATS:
        raise ConfigError(f"unknown format {suffix!r}; expected one of {', '.join(ANNOTATION_FORMATS)}")
    if folder.suffix.lower() == ".zip":
        with scratch_folder() as place, atomic_path(folder) as temporary:
            zipped = export_files(study, suffix, place, on_progress)
            write_zip_file(temporary, {path.name: path for path in sorted(place.iterdir())})
        return zipped
    done, events = require_done(study), study.load_events()
    notes: dict[str, list[str]] = {}
    for number, row in enumerate(list_rows(done)):
        recording = row["recording"]
        for note in export_recording(
            study, row, events[events["recording"] == recording], folder / f"{recording}{suffix}"
        ):
            # One line for what was said of many recordings, with other numbers of each.
            kind = _NUMBER.sub("", note.replace(recording, ""))
            notes.setdefault(kind, []).append(f"{recording}: {note}")
        if on_progress:
            on_progress(number + 1, len(done))
    return [_tell_alike(alike) for alike in notes.values()]


def _tell_alike(notes: Sequence[str]) -> str:
    """What was said of several recordings: as of the first one."""
    if len(notes) == 1:
        return notes[0]
    return f"{notes[0]}; likewise of {count_words(len(notes) - 1, 'further recording')}"


def export_videos(
    study: Study,
    folder: Path,
    show: Sequence[str],
    on_progress: Callable[[float, float], None] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Write every recording that is done as a video in which all faces are hidden but those of some persons.

    Args:
        study: to export.
        folder: for the MP4 files, called after their recordings; made if it is missing.
        show: names of persons who agreed, as they were given on the page.
        on_progress: called with how much is done, in recordings, and the number of all.

    Returns:
        Whose faces are hidden, by recording.

    Raises:
        StudyError: nothing is done yet, a result can't be read, no face of the study has one of the names, or
            a recording is gone or another file now: it could show anybody.
        StorageError: the folder can't be made.
        MediaError: a recording can't be read, or a file can't be written.
    """
    from fer_core.studies.blurring import blur_video

    done = require_done(study)
    names = {key: {name for parts in list_parts(study, key).values() for _, name in parts}
             for key in done["recording"]}  # fmt: skip
    if unknown := [name for name in show if not any(name in known for known in names.values())]:
        raise StudyError(
            f"nobody is called {unknown[0]!r} in study {study.name!r}; name faces on its page first"
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    hidden = {}
    for number, row in enumerate(list_rows(done)):
        recording = row["recording"]

        def tell(frames: int, total: int, number: int = number) -> None:
            if on_progress is not None:
                on_progress(number + frames / max(1, total), len(done))

        faces = load_faces(study, recording)
        seen = set(faces["person"].dropna()) if "person" in faces else set()
        summary = blur_video(
            find_source(study, row["path"], row["sha256"]),
            faces,
            folder / f"{recording}.mp4",
            show=[name for name in show if name in seen],
            on_progress=tell,
        )
        hidden[recording] = summary.hidden
    return hidden


def export_recording(study: Study, row: "dict[str, object]", events: "pd.DataFrame", path: Path) -> list[str]:
    """Write one recording in another tool's format.

    Args:
        study: of which.
        row: of the table of recordings.
        events: of this recording.
        path: its extension says the format.

    Returns:
        What the file could not hold, in words.
    """
    import pandas as pd

    recording = str(row["recording"])
    faces = load_faces(study, recording)
    annotations = pd.concat([build_intervals(faces), from_events(events)], ignore_index=True)
    summary = read_state(study, pd.DataFrame([row])).recordings[recording].summary
    if summary is None:
        raise StudyError(f"{recording} is not done any more; run the study again")
    media = Media(
        name=str(study.locate(str(row["path"]))),
        fps=summary.fps,
        duration_s=float(row["duration_s"] or summary.duration_s),  # type: ignore[arg-type]
        width_px=summary.width_px,
        height_px=summary.height_px,
    )
    return write_source(Source(annotations=annotations, faces=faces), path, media=media)
