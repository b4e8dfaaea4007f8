"""Listening to sounds in the background: `fer listen`, with upload and result in the task's folder.

Uploads and results live as long as those of videos do (`video_task`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.analyze_media.video_task import MAX_MINUTES, MAX_VIDEO_MB
from app.shared.navigation import ANALYZE_MEDIA
from app.shared.uploads import UPLOAD_KEPT_S
from app.shared.visitor import get_visitor
from fer_core.errors import MediaError
from fer_core.jobs.tasks import BackgroundTask, discard_task, find_tasks, start_task
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

KIND: Final[str] = "sound"
MAX_SOUND_MB: Final[int] = MAX_VIDEO_MB
MAX_SOUNDS: Final[int] = 20
"""That a visitor may have at a time, with their results."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What `fer listen` says of a sound, beside its times of speech."""

    duration_s: float
    speech_s: float
    notes: tuple[str, ...]
    mean_shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Result:
    sounds: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class SoundTask:
    """A sound file that is listened to, or was."""

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
    def heard(self) -> Heard | None:
        """What was heard; None without a result.

        Raises:
            RunError: it can't be read.
        """
        if self.task.is_active or self.task.result() is None:
            return None
        sounds = self.task.read_result(_Result).sounds
        return sounds[0] if sounds else None

    def load_table(self) -> "pd.DataFrame":
        """A row per labelled time of speech."""
        import pandas as pd

        return pd.read_parquet(self.task.files / "voice.parquet")


def list_sounds(workspace: Workspace) -> list[SoundTask]:
    """The sounds of this visitor that are still there, in the order in which they were started."""
    found = [SoundTask(task) for task in find_tasks(workspace, KIND, {"visitor": get_visitor()})]
    return found[::-1]


def start_sound(
    workspace: Workspace, name: str, source: Path, model: str, *, one_speaker: bool = False
) -> str:
    """Listen to a sound as soon as those that were started before have ended.

    Args:
        workspace: where it is done.
        name: of the sound.
        source: the upload, or that of an earlier task.
        model: key of the voice model.
        one_speaker: whether one person speaks, whose baseline is taken off.

    Returns:
        The name of its task.

    Raises:
        FerError: it can't be started.
    """
    task = start_task(
        workspace,
        kind=KIND,
        title="Listening to a sound",  # without its name: the navigation shows it to everybody
        command=[
            *("listen", f"{{inputs}}/{name}", f"--model={model}"),
            *("--table={files}/voice.parquet", f"--max-minutes={MAX_MINUTES}"),
            *(["--one-speaker"] if one_speaker else []),
        ],
        page=f"{ANALYZE_MEDIA.name}?part=Sound",
        facts={"visitor": get_visitor(), "name": name},
        inputs={name: source},
        kept_s=UPLOAD_KEPT_S,
        queue=KIND,
    )
    return task.name


def check_room(workspace: Workspace, num_new: int) -> None:
    """Make sure that this visitor may start so many sounds more.

    Raises:
        MediaError: there are too many.
    """
    num_here = len(list_sounds(workspace))
    if num_here + num_new > MAX_SOUNDS:
        raise MediaError(
            f"{num_here} sounds are here and {num_new} are new; {MAX_SOUNDS} may be here at a time. "
            "Delete some"
        )


def forget_sounds(workspace: Workspace, sounds: Sequence[SoundTask]) -> None:
    """Delete sounds with their results; one that is listened to ends."""
    for sound in sounds:
        discard_task(workspace, sound.task.name)
