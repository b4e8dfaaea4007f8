"""What a live stream runs on each frame: detector and models, and the painters of what they find."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np

from fer_core.inference.face_quality import judge, read_faces
from fer_core.inference.frames import as_frame
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.live_voice import LiveVoice
from fer_core.inference.overlay import OverlayPainter, OverlayStyle
from fer_core.inference.smoothing import ProbabilitySmoother
from fer_core.inference.stream import FaceStream, FrameResult
from fer_core.inference.tracker import TemporalConfig
from fer_core.types import FaceResult, UInt8Array, VoiceResult

_PANEL_SCALE: Final[float] = 0.75
"""Size of each picture when two stand side by side: 2 x 0.75 is what a browser link still carries well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What can be changed at any moment without loading anything."""

    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    style: OverlayStyle = field(default_factory=OverlayStyle)
    mirror: bool = True
    """Show the picture as a mirror does, which is what people expect of their own face."""


class _Comparison:
    """A second model on the faces that the stream has found: no second search, the same ids."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._smoother = ProbabilitySmoother(0.0)

    def read(
        self, frame_rgb: UInt8Array, faces: Sequence[FaceResult], time_s: float, smoothing_s: float
    ) -> tuple[FaceResult, ...]:
        self._smoother.time_constant_s = smoothing_s
        ids = [face.track_id or 0 for face in faces]
        self._smoother.keep_only(set(ids))
        readings = read_faces(self.predictor, [(frame_rgb, [face.box for face in faces])])
        return tuple(
            judge(face.box, self._smoother.update(track_id, prediction, time_s), quality, face.track_id)
            for face, track_id, (prediction, quality) in zip(faces, ids, readings, strict=True)
        )

    def reset(self) -> None:
        self._smoother.reset()


class LiveStep(NamedTuple):
    """What came of a frame."""

    drawn: UInt8Array
    faces: tuple[tuple[FaceResult, ...], ...]
    """By model."""
    voice: VoiceResult | None
    """None where nobody listens."""
    stages: dict[str, float]
    """Times in ms."""


class LiveEngine:
    """Detector and models on one stream. Belongs to the thread that holds the session's step lock."""

    def __init__(
        self, detector: FaceDetector, predictors: Sequence[Predictor], settings: LiveSettings
    ) -> None:
        self.detector = detector
        self.predictors = tuple(predictors)
        self._stream = FaceStream(detector, predictors[0], settings.temporal)
        self._others = [_Comparison(predictor) for predictor in predictors[1:]]
        self._painters = [OverlayPainter(settings.style) for _ in predictors]
        self._frame_size: tuple[int, ...] = ()

    def has_parts(self, detector: FaceDetector, predictors: Sequence[Predictor]) -> bool:
        """Whether these very parts are in use."""
        parts = list(map(id, (self.detector, *self.predictors)))
        return parts == list(map(id, (detector, *predictors)))

    def follow(self, before: "LiveEngine | None") -> None:
        """Continue with the faces of the engine that this one replaces, where they can be kept."""
        if before is not None and before.detector is self.detector:
            self._stream = before._stream
            self._stream.swap(predictor=self.predictors[0])
            self._frame_size = before._frame_size

    def step(
        self, frame_rgb: UInt8Array, time_s: float, settings: LiveSettings, ears: LiveVoice | None = None
    ) -> "LiveStep":
        """Find, read and draw the faces of a frame, with what is heard then."""
        if frame_rgb.shape != self._frame_size:  # WebRTC changes the size of the picture as the link allows
            self._stream.reset()
            for other in self._others:
                other.reset()
            self._frame_size = frame_rgb.shape
        self._stream.swap(temporal=settings.temporal)
        result = self._stream.step(frame_rgb, time_s)
        start = time.perf_counter()
        faces = (result.faces, *self._read_others(frame_rgb, result, settings))
        compared = time.perf_counter()
        voice = None if ears is None else ears.look(as_frame(frame_rgb), result)
        drawn = self._draw(frame_rgb, faces, voice, settings.style)
        done = time.perf_counter()
        stages = {
            "classify": result.times.classify_ms + 1e3 * (compared - start),
            "track": result.times.track_ms,
            "draw": 1e3 * (done - compared),
        }
        if result.was_searched:
            stages["detect"] = result.times.detect_ms
        return LiveStep(drawn, faces, voice, stages)

    def _read_others(
        self, frame_rgb: UInt8Array, result: FrameResult, settings: LiveSettings
    ) -> list[tuple[FaceResult, ...]]:
        smoothing_s = settings.temporal.smoothing_s
        return [other.read(frame_rgb, result.faces, result.time_s, smoothing_s) for other in self._others]

    def _draw(
        self,
        frame_rgb: UInt8Array,
        faces: Sequence[Sequence[FaceResult]],
        voice: VoiceResult | None,
        style: OverlayStyle,
    ) -> UInt8Array:
        import cv2

        for painter in self._painters:
            painter.style = style
        if len(faces) == 1:
            return self._painters[0].draw(frame_rgb, faces[0], voice)
        small = cv2.resize(frame_rgb, None, fx=_PANEL_SCALE, fy=_PANEL_SCALE, interpolation=cv2.INTER_AREA)
        voices = (voice, None if voice is None else replace(voice, fused=None))  # the first model's faces
        panels = [
            painter.draw(np.asarray(small, np.uint8), [_scaled(face) for face in group], heard)
            for painter, group, heard in zip(self._painters, faces, voices, strict=True)
        ]
        return np.concatenate(panels, axis=1)


def _scaled(face: FaceResult) -> FaceResult:
    return replace(face, box=face.box.scaled(_PANEL_SCALE))
