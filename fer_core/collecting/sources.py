"""Where faces come from: pictures, videos, folders of both, and the recordings of a study."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from fer_core.collecting.candidates import CandidateStore, Source
from fer_core.errors import ConfigError, MediaError, leave_out_path
from fer_core.images import IMAGE_SUFFIXES, load_image
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.stream import FaceStream
from fer_core.inference.tracker import TemporalConfig
from fer_core.inference.video_reader import VIDEO_SUFFIXES, open_video
from fer_core.io import sha256_file
from fer_core.types import FaceBox

if TYPE_CHECKING:
    from fer_core.studies import Study

Progress = Callable[[float, float, str], None]
"""Called with how much is done, of how much, and what is being done."""
Detectors = Callable[[bool], FaceDetector]
"""Builds a detector: for a stream of frames, or for single pictures."""
_ANIMATED: Final[frozenset[str]] = frozenset({".gif", ".webp", ".avif", ".png"})
"""Endings that pictures and videos share; these files are taken for pictures."""


def list_media(paths: Iterable[Path]) -> list[Path]:
    """The pictures and videos that paths name; of folders all that lie in them, hidden ones left out.

    Raises:
        MediaError: a path does not exist, or nothing of the kind is there.
    """
    suffixes, found, named = {*IMAGE_SUFFIXES, *VIDEO_SUFFIXES}, dict[Path, None](), list(paths)
    for path in named:
        if path.is_dir():
            inside = [item for item in sorted(path.rglob("*")) if item.suffix.lower() in suffixes]
            hidden = [item for item in inside if any(part[0] == "." for part in item.relative_to(path).parts)]
            found.update(dict.fromkeys(item for item in inside if item.is_file() and item not in set(hidden)))
        elif path.is_file():
            found[path] = None
        else:
            raise MediaError(f"{path} does not exist; name a picture, a video, or a folder of such")
    if not found:
        raise MediaError(f"no picture or video in {', '.join(map(str, named)) or 'nothing'}; name another")
    return list(found)


def read_media(
    store: CandidateStore,
    paths: Sequence[Path],
    detectors: Detectors,
    predictor: Predictor,
    *,
    person: str = "",
    every_s: float = 1.0,
    uploads: Path | None = None,
    on_progress: Progress | None = None,
) -> dict[str, str]:
    """Look for faces in pictures and videos; of several copies of a file in one.

    Args:
        store: takes what is found.
        paths: pictures and videos.
        detectors: builds what finds the faces.
        predictor: whose framing faces are followed with.
        person: who is on all of them; if not given, each face of a video counts as one of its own, and so
            does each picture.
        every_s: time between two looks at a video, so that no two neighbouring frames are taken.
        uploads: a folder whose files do not stay, so that nobody knows them by their paths.
        on_progress: told how far it is.

    Returns:
        Why files could not be read, by name.

    Raises:
        ConfigError: the time between two looks is none.
    """
    if not every_s > 0:
        raise ConfigError(f"every is {every_s} s; expected more than 0")
    called, problems = _name_files(paths), dict[str, str]()
    tell = on_progress or (lambda _done, _total, _text: None)
    finder = detectors(False)
    for place, (path, name) in enumerate(zip(paths, called, strict=True)):
        tell(place, len(paths), f"{name}: looking for faces")
        try:
            source = _identify(path, uploads)
            if store.has(source):
                continue
            if path.suffix.lower() in VIDEO_SUFFIXES and path.suffix.lower() not in _ANIMATED:
                stream = FaceStream(
                    detectors(True), predictor, TemporalConfig(detect_every=1, smoothing_s=0.0)
                )
                _read_video(store, path, source, stream, person, every_s)
            else:
                image = load_image(path)
                faces = [(box, None, person) for box in finder.detect(image)]
                store.add(image, faces, source)
        except MediaError as error:
            problems[name] = leave_out_path(error, path)
    return problems


def _identify(path: Path, uploads: Path | None) -> Source:
    whole = path.absolute()  # means the same wherever it is read
    is_upload = uploads is not None and whole.is_relative_to(uploads.absolute())
    try:
        key = sha256_file(path)
    except OSError as cause:
        raise MediaError(f"{path} can't be read: {cause}; check that it is there and may be read") from cause
    return Source(key=key, name=path.name, long_name="" if is_upload else str(whole), origin=str(whole))


def _name_files(paths: Sequence[Path]) -> list[str]:
    """Names of files; with their folders where two are called alike."""
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else str(path) for path, name in zip(paths, names, strict=True)]


def _read_video(
    store: CandidateStore, path: Path, source: Source, stream: FaceStream, person: str, every_s: float
) -> None:
    due_s = 0.0
    with open_video(path) as reader:
        for frame in reader.frames():
            if frame.time_s < due_s:
                continue
            due_s = frame.time_s + every_s
            image = frame.image_rgb
            found = [(face.box, face.track_id, person) for face in stream.step(image, frame.time_s).faces]
            store.add(image, found, source, time_s=frame.time_s)
            if store.is_full:
                return


def read_study(
    store: CandidateStore, study: "Study", *, every_s: float = 1.0, on_progress: Progress | None = None
) -> dict[str, str]:
    """Take the faces that were found in the recordings of a study, with the names that people gave them.

    A face without a name is its recording's participant where the recording shows one face only. Of several
    recordings that are copies of one file the first is taken.

    Returns:
        Why recordings could not be read, by name.

    Raises:
        ConfigError: nothing of the study is done, or the time between two looks is none.
    """
    from fer_core.studies.faces import list_done
    from fer_core.studies.tables import list_rows

    if not every_s > 0:
        raise ConfigError(f"every is {every_s} s; expected more than 0")
    recordings, problems = list_rows(list_done(study)), dict[str, str]()
    if not recordings:
        raise ConfigError(
            f"no recording of {study.name!r} is analyzed; run it first: fer study run {study.name}"
        )
    tell = on_progress or (lambda _done, _total, _text: None)
    for place, row in enumerate(recordings):
        tell(place, len(recordings), f"{row['recording']}: taking faces")
        source = Source(
            key=row["sha256"],
            name=row["recording"],
            long_name=f"{study.name}/{row['recording']}",
            origin=f"study {study.name}",
        )
        if store.has(source):
            continue
        try:
            with open_video(study.locate(row["path"])) as reader:
                for time_s, faces in _list_sightings(
                    study, row["recording"], row["participant"] or "", every_s
                ):
                    store.add(reader.seek(time_s).image_rgb, faces, source, time_s=time_s)
        except MediaError as error:
            problems[row["recording"]] = str(error)
    return problems


def _list_sightings(
    study: "Study", recording: str, participant: str, every_s: float
) -> Iterator[tuple[float, list[tuple[FaceBox, int | None, str]]]]:
    """(time, faces) of frames that are far enough apart."""
    from fer_core.studies.faces import load_faces
    from fer_core.studies.persons import list_persons

    fields = ["x", "y", "width", "height", "score", "roll"]
    table = load_faces(study, recording, ["time_s", "track_id", *fields]).dropna(subset=["track_id"])
    names = list_persons(study, recording)
    alone = participant if table["track_id"].nunique() == 1 else ""
    due_s = 0.0
    for time, rows in table.groupby("time_s", sort=True):
        time_s = float(time)  # type: ignore[arg-type]
        if time_s < due_s:
            continue
        due_s = time_s + every_s
        found: list[tuple[FaceBox, int | None, str]] = []
        for track, *values in rows[["track_id", *fields]].astype(float).itertuples(index=False):
            box = FaceBox(**dict(zip(fields, map(float, values), strict=True)))
            found.append((box, int(track), names.get(int(track), alone)))
        yield time_s, found


def begin_stretch() -> Source:
    """A stretch of a camera's pictures, called by when it begins: now."""
    name = f"camera {datetime.now():%Y-%m-%d %H.%M.%S}"
    return Source(key=uuid4().hex, name=name, origin="camera")


def read_camera(
    store: CandidateStore,
    source: str,
    stream: FaceStream,
    *,
    seconds: float,
    person: str = "",
    every_s: float = 1.0,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Take faces from a camera, or a stream of the network, for a while.

    Args:
        store: takes what is found.
        source: as `fer camera` takes it.
        stream: finds and follows the faces.
        seconds: how long to look.
        person: who is in view; if not given, each face counts as one of its own.
        every_s: time between two pictures that are taken.
        cancelled: asked before every picture whether to stop.

    Raises:
        MediaError: there is no such camera.
        ConfigError: a time is none.
    """
    from fer_core.inference.camera import open_source

    if not (every_s > 0 and seconds > 0):
        raise ConfigError(f"every is {every_s} s and seconds is {seconds}; expected more than 0")
    stretch, due_s = begin_stretch(), 0.0
    with open_source(source) as camera:
        for picture, time_s in camera.frames():
            if time_s > seconds or cancelled() or store.is_full:
                return
            if time_s < due_s:
                continue
            due_s = time_s + every_s
            image = picture.rgb()
            faces = [(face.box, face.track_id, person) for face in stream.step(picture, time_s).faces]
            store.add(image, faces, stretch, time_s=time_s)
