"""The pipeline over time: detect now and then, follow, classify, smooth. A still image is one frame of it."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fer_core.inference.classifying import FaceReader, Sighting
from fer_core.inference.cuts import CutDetector
from fer_core.inference.face_quality import judge
from fer_core.inference.frames import Frame, as_frame
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.smoothing import ProbabilitySmoother
from fer_core.inference.tracker import FaceTracker, TemporalConfig, TrackedFace
from fer_core.types import FaceBox, FaceQuality, FaceResult, Prediction, UInt8Array, VoiceResult

_MAX_UNSEARCHED_S: Final[float] = 0.5
"""After so long boxes are out of date, however few frames have passed: a slow stream, a hiccup, a jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Wall time of each stage of one step, in milliseconds."""

    detect_ms: float
    """0 on frames that were not searched for faces."""
    classify_ms: float
    track_ms: float
    """Tracking and smoothing together."""

    @property
    def total_ms(self) -> float:
        """All stages together."""
        return self.detect_ms + self.classify_ms + self.track_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameResult:
    """What is known of one frame."""

    faces: tuple[FaceResult, ...]
    """The faces with their track's id and smoothed probabilities, the longest known first."""
    time_s: float
    """As it was given."""
    was_searched: bool
    """Whether the detector looked at this very frame."""
    times: StageTimes
    voice: VoiceResult | None = None
    """What is heard then; None if nobody listens."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What can be exchanged while the stream runs, as one unit."""

    detector: FaceDetector
    predictor: Predictor
    temporal: TemporalConfig


