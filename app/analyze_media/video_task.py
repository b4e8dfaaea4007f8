"""Annotating videos in the background: `fer annotate`, with the upload and the result in the task's folder.

Before *Analyze* is pressed an upload is deleted with its session. From then on it lies in the folder of its
task, which is deleted when the user says so, or a day after the work has ended. All videos of a machine wait
in one queue, since each takes all its cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.shared.navigation import ANALYZE_MEDIA
from app.shared.uploads import UPLOAD_KEPT_S, Upload
from app.shared.visitor import get_visitor
from fer_core.analyses import AnalysisRecord
from fer_core.errors import MediaError, leave_out_path
from fer_core.inference.video_reader import probe_video
from fer_core.inference.video_summary import VideoSummary
from fer_core.inference.video_types import VideoInfo, VideoLimits
from fer_core.jobs.tasks import BackgroundTask, discard_task, find_tasks, start_task
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

MAX_VIDEO_MB: Final[int] = 500
MAX_MINUTES: Final[int] = 10
LIMITS: Final[VideoLimits] = VideoLimits(max_side_px=4096, max_duration_s=60 * MAX_MINUTES)
"""What is taken from a browser; the command line has no such limit."""
KIND: Final[str] = "video"
MAX_VIDEOS: Final[int] = 20
"""That a visitor may have at a time, with their results."""


@dataclass(frozen=True, slots=True)
class UploadedVideo:
    """A checked upload that nobody has asked to analyze yet."""

    upload: Upload
    info: VideoInfo

    @property
    def name(self) -> str:
        """Can be the name of a file."""
        return self.upload.path.name


def check_upload(upload: Upload) -> UploadedVideo:
    """Look into an upload.

    Raises:
        MediaError: it is no video, has no frame, or is larger or longer than `LIMITS`.
    """
    try:
        return UploadedVideo(upload, probe_video(upload.path, LIMITS))
    except MediaError as error:
        raise MediaError(leave_out_path(error, upload.path)) from error


@dataclass(frozen=True, slots=True)
class _Result:
    """What `fer annotate` finds, beside the summary."""

    record: AnalysisRecord


@dataclass(frozen=True, slots=True)
class VideoTask:
    """A video that is being annotated, or has been."""

    task: BackgroundTask

    @property
    def name(self) -> str:
        """Of the upload."""
        return str(self.task.facts["name"])

    @property
    def source(self) -> Path:
        """The upload."""
        return self.task.inputs / self.name

    @property
    def annotated(self) -> Path:
        """The video with its faces marked."""
        return self.task.files / "annotated.mp4"

    @property
    def table(self) -> Path:
        """A row per face and frame, and one per frame without a face."""
        return self.task.files / "faces.parquet"

    @property
    def record(self) -> AnalysisRecord:
        """What is known of its analysis, for keeping it.

        Raises:
            RunError: there is no result, or it can't be read.
        """
        return self.task.read_result(_Result).record

    @property
    def summary(self) -> VideoSummary | None:
        """What became of it, also when it was cancelled after some frames; None without a result.

        Raises:
            RunError: it can't be read.
        """
        if self.task.is_active or self.task.result() is None:
            return None
        return self.task.read_result(VideoSummary)

    def load_table(self) -> "pd.DataFrame":
        """The table of a video with a result, as it is; whole numbers stay such beside empty cells."""
        import pandas as pd

        return pd.read_parquet(self.table, dtype_backend="numpy_nullable")


def list_videos(workspace: Workspace) -> list[VideoTask]:
    """The videos of this visitor that are still there, in the order in which they were started."""
    found = [VideoTask(task) for task in find_tasks(workspace, KIND, {"visitor": get_visitor()})]
    return found[::-1]


def check_room(workspace: Workspace, num_new: int) -> None:
    """Make sure that this visitor may start so many videos more.

    Raises:
        MediaError: there are too many.
    """
    num_here = len(list_videos(workspace))
    if num_here + num_new > MAX_VIDEOS:
        raise MediaError(
            f"{num_here} analyzed videos are here and {num_new} are new; {MAX_VIDEOS} may be here at a time. "
            "Keep what you need and delete some"
        )


def start_video(workspace: Workspace, name: str, source: Path, options: Sequence[str]) -> str:
    """Annotate a video as soon as those that were started before have ended.

    Args:
        workspace: where it is done.
        name: of the video.
        source: the upload, or that of an earlier task.
        options: of `fer annotate`.

    Returns:
        The name of its task.

    Raises:
        FerError: it can't be started.
    """
    limits = [f"--max-minutes={MAX_MINUTES}", f"--max-side={LIMITS.max_side_px}"]
    task = start_task(
        workspace,
        kind=KIND,
        title="Analyzing a video",  # without its name: the navigation shows it to everybody
        command=[
            "annotate",
            f"{{inputs}}/{name}",
            "{files}/annotated.mp4",
            "--table={files}/faces.parquet",
            *limits,
            *options,
        ],
        page=f"{ANALYZE_MEDIA.name}?part=Video",
        facts={"visitor": get_visitor(), "name": name},
        inputs={name: source},
        kept_s=UPLOAD_KEPT_S,
        queue=KIND,
    )
    return task.name


def forget_videos(workspace: Workspace, videos: Sequence[VideoTask]) -> None:
    """Delete videos with their results; one that is being annotated ends."""
    for video in videos:
        discard_task(workspace, video.task.name)
