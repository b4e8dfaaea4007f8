"""Quality of faces: measures by hand, what they do to probabilities, and what follows from both."""

import dataclasses
import json
import math

import cv2
import numpy as np
import pytest

from fer_core.inference.detectors.pose import _FACE, estimate_pose
from fer_core.inference.face_quality import (
    COEFFICIENTS,
    FLAWS,
    compute_burdens,
    expect_correct,
    find_flaws,
    judge,
    load_quality_model,
    measure_quality,
    read_faces,
    soften,
)
from fer_core.inference.sample import load_sample
from fer_core.inference.stream import FaceStream
from fer_core.inference.tracker import TemporalConfig
from fer_core.types import FaceBox, FaceQuality, Prediction
from tests.unit.inference.fakes import FakeDetector, FakePredictor, box, frame

GOOD = FaceQuality(height_px=120, sharpness=0.7, brightness=120, contrast=40, yaw=0, pitch=0)
BAD = FaceQuality(height_px=12, sharpness=0.15, brightness=20, contrast=4, yaw=-70, pitch=40)


def test_measures_by_hand():
    stripes = np.tile(np.array([100, 140], np.uint8), (48, 24))  # a Laplacian of +-80 on +-20 grey levels
    (found,) = measure_quality(stripes[None], [dataclasses.replace(box(0), yaw=12.0)])
    assert found.sharpness == pytest.approx(80 / (20 + 2))
    assert (found.brightness, found.contrast) == (120, 20)
    assert (found.height_px, found.yaw, found.pitch) == (100, 12, None)
    (lying,) = measure_quality(stripes[None], [dataclasses.replace(box(0), roll=90)])
    assert lying.height_px == 80, "hairline to chin, whichever way the face is turned"


@pytest.mark.parametrize("shape", [(48, 48), (96, 96), (48, 48, 3), (20, 24), (224, 224, 3)])
def test_crops_of_any_input_are_measured(shape):
    (found,) = measure_quality(np.full((1, *shape), 77, np.uint8), [box(0)])
    assert (found.sharpness, found.contrast) == (0, 0) and found.brightness == pytest.approx(77)


