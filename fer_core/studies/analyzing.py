"""Analyzing one recording of a study: what a worker does. Doing it twice changes nothing."""

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import FerError, StudyError
from fer_core.io import atomic_directory, sha256_file, write_json
from fer_core.results import name_columns
from fer_core.runs.process import ProcessIdentity
from fer_core.studies.models import find_model
from fer_core.studies.state import (
    FailureRecord,
    ResultSummary,
    WorkStatus,
    failure_file,
    is_current,
    read_summary,
    running_file,
)
from fer_core.studies.study import SUMMARY_FILE, TABLE_FILE, AnalysisSettings, Study, load_study
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.inference.interfaces import Predictor
    from fer_core.inference.stream import FaceStream
    from fer_core.inference.video_summary import Progress, VideoSummary
    from fer_core.sound.vocal import VocalTrack
    from fer_core.voice import VoiceModel

_LOG: Final = logging.getLogger(__name__)
_TELL_EVERY_S: Final[float] = 1.0
_TELL_FROM_S: Final[float] = 1.0
"""Recordings that take no longer are not worth a file that says how far they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recording to analyze, as it travels to a worker."""

    study: str
    """Folder of the study, for all workers the same."""
    recording: str
    path: str
    """As in the table of recordings."""
    sha256: str
    settings: AnalysisSettings
    num_frames: int = 0
    """About; 0 if not known."""
    duration_s: float = 0.0
    """About; 0 if not known."""

    def load_study(self) -> Study:
        """The study that it is of."""
        return load_study(Workspace(Path(self.study).parents[1]), Path(self.study).name)


def analyze(job: Job) -> str:
    """Analyze a recording and keep what was found, or why it failed, in the study's folder.

    Args:
        job: what to do.

    Returns:
        Why it failed; empty if it did not. Nothing is raised: a cluster that keeps errors would give the old
        one when the recording is tried again.
    """
    study = job.load_study()
    if is_current(read_summary(study, job.recording), job.sha256, job.settings):
        return ""
    if reason := find_reason(job, lambda: _analyze(study, job)):
        keep_failure(study, job, reason)
    else:
        failure_file(study, job.recording).unlink(missing_ok=True)
    return reason


def find_reason(job: Job, work: Callable[[], None]) -> str:
    """Do a part of a job; return why it failed, empty if it did not."""
    try:
        work()
    except (FerError, OSError) as error:
        return str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - logged; one recording must not hold up the others
        _LOG.exception("%s failed unexpectedly", job.recording)
        return f"{type(error).__name__}: {error}"
    return ""


def keep_failure(study: Study, job: Job, reason: str) -> None:
    """Write down why a recording could not be analyzed.

    Raises:
        StorageError: it can't be written.
    """
    failure = FailureRecord(sha256=job.sha256, settings=job.settings, reason=reason or "no reason was given")
    write_json(failure_file(study, job.recording), failure)


@contextmanager
def say_who(
    study: Study, job: Job, stretch: int | None = None, num_parts: int = 1
) -> Iterator[Callable[["Progress"], None]]:
    """Say in the study's folder which process works on a recording, or a stretch of it, and how far it is."""
    path, process = running_file(study, job.recording, stretch), ProcessIdentity.current().to_status()
    started = told = time.monotonic()

    def tell(progress: "Progress") -> None:
        nonlocal told
        now = time.monotonic()
        if now - started < _TELL_FROM_S or now - told < _TELL_EVERY_S:
            return
        told = now
        total = progress.num_total or job.num_frames
        status = WorkStatus(
            heartbeat=time.time(), num_done=progress.num_done, num_total=total, num_parts=num_parts, **process
        )
        write_json(path, status)

    try:
        yield tell
    finally:
        path.unlink(missing_ok=True)


