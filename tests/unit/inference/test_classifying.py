"""Which frames of a face are classified, and what the others get."""

import cv2
import numpy as np
import pytest

from fer_core.inference.classifying import FaceReader, Sighting
from fer_core.inference.face_quality import read_faces
from fer_core.inference.frames import RgbFrame
from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.inference.sample import load_sample
from fer_core.inference.smoothing import ProbabilitySmoother
from fer_core.types import Float32Array, UInt8Array
from fer_core.workspace import PROJECT_ROOT
from tests.unit.inference.fakes import FakePredictor, box, frame


class Counting(FakePredictor):
    """The first class's probability is the brightness; keeps which brightness was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        self.seen += [int(crop[0, 0]) for crop in crops]
        return super().predict_crops(crops)


def see(pictures: list[UInt8Array], fps: float = 30, track_id: int = 1, start: int = 0) -> list[Sighting]:
    return [
        Sighting(track_id, box(10), RgbFrame(picture), (start + index) / fps)
        for index, picture in enumerate(pictures)
    ]


def sightings(levels: list[int], **place: float) -> list[Sighting]:
    return see([frame(level) for level in levels], **place)


def run(reader: FaceReader, items: list[Sighting], smoothing_s: float = 0.4) -> tuple[list[int], list[float]]:
    """The brightness of all looks, and what the reader makes of each frame's, by way of its best class."""
    predictor = Counting()
    found = reader.read(predictor, items, smoothing_s)
    assert [quality.brightness for _, quality in found] == [item.frame.rgb()[0, 0, 0] for item in items]
    return sorted(predictor.seen), [prediction.probabilities[0] for prediction, _ in found]


def every(items: list[Sighting]) -> list[float]:
    """What classifying every frame says."""
    found = read_faces(FakePredictor(), [(item.frame, [item.box]) for item in items])
    return [prediction.probabilities[0] for prediction, _ in found]


def test_between_two_looks_at_a_calm_face_lies_what_lies_between_them() -> None:
    items = sightings([100 + step for step in range(21)])
    seen, found = run(FaceReader(), items)
    assert seen == [100, 110, 120]
    assert found == pytest.approx(every(items), abs=1e-3)


@pytest.mark.parametrize(("fps", "step"), [(30, 10), (15, 5), (3, 1), (1, 1)])
def test_the_gap_is_a_time_whatever_the_rate(fps: float, step: int) -> None:
    levels = [100 + index for index in range(21)]
    assert run(FaceReader(), sightings(levels, fps=fps))[0] == levels[::step]


def test_a_change_is_looked_into() -> None:
    items = sightings([100] * 4 + [140, 180, 220] + [240] * 4)
    seen, found = run(FaceReader(), items)
    assert found == pytest.approx(every(items), abs=0.02)
    assert len(items) > len(seen) >= 7


def test_a_blink_between_two_looks_is_seen_though_both_are_alike() -> None:
    blink = frame(100)
    blink[40:60, 30:60] = 0
    pictures = [frame(100)] * 6 + [blink] + [frame(100)] * 5
    items = see(pictures)
    predictor = Counting()
    found = [prediction.probabilities[0] for prediction, _ in FaceReader().read(predictor, items, 0.4)]
    assert found == pytest.approx(every(items), abs=1e-4)


def test_batches_join() -> None:
    levels = [100 + index for index in range(12)]
    reader = FaceReader()
    first, second = run(reader, sightings(levels[:7])), run(reader, sightings(levels[7:], start=7))
    assert first[0] + second[0] == [100, 106, 111]
    assert first[1] + second[1] == pytest.approx(every(sightings(levels)), abs=1e-3)


def test_faces_are_kept_apart_and_a_new_one_is_looked_at_at_once() -> None:
    pairs = zip(sightings([100] * 4), sightings([200] * 4, track_id=2), strict=True)
    mixed = [item for pair in pairs for item in pair]
    seen, found = run(FaceReader(), mixed[:-1])
    assert seen == [100, 100, 200, 200]
    assert found == pytest.approx(every(mixed[:-1]), abs=1e-3)


def test_without_smoothing_every_frame_is_classified() -> None:
    levels = [100 + index for index in range(5)]
    assert run(FaceReader(), sightings(levels), smoothing_s=0.0)[0] == levels


def test_reset_forgets_what_was() -> None:
    reader = FaceReader()
    run(reader, sightings([100] * 3))
    reader.reset()
    seen, found = run(reader, sightings([200], start=3))
    assert seen == [200] and found == every(sightings([200]))


def test_what_a_shipped_model_says_of_a_moving_face_stays_within_two_hundredths() -> None:
    """A head that turns and comes nearer, with a jump in the middle: shown values of both ways."""
    predictor = OnnxPredictor(PROJECT_ROOT / "checkpoints" / "fer-tiny" / "model-fp32.onnx", device="cpu")
    portrait = load_sample()
    height, width = portrait.shape[:2]
    pictures = []
    for index in range(40):
        angle, zoom = (3 * np.sin(index / 12), 1 + index / 400) if index < 25 else (10.0, 1.3)
        turn = cv2.getRotationMatrix2D((width / 2, height / 3), angle, zoom)
        pictures.append(np.asarray(cv2.warpAffine(portrait, turn, (width, height)), np.uint8))
    face = box(width * 0.36, height * 0.1, width * 0.25, height * 0.35)
    items = [item._replace(box=face) for item in see(pictures)]
    num_seen = [0]

    class Counted:
        info, runtime, predict = predictor.info, predictor.runtime, predictor.predict

        def predict_crops(self, crops: UInt8Array) -> Float32Array:
            num_seen[0] += len(crops)
            return predictor.predict_crops(crops)

    sparse, full = FaceReader(), read_faces(predictor, [(item.frame, [item.box]) for item in items])
    read = [
        reading
        for start in range(0, 40, 10)
        for reading in sparse.read(Counted(), items[start : start + 10], 0.4)
    ]
    shown = []
    for readings in (read, full):
        smoother = ProbabilitySmoother(0.4)
        shown.append(
            [
                smoother.update(1, said, item.time_s).probabilities
                for item, (said, _) in zip(items, readings, strict=True)
            ]
        )
    assert np.abs(np.subtract(*shown)).max() <= 0.02
    assert num_seen[0] <= 30, "or nothing was spared"
