"""`fer_core.read_video`: the faces of a video, frame by frame or as a table."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.api.model import Model
from fer_core.api.reading import as_model
from fer_core.errors import MediaError
from fer_core.extras import explain_missing_packages
from fer_core.workspace import expand_home

if TYPE_CHECKING:
    import pandas as pd

    from fer_core.inference.stream import FrameResult
    from fer_core.inference.video_types import VideoInfo


def read_video(
    source: "str | os.PathLike[str]",
    *,
    model: str | Model | None = None,
    detector: str | None = None,
    detect_every: int = 5,
    smoothing_s: float = 0.4,
) -> "VideoReading":
    """Open a video to read the faces of its frames.

    Args:
        source: path of anything that FFmpeg decodes.
        model: as for `read`.
        detector: as for `read`.
        detect_every: look for faces in every so-many-th frame; in between they are followed.
        smoothing_s: time constant of the smoothing of probabilities in seconds; 0 is off.

    Returns:
        What can be iterated over, frame by frame, in little memory; or turned into a table with `to_pandas`.

    Raises:
        FerError: the file can't be read, a setting is out of range, or model or detector are not there.
    """
    if not isinstance(source, str | os.PathLike):
        raise MediaError(
            f"a video is named by its path, and this is {type(source).__name__}; save it to a file"
        )
    path = expand_home(os.fspath(source))
    return VideoReading(path, as_model(model), detector, detect_every=detect_every, smoothing_s=smoothing_s)


class VideoReading:
    """A video and how its faces are read. Each iteration reads it anew from its beginning."""

    def __init__(
        self, path: Path, model: Model, detector: str | None, *, detect_every: int, smoothing_s: float
    ) -> None:
        """Check the file and the settings; use `read_video`."""
        from fer_core.inference.tracker import TemporalConfig

        with explain_missing_packages():
            from fer_core.inference.video import probe_video

            self.info: VideoInfo = probe_video(path)
        """Size, rate, length and codec."""
        self.path = path
        self.model = model
        self.detector = model.get_detector(detector).name
        self._temporal = replace(TemporalConfig(), detect_every=detect_every, smoothing_s=smoothing_s)

    def __iter__(self) -> "Iterator[FrameResult]":
        """Each frame's time in seconds and faces, in order; faces have a `track_id`.

        Raises:
            MediaError: the file can't be read to its end.
        """
        from fer_core.inference.pipeline import build_stream
        from fer_core.inference.video import batch_frames, open_video

        stream = build_stream(self.detector, self.model.predictor, self.model.workspace, self._temporal)
        with open_video(self.path) as reader:
            for frames in batch_frames(reader.frames(), reader.info, stream):
                yield from stream.step_many([(frame.picture, frame.time_s) for frame in frames])

    def to_pandas(self) -> "pd.DataFrame":
        """Read the whole video into a table: one row a face and frame, and one for a frame without a face.

        The columns are those of `fer annotate video.mp4 faces.csv` (docs/MEDIA.md).

        Raises:
            MediaError: the file can't be read.
            FerError: pandas is not installed.
        """
        from fer_core.inference.face_table import FIXED_COLUMNS, list_rows
        from fer_core.results import name_columns

        with explain_missing_packages():
            import pandas as pd

        rows = [
            row for number, frame in enumerate(self) for row in list_rows(number, frame.time_s, frame.faces)
        ]
        names = [*FIXED_COLUMNS, *name_columns(self.model.classes)]
        padded = [(*row, *(None,) * (len(names) - len(row))) for row in rows]
        table = pd.DataFrame(padded, columns=names)
        for name in set(names) - {"label", "usable"}:
            table[name] = pd.to_numeric(table[name])  # a column of nothing but None is one of numbers, too
        return table
