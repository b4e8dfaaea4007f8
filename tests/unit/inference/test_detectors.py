import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from fer_core.checkpoint import FramingSpec
from fer_core.errors import ConfigError, FerError, MediaError
from fer_core.framing import compute_square
from fer_core.images import load_image
from fer_core.inference.detectors import (
    DETECTORS,
    DetectorKind,
    build_detector,
    choose_detector,
    default_detector,
    list_usable_detectors,
)
from fer_core.inference.detectors.base import merge_boxes
from fer_core.inference.detectors.haar import HaarDetector
from fer_core.inference.detectors.turned import TurnedFaceDetector
from fer_core.inference.detectors.whole_image import WholeImageDetector
from fer_core.inference.detectors.yunet_network import LARGE_PX, YuNetNetwork
from fer_core.inference.downloads import YUNET, weights_path
from fer_core.inference.face_import import build_cropper
from fer_core.inference.pipeline import build_pipeline, build_stream
from fer_core.inference.predictor import load_predictor
from fer_core.inference.sample import load_sample
from fer_core.inference.tracker import TemporalConfig
from fer_core.types import FaceBox
from tests.unit.inference.test_predictor import make_predictor

SAMPLE_FACE = (224, 115)
"""Centre of the face on the sample picture, in pixels, read off it by eye."""


@pytest.fixture
def with_yunet(workspace, shared):
    path = weights_path(YUNET, workspace)
    path.parent.mkdir(parents=True)
    shutil.copy(shared / "models" / YUNET.file_name, path)
    return workspace


def assert_is_sample_face(boxes):
    assert len(boxes) >= 1
    center = boxes[0].center
    assert abs(center[0] - SAMPLE_FACE[0]) < 20
    assert abs(center[1] - SAMPLE_FACE[1]) < 25
    assert 80 < boxes[0].height < 160


def test_haar_finds_the_sample_face_with_nothing_installed(workspace):
    boxes = build_detector("haar", workspace).detect(load_sample())
    assert_is_sample_face(boxes)
    assert 0 <= boxes[0].score <= 1


def test_yunet_and_haar_answer_in_one_convention(with_yunet):
    yunet = build_detector("yunet", with_yunet).detect(load_sample())
    assert_is_sample_face(yunet)
    haar = build_detector("haar", with_yunet).detect(load_sample())[0]
    assert haar.height == pytest.approx(yunet[0].height, rel=0.2)
    assert haar.width == pytest.approx(yunet[0].width, rel=0.25)


@pytest.mark.parametrize("name", ["yunet", "haar"])
def test_boxes_are_best_first_and_in_the_pictures_own_pixels(with_yunet, name):
    sample = load_sample()
    large = np.tile(sample, (4, 4, 1))[:1400, :2000]
    boxes = build_detector(name, with_yunet).detect(large)
    assert len(boxes) >= 4, "the same face, many times"
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    assert max(box.x + box.width for box in boxes) > 1300


