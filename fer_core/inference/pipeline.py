"""The way from an image to labelled faces, and what is told of it: a table, or JSON."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fer_core.inference.face_quality import find_flaws, judge, read_faces
from fer_core.inference.face_table import list_values
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.stream import FaceStream
from fer_core.inference.tracker import TemporalConfig
from fer_core.results import FACE_FIELDS, name_columns
from fer_core.types import FaceResult, UInt8Array
from fer_core.workspace import Workspace

SCHEMA_VERSION: Final[int] = 1
STREAM_SIDE_PX: Final[int] = 640
"""Longest side at which frames are searched; it loses only faces under about 1/30 of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAnalysis:
    """What the pipeline found on one image."""

    faces: tuple[FaceResult, ...]
    """Best detection score first."""
    width_px: int
    height_px: int
    detector: str
    """Name in the detector registry."""
    model: str
    """Name of the checkpoint."""
    classes: tuple[str, ...]
    """Class names in the model's order."""
    timings_ms: Mapping[str, float]
    """Wall time of each stage, in milliseconds: `detect`, `classify`."""


class FacePipeline:
    """Detector and predictor joined. One instance serves one thread, as its detector does."""

    def __init__(self, detector: FaceDetector, predictor: Predictor) -> None:
        """Join two ready parts."""
        self.detector = detector
        self.predictor = predictor

    def analyze(self, image_rgb: UInt8Array) -> list[FaceResult]:
        """Return the faces of an H x W x 3 RGB image with their predictions, best detection first."""
        return list(self.examine(image_rgb).faces)

    def examine(self, image_rgb: UInt8Array) -> ImageAnalysis:
        """Like `analyze`, and say also what was used and how long it took."""
        start = time.perf_counter()
        boxes = self.detector.detect(image_rgb)
        detected = time.perf_counter()
        readings = read_faces(self.predictor, [(image_rgb, boxes)])
        classified = time.perf_counter()
        return ImageAnalysis(
            faces=tuple(
                judge(box, prediction, quality)
                for box, (prediction, quality) in zip(boxes, readings, strict=True)
            ),
            width_px=image_rgb.shape[1],
            height_px=image_rgb.shape[0],
            detector=self.detector.name,
            model=self.predictor.info.name,
            classes=self.predictor.info.classes,
            timings_ms={"detect": (detected - start) * 1e3, "classify": (classified - detected) * 1e3},
        )


def build_pipeline(detector: str, predictor: Predictor, workspace: Workspace, **wishes: Any) -> FacePipeline:
    """Build a pipeline from a detector's name and a loaded predictor.

    Args:
        detector: a name in the detector registry.
        predictor: a ready predictor; several pipelines may share it.
        workspace: where downloaded weights are.
        wishes: further fields of `DetectorRequest`.

    Raises:
        ConfigError: unknown detector, or a wish out of range.
        FerError: the detector's file is not installed.
    """
    from fer_core.inference.detectors import build_detector

    framing = predictor.info.input.framing
    return FacePipeline(build_detector(detector, workspace, framing=framing, **wishes), predictor)


FIXED_COLUMNS: Final[tuple[str, ...]] = (
    "face",
    "num_faces",
    *FACE_FIELDS,
)
"""Columns of `compute_rows`, before one of probabilities per class."""
_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(("x", "y", "width", "height", "roll", "yaw", "pitch", "height_px", "brightness"), 1),
    **dict.fromkeys(("score", "sharpness"), 4),
}
NO_FACE: Final[dict[str, Any]] = {"num_faces": 0}
"""Row of a picture without a face, whose other columns are empty: every picture is in the table."""


def build_stream(
    detector: str, predictor: Predictor, workspace: Workspace, temporal: TemporalConfig
) -> FaceStream:
    """Build the pipeline of a video or camera; frames are searched at `STREAM_SIDE_PX` at most.

    Args:
        detector: a name in the detector registry.
        predictor: a ready predictor; several streams may share it.
        workspace: where downloaded weights are.
        temporal: how frames are joined.

    Raises:
        ConfigError: unknown detector.
        FerError: the detector's file is not installed.
    """
    pipeline = build_pipeline(detector, predictor, workspace, max_side_px=STREAM_SIDE_PX, is_stream=True)
    return FaceStream(pipeline.detector, predictor, temporal)


def compute_rows(faces: Sequence[FaceResult]) -> list[dict[str, Any]]:
    """Return one flat row a face, for a table or CSV, with the columns `FIXED_COLUMNS` and the classes.

    Columns: face (from 1), num_faces (of the picture), those of `FACE_FIELDS` (docs/MEDIA.md), then one
    probability in [0, 1] a class, in the column that `name_columns` gives it.
    """
    return [
        {
            "face": number,
            "num_faces": len(faces),
            **_round_fields(face),
            **dict(zip(name_columns(face.prediction.classes), face.prediction.probabilities, strict=True)),
        }
        for number, face in enumerate(faces, start=1)
    ]


def _round_fields(face: FaceResult) -> dict[str, Any]:
    values = dict(zip(FACE_FIELDS, list_values(face), strict=True))
    return {
        name: value if value is None or name not in _DIGITS else round(value, _DIGITS[name])
        for name, value in values.items()
    }


def analysis_to_dict(analysis: ImageAnalysis, *, source: str) -> dict[str, Any]:
    """Return the analysis of one image as plain values for JSON; `source` says which image it was."""
    return {
        "source": source,
        "width_px": analysis.width_px,
        "height_px": analysis.height_px,
        "timings_ms": {stage: round(value, 3) for stage, value in analysis.timings_ms.items()},
        "faces": [face_to_dict(face) for face in analysis.faces],
    }


def face_to_dict(face: FaceResult) -> dict[str, Any]:
    """One face as plain values for JSON; its probabilities are sorted, most probable first."""
    box, quality = face.box, face.quality
    ranked = face.prediction.ranked()
    return {
        "box": {
            "x": box.x,
            "y": box.y,
            "width": box.width,
            "height": box.height,
            "score": box.score,
            "roll": box.roll,
            "yaw": box.yaw,
            "pitch": box.pitch,
        },
        "quality": None
        if quality is None
        else {
            "height_px": quality.height_px,
            "sharpness": quality.sharpness,
            "brightness": quality.brightness,
            "flaws": list(find_flaws(quality)),
        },
        "label": ranked[0][0],
        "confidence": ranked[0][1],
        "expected_correctness": face.expected_correctness,
        "probabilities": dict(ranked),
    }


def export_json(analyses: Sequence[tuple[str, ImageAnalysis]]) -> dict[str, Any]:
    """Return (source, analysis) pairs made by one pipeline as one JSON document.

    Probabilities are sorted, most probable first. They are apparent expressions: what a face looks like, not
    what a person feels.
    """
    first = analyses[0][1] if analyses else None
    return {
        "schema_version": SCHEMA_VERSION,
        "detector": first.detector if first else None,
        "model": first.model if first else None,
        "classes": list(first.classes) if first else [],
        "images": [analysis_to_dict(analysis, source=source) for source, analysis in analyses],
    }
