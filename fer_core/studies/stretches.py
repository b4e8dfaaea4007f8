"""Long recordings in stretches, read side by side and joined to what reading them as a whole gives.

A recording is searched and classified anew at every `SEGMENT_S`, so what is found from there on depends on
what was before by the followed boxes and smoothed probabilities alone, and both forget. A stretch is read
from some segments before its beginning; when it begins, it finds what the one before it found. There faces
are joined.
"""

import itertools
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import StudyError
from fer_core.inference.tracker import assign, compute_iou
from fer_core.inference.video_types import VideoInfo
from fer_core.io import atomic_directory, read_record, write_json
from fer_core.results import name_columns
from fer_core.studies.analyzing import (
    Job,
    analyze,
    build_stream,
    find_reason,
    find_source,
    say_who,
    summarise,
)
from fer_core.studies.state import failure_file, is_current, read_summary
from fer_core.studies.study import SUMMARY_FILE, TABLE_FILE, AnalysisSettings, Study
from fer_core.types import FaceBox

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from fer_core.inference.video_summary import VideoSummary

STRETCH_S: Final[float] = 300.0
"""Length of a stretch; the last one is up to twice as long. A multiple of `SEGMENT_S`."""
_SETTLE_S: Final[float] = 12.0
"""Until boxes agree whatever they were before: each search halves what is left of a difference, and there are
at least two a second."""
_SETTLE_TIMES: Final[float] = 16.0
"""Until smoothed probabilities do, in time constants: exp(-16) is 1e-7."""
_COMPARED_S: Final[float] = 2.0
"""Faces of two stretches are the same if they agree in what both read last. Unseen ones are kept for 1 s."""
_SAME_IOU: Final[float] = 0.5
_PLACE: Final[tuple[str, ...]] = ("frame", "time_s", "track_id", "x", "y", "width", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """stretch.json: what was found in a stretch."""

    schema_version: int = 1
    sha256: str
    settings: AnalysisSettings
    stretch_s: float
    classes: tuple[str, ...]
    source: VideoInfo
    num_damaged: int
    file_notes: tuple[str, ...]


def plan_stretches(job: Job) -> list[tuple[float, float]]:
    """From when to before when each stretch goes, in seconds; empty where a recording is read as a whole."""
    number = int(job.duration_s // STRETCH_S)
    # A voice is heard in the whole, and fused with a face over the cut.
    if number < 2 or job.settings.voice or _warm_up_s(job.settings) > STRETCH_S / 2:
        return []
    ends = [*(STRETCH_S * count for count in range(1, number)), math.inf]
    return list(zip([0.0, *ends], ends, strict=False))


def _warm_up_s(settings: AnalysisSettings) -> float:
    from fer_core.inference.video import SEGMENT_S

    return math.ceil((_SETTLE_S + _SETTLE_TIMES * settings.smoothing_s) / SEGMENT_S) * SEGMENT_S


def _first_s(job: Job, span_s: tuple[float, float]) -> float:
    """From when a stretch is read."""
    return max(0.0, span_s[0] - _warm_up_s(job.settings))


def analyze_stretch(job: Job, number: int) -> str:
    """Read one stretch of a recording and keep what was found, until it is joined.

    Returns:
        Why it failed; empty if it did not. Nothing is raised, as by `analyze`.
    """
    study = job.load_study()
    if is_current(read_summary(study, job.recording), job.sha256, job.settings):
        return ""
    if _read_found(study, job, number) is not None:
        return ""
    return find_reason(job, lambda: _analyze_stretch(study, job, number))


def _analyze_stretch(study: Study, job: Job, number: int) -> None:
    from fer_core.inference.video import annotate_video

    # The file is compared once before and once after all, for that takes as long as reading it.
    source = find_source(study, job.path, job.sha256) if number == 0 else study.locate(job.path)
    stream, plan = build_stream(study, job.settings), plan_stretches(job)
    _, end_s = plan[number]
    with (
        say_who(study, job, number, len(plan)) as on_progress,
        atomic_directory(_folder(study, job, number), replace=True) as folder,
    ):
        found = annotate_video(
            source,
            None,
            stream,
            table=folder / TABLE_FILE,
            span_s=(_first_s(job, plan[number]), end_s),
            on_progress=on_progress,
        )
        record = _Found(
            sha256=job.sha256,
            settings=job.settings,
            stretch_s=STRETCH_S,
            classes=stream.predictor.info.classes,
            source=found.source,
            num_damaged=found.num_damaged,
            file_notes=found.file_notes,
        )
        write_json(folder / SUMMARY_FILE, record)


def join_stretches(job: Job, reasons: Sequence[str]) -> str:
    """Make the result of a recording from its stretches; read it as a whole where that can't be done.

    Args:
        job: the recording.
        reasons: why which stretch failed; empty if it did not.

    Returns:
        Why it failed; empty if it did not.
    """
    study = job.load_study()
    if not is_current(read_summary(study, job.recording), job.sha256, job.settings):
        if any(reasons) or find_reason(job, lambda: _join(study, job)):
            if reason := analyze(job):
                return reason
        else:
            failure_file(study, job.recording).unlink(missing_ok=True)
    shutil.rmtree(study.stretches_folder(job.recording), ignore_errors=True)
    return ""


def _join(study: Study, job: Job) -> None:
    from fer_core.inference.face_table import FIXED_COLUMNS
    from fer_core.results import build_schema, find_format

    find_source(study, job.path, job.sha256)
    plan = plan_stretches(job)
    parts = [found for number in range(len(plan)) if (found := _read_found(study, job, number))]
    if len(parts) < len(plan):
        raise StudyError(f"{job.recording}: a stretch is missing")
    classes = parts[0].classes
    joined = _Joined(name_columns(classes))
    with atomic_directory(study.result_folder(job.recording), replace=True) as folder:
        path = folder / TABLE_FILE
        writer = find_format(path).open(path, build_schema(FIXED_COLUMNS, classes))
        for number, span_s in enumerate(plan):
            table = _read_table(_folder(study, job, number) / TABLE_FILE)
            for batch in joined.add(table, span_s[0], _first_s(job, span_s)).to_batches():
                writer.write_batch(batch)
        writer.close()
        summary = summarise(job, joined.describe(parts), classes)
        write_json(folder / SUMMARY_FILE, replace(summary, stretch_s=STRETCH_S))


def _folder(study: Study, job: Job, number: int) -> Path:
    return study.stretches_folder(job.recording) / str(number)


def _read_found(study: Study, job: Job, number: int) -> _Found | None:
    """What is known of a stretch; None where it was not read yet, or from another file or otherwise."""
    path = _folder(study, job, number) / SUMMARY_FILE
    if not path.is_file():
        return None
    try:
        found = read_record(path, _Found, StudyError, advice="run the study again", schema_version=1)
    except StudyError:
        return None
    is_ours = (found.sha256, found.settings, found.stretch_s) == (job.sha256, job.settings, STRETCH_S)
    return found if is_ours else None


def _read_table(path: Path) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_table(path, use_threads=False)
    except (OSError, pa.ArrowException) as cause:
        raise StudyError(f"{path} can't be read: {cause}") from cause


@dataclass(slots=True)
class _Joined:
    """The stretches so far. Memory does not grow with their number."""

    classes: Sequence[str]
    """Columns of probabilities."""
    num_frames: int = 0
    num_faces: int = 0
    num_rows: int = 0
    num_empty_frames: int = 0
    num_label_changes: int = 0
    duration_s: float = 0.0
    sums: "npt.NDArray[np.float64] | float" = 0.0
    last: "pd.DataFrame | None" = None
    """The rows of the last seconds."""
    labels: dict[float, str] = field(default_factory=dict)
    """The last label of each face."""

    def add(self, table: "pa.Table", start_s: float, first_s: float) -> "pa.Table":
        """Take in the next stretch, which was read from `first_s` on; return its rows in the whole.

        It has none where the file ends before it, whatever the file says of its length.
        """
        import pyarrow as pa

        rows = table.select([*_PLACE, "label", "num_faces"]).to_pandas()
        is_new = (rows["time_s"] >= start_s).to_numpy()
        ids = self._join_ids(rows, is_new, first_s)
        rows["track_id"] = rows["track_id"].map(ids)
        first = int(rows["frame"][is_new].min()) if is_new.any() else 0
        rows["frame"] += self.num_frames - first
        new = rows[is_new].sort_values(["frame", "track_id"], kind="stable")
        self._count(new, table.filter(is_new))
        if len(rows):
            self.last = rows[rows["time_s"] >= rows["time_s"].max() - _COMPARED_S]
        found = table.take(new.index.to_numpy())
        for name, column in (("frame", new["frame"]), ("track_id", new["track_id"])):
            place = found.schema.get_field_index(name)
            values = pa.array(column, found.schema.types[place], from_pandas=True, safe=False)
            found = found.set_column(place, found.schema.field(place), values)
        return found.combine_chunks()

    def _join_ids(
        self, rows: "pd.DataFrame", is_new: "npt.NDArray[np.bool_]", first_s: float
    ) -> dict[float, int]:
        """The number in the whole of each face of a stretch."""
        ids = {}
        if self.last is not None:
            ids = self._find_again(rows[~is_new], self.last[self.last["time_s"] >= first_s])
        for track in rows["track_id"][is_new].dropna().unique():
            if track not in ids:
                self.num_faces += 1
                ids[track] = self.num_faces
        return ids

    def _find_again(self, rows: "pd.DataFrame", last: "pd.DataFrame") -> dict[float, int]:
        """Faces that two stretches read: those that overlap where both were seen last."""
        rows = rows[rows["time_s"] >= last["time_s"].min()]
        if not np.array_equal(rows["time_s"].unique(), last["time_s"].unique()):
            raise StudyError("two stretches have other frames where they meet")
        ids: dict[float, int] = {}
        for time_s in sorted(rows["time_s"].unique(), reverse=True):
            here, before = (table[table["time_s"] == time_s].dropna() for table in (rows, last))
            here = here[~here["track_id"].isin(list(ids))]
            before = before[~before["track_id"].isin(list(ids.values()))]
            iou = compute_iou(_to_boxes(here), _to_boxes(before))
            for row, column in assign(-iou).items() if iou.size else ():
                if iou[row, column] >= _SAME_IOU:
                    ids[here["track_id"].iloc[row]] = int(before["track_id"].iloc[column])
        return ids

    def _count(self, rows: "pd.DataFrame", table: "pa.Table") -> None:
        self.num_frames += rows["frame"].nunique()
        self.num_empty_frames += int((rows["num_faces"] == 0).sum())
        self.num_rows += int((rows["num_faces"] > 0).sum())
        self.duration_s = float(rows["time_s"].max()) if len(rows) else self.duration_s
        self.sums = self.sums + np.array([np.nansum(table[name].to_numpy()) for name in self.classes])
        for track in rows["track_id"].dropna().unique().tolist():
            labels = rows.loc[rows["track_id"] == track, "label"].tolist()
            seen = [self.labels.get(track, labels[0]), *labels]
            self.num_label_changes += sum(one != other for one, other in itertools.pairwise(seen))
            self.labels[track] = seen[-1]

    def describe(self, parts: Sequence[_Found]) -> "VideoSummary":
        """What became of the recording as a whole."""
        from fer_core.inference.video_summary import VideoSummary, describe_reading

        source = parts[0].source
        file_notes = tuple(dict.fromkeys(note for part in parts for note in part.file_notes))
        num_damaged = sum(part.num_damaged for part in parts)
        reading = describe_reading(self.num_frames, source.num_frames, num_damaged, self.num_rows)
        means = np.divide(self.sums, self.num_rows).tolist() if self.num_rows else []
        return VideoSummary(
            source=source,
            num_frames=self.num_frames,
            duration_s=self.duration_s,
            num_faces=self.num_faces,
            num_rows=self.num_rows,
            num_empty_frames=self.num_empty_frames,
            mean_shares=dict(zip(parts[0].classes, means, strict=False)),
            num_label_changes=self.num_label_changes,
            seconds=0.0,
            was_cancelled=False,
            notes=(*file_notes, *reading),
            num_damaged=num_damaged,
            file_notes=file_notes,
        )


def _to_boxes(rows: "pd.DataFrame") -> list[FaceBox]:
    places = rows[["x", "y", "width", "height"]].to_numpy(float).tolist()
    return [FaceBox(x=x, y=y, width=width, height=height, score=1.0) for x, y, width, height in places]