class FaceStream:
    """Labelled faces, frame by frame. One instance serves one stream.

    `step` belongs to one thread at a time; `swap` and `reset` may be called from any other meanwhile and take
    effect at the next step. Whatever a detector or predictor raises comes out of `step`, and the stream can
    continue with the next frame.
    """

    def __init__(
        self, detector: FaceDetector, predictor: Predictor, temporal: TemporalConfig | None = None
    ) -> None:
        """Join the parts.

        Args:
            detector: for this stream alone: detectors do not serve two threads.
            predictor: may be shared between streams.
            temporal: how frames are joined; the defaults if not given.
        """
        self._parts = _Parts(detector, predictor, temporal or TemporalConfig())
        self._lock = threading.Lock()
        self._reset_wanted = False
        self._active = self._parts
        self._tracker = FaceTracker(self._parts.temporal)
        self._smoother = ProbabilitySmoother(self._parts.temporal.smoothing_s)
        self._qualities: dict[int, FaceQuality] = {}
        self._frames_to_detection = 0
        self._searched_s = 0.0
        self._size: tuple[int, ...] | None = None
        self._cuts = CutDetector()
        self._reader = FaceReader()
        self._reads_anew = False

    @property
    def detector(self) -> FaceDetector:
        """The detector of the next step."""
        return self._parts.detector

    @property
    def predictor(self) -> Predictor:
        """The predictor of the next step."""
        return self._parts.predictor

    @property
    def temporal(self) -> TemporalConfig:
        """The temporal settings of the next step."""
        return self._parts.temporal

    def swap(
        self,
        *,
        detector: FaceDetector | None = None,
        predictor: Predictor | None = None,
        temporal: TemporalConfig | None = None,
    ) -> None:
        """Exchange parts from the next step on, together; what is None stays. Faces keep their ids."""
        with self._lock:
            now = self._parts
            self._parts = _Parts(
                detector or now.detector, predictor or now.predictor, temporal or now.temporal
            )

    def reset(self) -> None:
        """Forget all faces from the next step on: for a new video, or after a jump."""
        with self._lock:
            self._reset_wanted = True

    def refresh(self) -> None:
        """Search and classify the next frame whatever was found before; faces keep their ids.

        Belongs to the thread that steps. From there on boxes and probabilities are all that carries over.
        """
        _forget(self._active.detector)
        self._frames_to_detection = 0
        self._reads_anew = True

    def step(self, picture: UInt8Array | Frame, time_s: float) -> FrameResult:
        """Find, follow and classify the faces of the next frame.

        Args:
            picture: H x W x 3 RGB, or a frame.
            time_s: when it was taken, in seconds from any fixed moment; must not decrease.
        """
        return self.step_many([(picture, time_s)])[0]

    def step_many(self, pictures: Sequence[tuple[UInt8Array | Frame, float]]) -> list[FrameResult]:
        """Do `step` for several frames of a recording at once, which is faster and better than one by one.

        Boxes on frames between two detections lie between these, instead of being foreseen from the first,
        and so do the probabilities of a face that stays as it is (`classifying`).
        """
        return self.read(self.follow(pictures))

    def follow(self, pictures: Sequence[tuple[UInt8Array | Frame, float]]) -> "Followed":
        """The first half of `step_many`: find and follow the faces.

        One thread may follow the next frames while another reads what was followed before.
        """
        parts, forgets = self._take_parts()
        reads_anew, self._reads_anew = self._reads_anew or forgets, False
        views = self._follow([(as_frame(picture), time_s) for picture, time_s in pictures])
        return Followed(
            views=views,
            predictor=parts.predictor,
            smoothing_s=parts.temporal.smoothing_s,
            forgets=forgets,
            reads_anew=reads_anew,
        )

    def read(self, followed: "Followed") -> list[FrameResult]:
        """The second half of `step_many`: classify and smooth what `follow` gave, in its order."""
        if followed.forgets:
            self._smoother.reset()
        if followed.reads_anew:
            self._reader.reset()
        self._smoother.time_constant_s = followed.smoothing_s
        start = time.perf_counter()
        sightings = [item for view in followed.views for item in view.sightings]
        readings = iter(self._reader.read(followed.predictor, sightings, followed.smoothing_s))
        classify_ms = 1e3 * (time.perf_counter() - start) / max(1, len(followed.views))
        return [self._collect(view, readings, classify_ms) for view in followed.views]

    def _follow(self, frames: Sequence[tuple[Frame, float]]) -> "list[_View]":
        views: list[_View] = []
        for size, group in itertools.groupby(frames, key=lambda item: item[0].size):
            if size != self._size:  # a turned phone, a changed link: boxes of before say nothing any more
                self._begin_scene()
                self._cuts.reset()
                self._size = size
            views += self._follow_one_size(list(group))
        return views

    def _follow_one_size(self, frames: Sequence[tuple[Frame, float]]) -> "list[_View]":
        views: list[_View] = []
        scene: list[tuple[Frame, float]] = []
        places: list[FaceBox] = []
        for frame, time_s in frames:
            # Between a cut and the search that follows, the faces' old places are all that is known.
            places = [face.box for face in self._tracker.faces(time_s)] or places
            if self._cuts.is_cut(frame.luma, places):
                views += self._follow_scene(scene)
                self._begin_scene()
                scene = []
            scene.append((frame, time_s))
        return views + self._follow_scene(scene)

    def _begin_scene(self) -> None:
        """Whoever is in the picture now is somebody else, and looked for at once."""
        self._tracker.forget()
        _forget(self._active.detector)
        self._frames_to_detection = 0

    def _follow_scene(self, frames: Sequence[tuple[Frame, float]]) -> "list[_View]":
        views: list[_View] = []
        while len(views) < len(frames):
            waiting = frames[len(views) :]
            num_before = self._num_frames_to_search([time_s for _, time_s in waiting])
            if num_before == len(waiting):
                views += [self._view(*frame, self._tracker.faces) for frame in waiting]
                self._frames_to_detection -= len(waiting)
            else:
                searched = self._search(*waiting[num_before])
                views += [self._view(*frame, self._tracker.faces_between) for frame in waiting[:num_before]]
                views.append(searched)
        return views

    def _num_frames_to_search(self, times_s: Sequence[float]) -> int:
        """How many of the next frames come before the one to be searched; all, if it is not among them."""
        for index, time_s in enumerate(times_s):
            is_too_long = not 0 <= time_s - self._searched_s <= _MAX_UNSEARCHED_S
            if index >= self._frames_to_detection or is_too_long:
                return index
        return len(times_s)

    def _search(self, frame: Frame, time_s: float) -> "_View":
        start = time.perf_counter()
        boxes = _detect(self._active.detector, frame)
        detect_ms = 1e3 * (time.perf_counter() - start)
        start = time.perf_counter()
        self._tracker.update(boxes, time_s)
        update_ms = 1e3 * (time.perf_counter() - start)
        self._frames_to_detection = self._active.temporal.detect_every - 1
        self._searched_s = time_s
        view = self._view(frame, time_s, self._tracker.faces)
        return replace(view, was_searched=True, detect_ms=detect_ms, track_ms=view.track_ms + update_ms)

    def _view(self, frame: Frame, time_s: float, place: Callable[[float], list[TrackedFace]]) -> "_View":
        start = time.perf_counter()
        tracked = place(time_s)
        return _View(
            frame=frame,
            time_s=time_s,
            tracked=tracked,
            known_ids=self._tracker.known_ids,
            track_ms=1e3 * (time.perf_counter() - start),
        )

    def _collect(
        self, view: "_View", readings: Iterator[tuple[Prediction, FaceQuality]], classify_ms: float
    ) -> FrameResult:
        """Smooth the predictions of one frame's current faces, which are the next of `readings`.

        Quality is the frame's own: a bad frame's probabilities are softened before they are smoothed, so it
        moves what is shown the less, and what is expected of it is low.
        """
        start = time.perf_counter()
        self._smoother.keep_only(view.known_ids)
        self._qualities = {key: self._qualities[key] for key in self._qualities.keys() & view.known_ids}
        faces = []
        for face in view.tracked:
            if face.is_current:
                prediction, self._qualities[face.track_id] = next(readings)
                shown = self._smoother.update(face.track_id, prediction, view.time_s)
            else:  # where the face was not found pixels say nothing: it keeps what was last known of it
                last = self._smoother.current(face.track_id)
                if last is None:
                    continue
                shown = last
            quality = self._qualities.get(face.track_id)
            faces.append(judge(face.box, shown, quality, face.track_id))
        return FrameResult(
            faces=tuple(faces),
            time_s=view.time_s,
            was_searched=view.was_searched,
            times=StageTimes(
                detect_ms=view.detect_ms,
                classify_ms=classify_ms,
                track_ms=view.track_ms + 1e3 * (time.perf_counter() - start),
            ),
        )

    def _take_parts(self) -> tuple[_Parts, bool]:
        """Put into effect what was asked for since the last step; whether faces' readings are forgotten."""
        with self._lock:
            parts, before, reset_wanted = self._parts, self._active, self._reset_wanted
            self._active, self._reset_wanted = parts, False
        if reset_wanted:
            self._tracker.reset()
            self._cuts.reset()
        if reset_wanted or parts.detector is not before.detector:
            _forget(parts.detector)
            self._frames_to_detection = 0
        self._frames_to_detection = min(self._frames_to_detection, parts.temporal.detect_every - 1)
        self._tracker.config = parts.temporal
        return parts, reset_wanted or parts.predictor is not before.predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A frame whose faces are followed but not classified yet."""

    frame: Frame
    time_s: float
    tracked: list[TrackedFace]
    known_ids: set[int]
    track_ms: float
    was_searched: bool = False
    detect_ms: float = 0.0

    @property
    def sightings(self) -> list[Sighting]:
        """The faces that were found here, which are to be read."""
        return [
            Sighting(face.track_id, face.box, self.frame, self.time_s)
            for face in self.tracked
            if face.is_current
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Frames whose faces are followed, and how they are to be read."""

    views: Sequence[_View]
    predictor: Predictor
    smoothing_s: float
    forgets: bool
    """Whether nothing that was read before counts."""
    reads_anew: bool
    """Whether nothing is interpolated from what was read before."""


def _forget(detector: FaceDetector) -> None:
    """Tell a detector that searches where faces were that they are elsewhere."""
    getattr(detector, "forget", lambda: None)()


def _detect(detector: FaceDetector, frame: Frame) -> list[FaceBox]:
    """The faces in the frame's pixels; a detector that searches no more than `max_side_px` gets no more."""
    image_rgb = frame.rgb(getattr(detector, "max_side_px", None))
    scale = max(frame.size) / max(image_rgb.shape[:2])
    boxes = detector.detect(image_rgb)
    return boxes if scale == 1 else [box.scaled(scale) for box in boxes]
