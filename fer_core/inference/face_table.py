"""One row per face and frame, and one for a frame without a face: a table that grows, and running totals."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.inference.face_quality import find_flaws
from fer_core.inference.stream import FrameResult
from fer_core.io import atomic_path, storage_errors
from fer_core.results import FACE_FIELDS, add_voice_columns, build_schema, find_format
from fer_core.types import FaceResult, VoiceResult

if TYPE_CHECKING:
    import pyarrow as pa

FIXED_COLUMNS: Final[tuple[str, ...]] = (
    "frame",
    "time_s",
    "num_faces",
    "track_id",
    *FACE_FIELDS,
)
"""Columns of every table, before one column of probabilities a class. Every frame has a row: `num_faces` is
how many faces it shows, and where that is 0 the columns after it are empty."""
_ROWS_PER_BATCH: Final[int] = 4096


class TableWriter:
    """A table that is being written. Use `create_table`."""

    def __init__(
        self, path: Path, temporary: Path, classes: Sequence[str], voice_classes: Sequence[str] | None
    ) -> None:
        """Open the file at `temporary` in the format that `path` ends in."""
        self._path = path
        self._schema = build_schema(FIXED_COLUMNS, classes)
        self._num_of_faces = len(self._schema)
        if voice_classes is not None:
            self._schema = add_voice_columns(self._schema, classes, voice_classes)
        self._num_classes, self._num_voice_classes = len(classes), len(voice_classes or ())
        with storage_errors(path):
            self._writer = find_format(path).open(temporary, self._schema)
        self._is_closed = False
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self.num_rows = 0

    def add(
        self, frame: int, time_s: float, faces: Sequence[FaceResult], voice: VoiceResult | None = None
    ) -> None:
        """Append the faces of one frame, or a row that says that it has none, with what is heard then.

        Raises:
            StorageError: the disk is full, or can't be written for another reason.
        """
        for number, row in enumerate(list_rows(frame, time_s, faces)):
            missing = (None,) * (self._num_of_faces - len(row))
            track = faces[number].track_id if faces else None
            heard = () if voice is None else self._list_voice(voice, track)
            for column, value in itertools.zip_longest(self._columns, (*row, *missing, *heard)):
                column.append(value)
            self.num_rows += 1
        if len(self._columns[0]) >= _ROWS_PER_BATCH:
            self._flush()

    def _list_voice(self, voice: VoiceResult, track: int | None) -> tuple[Any, ...]:
        """The values of `VOICE_FIELDS`, with the probabilities after each label; none if nobody asked."""
        if len(self._schema) == self._num_of_faces:
            return ()
        heard, fused = voice.prediction, voice.fused
        is_speaker = track is not None and track == voice.speaker
        of_voice: tuple[Any, ...] = (None,) * (2 + self._num_voice_classes)
        if heard is not None:
            of_voice = (heard.label, heard.confidence, *heard.probabilities)
        of_both: tuple[Any, ...] = (None,) * (2 + self._num_classes)
        if fused is not None and is_speaker:
            of_both = (fused.label, fused.confidence, *fused.probabilities)
        return (voice.is_speech, *of_voice, is_speaker if track is not None else None, *of_both)

    def _flush(self) -> None:
        with storage_errors(self._path):
            self._writer.write_batch(self._take_batch())

    def _take_batch(self) -> "pa.RecordBatch":
        import pyarrow as pa

        arrays = [
            pa.array(column, item.type) for column, item in zip(self._columns, self._schema, strict=True)
        ]
        self._columns = [[] for _ in self._schema]
        return pa.record_batch(arrays, schema=self._schema)

    def close(self) -> None:
        """Write what is left and close the file; no more rows can be added. Raises as `add`."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._columns[0]:
            self._flush()
        with storage_errors(self._path):
            self._writer.close()


def list_values(face: FaceResult) -> tuple[Any, ...]:
    """What a table tells of a face: the values of `FACE_FIELDS`; None where something is not known."""
    box, prediction, quality = face.box, face.prediction, face.quality
    place = (box.x, box.y, box.width, box.height, box.score, box.roll, box.yaw, box.pitch)
    measures: tuple[Any, ...] = (None,) * 4
    if quality is not None:
        measures = (quality.height_px, quality.sharpness, quality.brightness, not find_flaws(quality))
    return (*place, *measures, prediction.label, prediction.confidence, face.expected_correctness)


def list_rows(frame: int, time_s: float, faces: Sequence[FaceResult]) -> list[tuple[Any, ...]]:
    """The rows of one frame: one a face; for none a short one, whose missing columns are empty."""
    begin = (frame, time_s, len(faces))
    return [
        (*begin, face.track_id, *list_values(face), *face.prediction.probabilities) for face in faces
    ] or [begin]


@contextmanager
def create_table(
    path: Path, classes: Sequence[str], voice_classes: Sequence[str] | None = None
) -> Iterator[TableWriter]:
    """Write a table in the format that `path` ends in; it appears at `path`, whole, when the block ends well.

    Memory does not grow with the number of rows.

    Args:
        path: of the table.
        classes: of faces.
        voice_classes: of voices; None if nobody listens, and the table has no columns of voices then.

    Raises:
        ConfigError: no results format has the extension of `path`.
        StorageError: the file can't be written.
    """
    find_format(path)
    with atomic_path(path) as temporary:
        writer = TableWriter(path, temporary, classes, voice_classes)
        yield writer
        writer.close()


@dataclass(slots=True)
class _FaceTotals:
    num_frames: int = 0
    sum_of_probabilities: npt.NDArray[np.float64] | None = None
    last_label: str = ""
    num_label_changes: int = 0


@dataclass(slots=True)
class Totals:
    """Running sums over all rows, so that a summary needs no second pass and no memory for the rows."""

    classes: tuple[str, ...]
    num_rows: int = 0
    """Faces summed over all frames."""
    num_empty_frames: int = 0
    """Frames without a face."""
    _faces: dict[int | None, _FaceTotals] = field(default_factory=dict)

    def add(self, result: FrameResult) -> None:
        """Take in the faces of one frame."""
        self.num_empty_frames += not result.faces
        for face in result.faces:
            totals = self._faces.setdefault(face.track_id, _FaceTotals())
            label = face.prediction.label
            totals.num_label_changes += bool(totals.num_frames) and label != totals.last_label
            totals.last_label = label
            totals.num_frames += 1
            values = np.asarray(face.prediction.probabilities)
            before = totals.sum_of_probabilities
            totals.sum_of_probabilities = values if before is None else before + values
            self.num_rows += 1

    @property
    def num_faces(self) -> int:
        """Different faces (tracks)."""
        return len(self._faces)

    @property
    def num_label_changes(self) -> int:
        """How often a face's most probable class was another than on the frame before."""
        return sum(face.num_label_changes for face in self._faces.values())

    def mean_shares(self) -> dict[str, float]:
        """Mean probability of each class over all rows; fractions that sum to 1. Empty without rows."""
        sums = [face.sum_of_probabilities for face in self._faces.values()]
        present = [item for item in sums if item is not None]
        if not present:
            return {}
        means = np.sum(present, axis=0) / self.num_rows
        return dict(zip(self.classes, means.tolist(), strict=True))