def _analyze(study: Study, job: Job) -> None:
    from fer_core.inference.video import annotate_video

    source = find_source(study, job.path, job.sha256)
    stream = build_stream(study, job.settings)
    vocal = _listen(study, job.settings, source)
    with (
        say_who(study, job) as on_progress,
        atomic_directory(study.result_folder(job.recording), replace=True) as folder,
    ):
        found = annotate_video(
            source, None, stream, table=folder / TABLE_FILE, vocal=vocal, on_progress=on_progress
        )
        write_json(folder / SUMMARY_FILE, summarise(job, found, stream.predictor.info.classes))


def find_source(study: Study, path: str, sha256: str) -> Path:
    """The file of a recording.

    Args:
        study: of which.
        path: as in the table of recordings.
        sha256: of the file when it was added.

    Raises:
        StudyError: it is missing, or another one than when it was added.
    """
    source = study.locate(path)
    if not source.is_file():
        raise StudyError(
            f"{source} is missing; put it back, or take the recording out of the study (fer study remove)"
        )
    if sha256_file(source) != sha256:
        raise StudyError(f"{source} is another file than when it was added; add it again")
    return source


def build_stream(study: Study, settings: AnalysisSettings) -> "FaceStream":
    """A stream that has seen nothing: detectors remember how the last faces were turned.

    Raises:
        FerError: model or detector are not what the study says.
    """
    from fer_core.inference import pipeline
    from fer_core.inference.tracker import TemporalConfig

    workspace = Workspace(study.folder.parents[1])
    temporal = TemporalConfig(detect_every=settings.detect_every, smoothing_s=settings.smoothing_s)
    return pipeline.build_stream(settings.detector, _load(workspace, settings), workspace, temporal)


def _listen(study: Study, settings: AnalysisSettings, source: Path) -> "VocalTrack | None":
    """What is heard in a recording, if the study has a model of voices."""
    from fer_core.inference.voices import hear

    if not settings.voice:
        return None
    return hear(source, _load_voice(Workspace(study.folder.parents[1]), settings))


@functools.lru_cache(maxsize=1)
def _load_voice(workspace: Workspace, settings: AnalysisSettings) -> "VoiceModel":
    """The model of voices, once a process."""
    from fer_core.voice import load_voice_model

    model = load_voice_model(find_model(settings.voice, settings.voice_sha256, workspace).key, workspace)
    _check_weights(settings.voice, model.info.weights_sha256, settings.voice_sha256)
    return model


def _check_weights(name: str, found: str, expected: str) -> None:
    if found != expected:
        raise StudyError(
            f"model {name!r} has weights {found[:12]}…; the study was made with {expected[:12]}…. Bring "
            "these back, or make a new study"
        )


@functools.lru_cache(maxsize=1)
def _load(workspace: Workspace, settings: AnalysisSettings) -> "Predictor":
    """The model, once a process."""
    from fer_core.inference.class_prior import with_prior
    from fer_core.inference.predictor import load_predictor
    from fer_core.inference.threads import limit_threads

    limit_threads(1)
    predictor = load_predictor(find_model(settings.model, settings.model_sha256, workspace).key, workspace)
    _check_weights(settings.model, predictor.info.weights_sha256, settings.model_sha256)
    return with_prior(predictor, settings.prior)


def summarise(job: Job, found: "VideoSummary", classes: tuple[str, ...]) -> ResultSummary:
    """What a study keeps of what was found in a recording."""
    return ResultSummary(
        recording=job.recording,
        sha256=job.sha256,
        settings=job.settings,
        classes=tuple(name_columns(classes)),
        width_px=found.source.width_px,
        height_px=found.source.height_px,
        fps=found.source.fps,
        duration_s=found.duration_s,
        num_frames=found.num_frames,
        num_faces=found.num_faces,
        num_rows=found.num_rows,
        num_empty_frames=found.num_empty_frames,
        num_label_changes=found.num_label_changes,
        mean_shares=found.mean_shares,
        voice=found.voice,
        notes=found.notes,
    )