def test_blur_darkness_and_flatness_are_seen():
    face = cv2.resize(cv2.cvtColor(load_sample(), cv2.COLOR_RGB2GRAY)[60:170, 170:280], (48, 48))
    worse = [cv2.GaussianBlur(face, (0, 0), 2), face // 4, (face * 0.2 + 90).astype(np.uint8)]
    plain, blurred, dark, flat = measure_quality(np.stack([face, *worse]), [box(0)] * 4)
    assert blurred.sharpness < 0.6 * plain.sharpness
    assert dark.brightness < 0.3 * plain.brightness
    assert flat.contrast < 0.3 * plain.contrast


def _turn(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The generic face turned by known angles, as a camera far away sees it: 5 x 2 pixels."""
    y, p, r = np.radians([yaw, pitch, roll])
    around = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    flat = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return 40 * (_FACE @ (flat @ up @ around).T)[:, :2] + 300


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (35, 0, 0), (-60, 0, 0), (0, 20, 0), (0, -25, 30), (20, 0, -40)]
)
def test_yaw_and_pitch_of_a_face_of_known_turn(yaw, pitch, roll):
    found = estimate_pose(_turn(yaw, pitch, roll).ravel().tolist(), roll)
    assert found == pytest.approx((yaw, pitch), abs=1)
    mirrored = (_turn(yaw, pitch, roll) * (-1, 1))[[1, 0, 2, 4, 3]]
    assert estimate_pose(mirrored.ravel().tolist(), -roll) == pytest.approx((-yaw, pitch), abs=1)


def test_points_that_are_one_tell_nothing():
    assert estimate_pose([5.0] * 10, 0) is None


def test_burdens_by_hand():
    face = FaceQuality(height_px=16, sharpness=0.3, brightness=200, contrast=0, yaw=-60, pitch=None)
    assert compute_burdens(face) == pytest.approx((2, 1, 0, 3, 4, 0))
    assert compute_burdens(GOOD) == (0,) * 6


def test_every_flaw_is_found_and_has_words():
    assert find_flaws(BAD) == tuple(FLAWS)
    assert find_flaws(GOOD) == ()


def test_softening_keeps_labels_and_sums_and_spares_good_faces():
    sure = np.array([[0.9, 0.08, 0.02]] * 2, np.float32)
    good, bad = soften(sure, [GOOD, BAD])
    np.testing.assert_allclose(good, sure[0], rtol=1e-5)
    assert bad.argmax() == 0 and bad.sum() == pytest.approx(1)
    weights = load_quality_model().softening.values()
    temperature = math.exp(np.dot(list(weights), compute_burdens(BAD)))
    assert math.log(bad[0] / bad[1]) == pytest.approx(math.log(0.9 / 0.08) / temperature, rel=1e-4)
    assert temperature > 1  # a fit without any softening would be a broken fit


@pytest.mark.parametrize("num_classes", [2, 3, 8, 26])
def test_expected_correctness_rises_with_confidence_and_falls_with_every_flaw(num_classes):
    def chances(best: float) -> list[float]:
        return [best, *[(1 - best) / (num_classes - 1)] * (num_classes - 1)]

    rising = [expect_correct(chances(best), GOOD) for best in np.linspace(1 / num_classes, 1, 9)]
    assert rising == sorted(rising) and 0 <= rising[0] < rising[-1] <= 1
    one_bad = {
        "height_px": 12, "sharpness": 0.15, "brightness": 20, "contrast": 4, "yaw": -70, "pitch": 40,
    }  # fmt: skip
    for name, value in one_bad.items():
        worse = expect_correct(chances(0.9), dataclasses.replace(GOOD, **{name: value}))
        assert worse <= expect_correct(chances(0.9), GOOD), name
    (softened,) = soften(np.array([chances(0.9)], np.float32), [BAD])
    assert expect_correct(softened.tolist(), BAD) < expect_correct(chances(0.9), GOOD)


def test_the_numbers_of_the_package_say_how_they_came_about():
    stored = json.loads(COEFFICIENTS.read_text())
    assert stored["n"] > 1000 and stored["models"] and stored["fitted_by"]
    model = load_quality_model()
    assert list(model.softening) == list(model.burden) == list(FLAWS)
    assert min(*model.softening.values(), *model.burden.values()) >= 0


def test_a_face_without_quality_is_never_uncertain():
    prediction = Prediction.from_array(("a", "b"), (0.5, 0.5))
    assert judge(box(0), prediction, None).expected_correctness is None


def test_reading_needs_no_face():
    assert read_faces(FakePredictor(), [(frame(9), [])]) == []


def test_a_stream_expects_less_of_a_turned_face_and_keeps_what_is_known_of_a_lost_one():
    detector = FakeDetector([dataclasses.replace(box(10), yaw=0.0, pitch=0.0)])
    stream = FaceStream(detector, FakePredictor(), TemporalConfig(detect_every=1, smoothing_s=0))
    (straight,) = stream.step(frame(200), 0.0).faces
    detector.boxes = [dataclasses.replace(box(10), yaw=80.0, pitch=0.0)]
    (aside,) = stream.step(frame(200), 0.1).faces
    assert aside.expected_correctness < straight.expected_correctness
    assert "turned" in find_flaws(aside.quality) and "turned" not in find_flaws(straight.quality)
    detector.boxes = []
    (lost,) = stream.step(frame(200), 0.2).faces
    assert (lost.quality, lost.expected_correctness) == (aside.quality, aside.expected_correctness)


def test_a_box_far_outside_is_measured():
    ((_, quality),) = read_faces(
        FakePredictor(), [(frame(60), [FaceBox(x=-900, y=0, width=9, height=9, score=1)])]
    )
    assert quality.height_px == 9 and quality.contrast == 0