@pytest.mark.parametrize("name", ["yunet", "haar"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 1000), (1000, 16), (700, 700)])
def test_pictures_without_a_face(with_yunet, name, shape):
    assert build_detector(name, with_yunet).detect(np.full((*shape, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("shape", [(16, 1000), (1000, 16), (32, 320), (40, 40), (480, 640)])
def test_yunet_finds_nothing_on_a_plain_picture_of_any_shape(with_yunet, shape):
    """On pictures with a side under 64 px OpenCV 4.14 reads memory that it never wrote."""
    assert build_detector("yunet", with_yunet).detect(np.full((*shape, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("size", [(320, 213), (641, 427), (1280, 853)])
def test_the_network_answers_as_opencv_does(with_yunet, shared, size):
    content = (shared / "models" / "face_detection_yunet_2023mar.onnx").read_bytes()
    found = []
    for path in sorted((shared / "media" / "photos").glob("*.jpg")):
        image = cv2.resize(load_image(path), size, interpolation=cv2.INTER_AREA)
        ours = YuNetNetwork(content).find(image, score_threshold=0.7, nms_threshold=0.3)
        opencv = cv2.FaceDetectorYN.create(
            "onnx", np.frombuffer(content, np.uint8), np.empty(0, np.uint8), size
        )
        opencv.setScoreThreshold(0.7)
        _, theirs = opencv.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        theirs = np.empty((0, 15), np.float32) if theirs is None else theirs
        np.testing.assert_allclose(ours, theirs, atol=0.02, rtol=1e-3)
        found.append(len(ours))
    assert max(found) > 1 and sum(found) >= 6


@pytest.mark.parametrize("name", ["faceapi_angry", "faceapi_happy", "faceapi_sad", "faceapi_surprised"])
def test_yunet_finds_the_one_face_of_a_portrait(with_yunet, shared, name):
    image = load_image(shared / "media" / "photos" / f"{name}.jpg")
    assert len(build_detector("yunet", with_yunet).detect(image)) == 1
    network = YuNetNetwork((shared / "models" / "face_detection_yunet_2023mar.onnx").read_bytes())
    small = cv2.resize(image, (480, 480), interpolation=cv2.INTER_AREA)
    whole, large = (
        network.find(small, score_threshold=0.7, nms_threshold=0.3, only_large=only_large)
        for only_large in (False, True)
    )
    assert whole[0, 3] > LARGE_PX
    np.testing.assert_allclose(large, whole, atol=1e-3)


def test_yunet_finds_all_29_of_the_solvay_conference(with_yunet, shared):
    image = load_image(shared / "media" / "photos" / "human_solvay1927.jpg")
    assert len(build_detector("yunet", with_yunet).detect(image)) == 29


@pytest.mark.parametrize(("height", "width"), [(48, 48), (200, 120), (66, 88)])
def test_whole_image_is_the_square_in_the_middle(height, width):
    framing = FramingSpec(side_per_height=1.2, shift_up=0.05)
    boxes = WholeImageDetector(framing=framing).detect(np.zeros((height, width, 3), np.uint8))
    square = compute_square(boxes[0], framing)
    side = min(height, width)
    assert (square.x, square.y, square.side) == pytest.approx(((width - side) / 2, (height - side) / 2, side))


def test_choice_says_why_it_is_not_yunet(workspace, tmp_path):
    assert default_detector(workspace) == "haar"
    assert "fer fetch yunet" in choose_detector(workspace).note
    path = weights_path(YUNET, workspace)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network")
    assert "damaged" in choose_detector(workspace).note
    with pytest.raises(FerError, match="SHA-256"):
        build_detector("yunet", workspace)


def test_choice_is_yunet_where_it_is_installed(with_yunet):
    assert choose_detector(with_yunet).name == "yunet"
    assert choose_detector(with_yunet).note is None


def test_names_and_options_are_checked(workspace):
    assert set(DETECTORS) == {"yunet", "haar", "whole-image"}
    with pytest.raises(ConfigError, match="Did you mean 'yunet'"):
        build_detector("yunett", workspace)
    with pytest.raises(FerError, match="fer fetch yunet"):
        build_detector("yunet", workspace)
    for options in ({"min_face": 0}, {"min_neighbors": 0}, {"max_side_px": 10}):
        with pytest.raises(ConfigError):
            HaarDetector(**options)


class Middle:
    """A detector as CONTRIBUTING describes it: no setting, no file."""

    name = "middle"

    def detect(self, image_rgb):
        height, width = image_rgb.shape[:2]
        return [FaceBox(x=width / 4, y=height / 4, width=width / 2, height=height / 2, score=0.5)]


@pytest.fixture
def middle():
    DETECTORS.register("middle")(DetectorKind(build=lambda request: Middle(), title="Middle"))
    yield
    del DETECTORS._entries["middle"]


@pytest.mark.usefixtures("middle")
def test_a_detector_that_is_registered_serves_pictures_streams_and_imports(workspace):
    image = np.zeros((40, 60, 3), np.uint8)
    predictor = make_predictor()
    (face,) = build_pipeline("middle", predictor, workspace).analyze(image)
    assert (face.box.x, face.box.y, face.box.width, face.box.height) == (15, 10, 30, 20)
    assert build_stream("middle", predictor, workspace, TemporalConfig()).step(image, 0.0).faces
    crop = build_cropper("middle", workspace, width=48, height=48)
    assert crop(image, None).shape == (48, 48, 3)
    assert "middle" in list_usable_detectors(workspace)
    assert "yunet" not in list_usable_detectors(workspace), "its file is not there"


@pytest.mark.usefixtures("middle")
def test_a_detector_must_go_by_its_registered_name(workspace, monkeypatch):
    monkeypatch.setattr(Middle, "name", "center")
    with pytest.raises(ConfigError, match="'middle' calls itself 'center'"):
        build_detector("middle", workspace)


def make_foreign(detect):
    """A detector kind of a package that answers with `detect`."""
    built = SimpleNamespace(name="foreign", detect=detect, framing="its own")
    return DetectorKind(build=lambda request: built, title="x")


def fail(*_arguments):
    raise KeyError("x")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (fail, "failed to build a detector: KeyError: 'x'"),
        (lambda request: None, "builds None; expected something with `name` and `detect`"),
        (lambda request: SimpleNamespace(detect=fail), "builds namespace.*; expected something with `name`"),
        (lambda request: SimpleNamespace(name="foreign", detect=3), "builds .* and `detect`"),
        (lambda request: SimpleNamespace(name="other", detect=fail), "calls itself 'other'"),
    ],
)
def test_a_packages_detector_that_can_not_be_built_is_named(workspace, add_plugin, build, message):
    add_plugin(DETECTORS, "foreign", DetectorKind(build=build, title="x"))
    with pytest.raises(
        ConfigError, match=f"^the face detector 'foreign' of the package fer-foreign {message}"
    ):
        build_detector("foreign", workspace)


FACE = FaceBox(x=10, y=5, width=20, height=25, score=0.5)
WRONG_FACES = {
    "width": replace(FACE, width=0),
    "height": replace(FACE, height=-25),
    "left": replace(FACE, x=-20),
    "right": replace(FACE, x=60),
    "above": replace(FACE, y=-30),
    "below": replace(FACE, y=40),
    "large": replace(FACE, width=601),
    "infinite": replace(FACE, x=math.inf),
    "roll": replace(FACE, roll=math.nan),
    "score": replace(FACE, score=1.01),
    "negative score": replace(FACE, score=-0.01),
    "no score": replace(FACE, score=math.nan),
}
WRONG_ANSWERS = {
    "raises": (fail, "failed to detect in a picture of 60x40 px: KeyError: 'x'"),
    "None": (lambda image: None, "gives None as faces; expected a list of FaceBox"),
    "array": (lambda image: np.zeros((1, 4)), "gives array.* as faces"),
    "generator": (lambda image: (box for box in [FACE]), "gives <generator .* as faces"),
    "rows": (lambda image: [(1, 2, 3, 4)], r"gives \(1, 2, 3, 4\) as a face; expected a FaceBox"),
    "words": (lambda image: [replace(FACE, x="1")], "failed to detect .* TypeError"),
    **{
        name: (lambda image, box=box: [FACE, box], "gives FaceBox.* as a face of .*; expected finite numbers")
        for name, box in WRONG_FACES.items()
    },
}


@pytest.mark.parametrize("fault", WRONG_ANSWERS)
def test_a_packages_detector_that_answers_wrongly_is_named(workspace, add_plugin, fault):
    detect, message = WRONG_ANSWERS[fault]
    add_plugin(DETECTORS, "foreign", make_foreign(detect))
    detector = build_detector("foreign", workspace)
    with pytest.raises(
        MediaError, match=f"^the face detector 'foreign' of the package fer-foreign {message}"
    ):
        detector.detect(np.zeros((40, 60, 3), np.uint8))


def test_a_packages_detector_that_answers_rightly_is_believed(workspace, add_plugin):
    """Faces may reach over the edges; the best comes first."""
    over = replace(FACE, x=-19, y=39, score=1, width=np.float32(300), height=300, yaw=3.0)
    add_plugin(DETECTORS, "foreign", make_foreign(lambda image: (FACE, over)))
    detector = build_detector("foreign", workspace)
    assert detector.detect(np.zeros((40, 60, 3), np.uint8)) == [over, FACE]
    assert (detector.name, detector.framing) == ("foreign", "its own")


def test_merging_keeps_the_best_of_overlapping_boxes():
    def box(x, score, size=100):
        return FaceBox(x=x, y=0, width=size, height=size, score=score)

    kept = merge_boxes([box(0, 0.7), box(10, 0.9), box(300, 0.5), box(20, 0.6, size=30)])
    assert [(item.x, item.score) for item in kept] == [(10, 0.9), (300, 0.5)]


def test_a_box_inside_another_is_dropped_whatever_its_score():
    face = FaceBox(x=0, y=0, width=158, height=158, score=0.7)
    mouth = FaceBox(x=40, y=90, width=64, height=64, score=0.9)
    assert merge_boxes([mouth, face]) == [face]


def test_haar_takes_no_mouth_for_a_second_face(workspace, monkeypatch):
    """As OpenCV's cascade answered on FER2013's image 10507, enlarged four times: a face, and its mouth."""
    detector = build_detector("haar", workspace)
    squares = np.array([[60, 60, 158, 158], [110, 130, 64, 64]])
    monkeypatch.setattr(detector, "_cascade", FixedCascade(squares, np.array([107.4, 108.0])))
    (box,) = detector.detect(np.full((288, 288, 3), 128, np.uint8))
    assert box.height == pytest.approx(1.06 * 158)


class FixedCascade:
    """Answers as OpenCV's cascades do."""

    def __init__(self, squares, weights):
        self.answer = squares, np.ones(len(squares)), weights

    def detectMultiScale3(self, *_args, **_options):  # noqa: N802 - OpenCV's name
        return self.answer


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("name", ["faceapi_surprised", "vlfaceapi_sample3", "human_solvay1927"])
def test_faces_of_a_turned_photo_are_found_and_read_upright(with_yunet, shared, name, quarters):
    """As many as upright, the box where the face is, and what it is read as does not change."""
    image = load_image(shared / "media" / "photos" / f"{name}.jpg")
    pipeline = build_pipeline("yunet", load_predictor("fer-small", with_yunet), with_yunet)
    upright, turned = (pipeline.analyze(np.ascontiguousarray(np.rot90(image, -n))) for n in (0, quarters))
    assert len(turned) == len(upright)
    for face in upright:
        height, width = image.shape[:2]
        x, y = face.box.center
        place = {1: (height - y, x), 2: (width - x, height - y), 3: (y, width - x)}[quarters]
        (same,) = [item for item in turned if np.hypot(*np.subtract(item.box.center, place)) < 8]
        assert same.prediction.label == face.prediction.label
        off = same.box.roll - face.box.roll - 90 * quarters
        assert abs((off + 180) % 360 - 180) < 10
        sides = (same.box.height, same.box.width) if quarters % 2 else (same.box.width, same.box.height)
        assert sides == pytest.approx((face.box.width, face.box.height), rel=0.1)


def test_haar_finds_a_face_that_stands_on_its_head(workspace):
    (upright,) = build_detector("haar", workspace).detect(load_sample())
    (box,) = build_detector("haar", workspace).detect(np.ascontiguousarray(np.rot90(load_sample(), 2)))
    assert (upright.roll, box.roll) == (0, 180)
    assert box.x == pytest.approx(load_sample().shape[1] - upright.x - upright.width, abs=2)


class OneTurn(TurnedFaceDetector):
    """Sees a face only in pictures whose first pixel is white, and counts what it is given."""

    name = "one-turn"
    sure_score = 0.5

    def __init__(self, **options):
        super().__init__(**options)
        self.num_searches = 0

    def _find_upright(self, image_rgb):
        self.num_searches += 1
        return [FaceBox(x=5, y=5, width=8, height=10, score=0.9)] if image_rgb[0, 0, 0] else []


@pytest.mark.parametrize(("is_stream", "searches"), [(False, [4, 4, 4, 4, 4]), (True, [4, 2, 2, 2, 2])])
def test_while_a_stream_shows_nobody_one_other_turn_is_searched_at_a_time(is_stream, searches):
    detector, nobody = OneTurn(is_stream=is_stream), np.zeros((40, 60, 3), np.uint8)
    for number in searches:
        detector.num_searches = 0
        assert detector.detect(nobody) == []
        assert detector.num_searches == number


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_stream_looks_in_the_last_turn_first_and_finds_who_comes(is_stream):
    """The white corner lies at the lower right: the face stands on its head, and its box is there."""
    detector, picture = OneTurn(is_stream=is_stream), np.zeros((40, 60, 3), np.uint8)
    picture[-1, -1] = 255
    found = [detector.detect(picture) for _ in range(3)]
    assert all(len(boxes) == 1 for boxes in found)
    box = found[0][0]
    assert (box.x, box.y, box.width, box.height, box.roll) == (60 - 13, 40 - 15, 8, 10, 180)
    for _ in range(2):
        detector.detect(np.zeros_like(picture))
    detector.num_searches = 0
    found = [detector.detect(picture) for _ in range(3)]
    assert len(found[-1]) == 1, "at the third search at the latest"
