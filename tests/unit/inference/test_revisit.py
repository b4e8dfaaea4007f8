"""What of a stream's next picture is searched, and that it finds what a search of the whole finds."""

import shutil

import cv2
import numpy as np
import pytest

from fer_core.inference.detectors import build_detector
from fer_core.inference.detectors.turned import TurnedFaceDetector
from fer_core.inference.downloads import YUNET, weights_path
from fer_core.inference.sample import load_sample
from fer_core.types import FaceBox, UInt8Array

_WHITE, _GREY = 255, 90


class Spots(TurnedFaceDetector):
    """Every white spot is a face; keeps the sizes of the pictures that it was given."""

    name = "spots"
    clear_score = sure_score = 0.9

    def __init__(self) -> None:
        super().__init__(is_stream=True)
        self.sizes: list[tuple[int, int]] = []

    def _find_upright(self, image_rgb: UInt8Array) -> list[FaceBox]:
        self.sizes.append((image_rgb.shape[1], image_rgb.shape[0]))
        _, _, stats, _ = cv2.connectedComponentsWithStats((image_rgb[:, :, 0] == _WHITE).astype(np.uint8))
        boxes = (tuple(map(float, row[:4])) for row in stats[1:])
        return [FaceBox(x=x, y=y, width=w, height=h, score=0.95) for x, y, w, h in boxes]

    def look(self, image_rgb: UInt8Array) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
        """Where faces are, left to right, and what was searched for them."""
        self.sizes.clear()
        return sorted((box.x, box.y) for box in self.detect(image_rgb)), list(self.sizes)


def picture(*spots: tuple[int, int], size: tuple[int, int] = (640, 360)) -> UInt8Array:
    image = np.full((size[1], size[0], 3), _GREY, np.uint8)
    for x, y in spots:
        image[y : y + 40, x : x + 30] = _WHITE
    return image


WHOLE = [(640, 360)]
CROWD = [(60 + 150 * column, 40 + 150 * row) for column in range(4) for row in range(2)]


def test_a_face_that_moves_is_searched_where_it_was_and_one_that_stays_not_at_all() -> None:
    detector = Spots()
    assert detector.look(picture((100, 100))) == ([(100, 100)], WHOLE)
    assert detector.look(picture((104, 97))) == ([(104, 97)], [(160, 160)])
    assert detector.look(picture((104, 97))) == ([(104, 97)], [])


def test_the_whole_is_searched_every_fifth_time() -> None:
    detector = Spots()
    searched = [detector.look(picture((100 + index, 100)))[1] == WHOLE for index in range(11)]
    assert searched == [index % 5 == 0 for index in range(11)]


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (picture((100, 100), (400, 200)), [(100, 100), (400, 200)]),
        (picture((500, 100)), [(500, 100)]),
        (picture(), []),
        (picture((100, 100), size=(320, 360)), [(100, 100)]),
    ],
    ids=["somebody comes", "a jump", "gone", "another size"],
)
def test_where_something_happened_the_whole_is_searched_at_once(
    after: UInt8Array, found: list[tuple[int, int]]
) -> None:
    detector = Spots()
    detector.look(picture((100, 100)))
    places, sizes = detector.look(after)
    assert places == found
    assert after.shape[1::-1] in sizes


def test_after_a_cut_the_whole_is_searched() -> None:
    detector = Spots()
    detector.look(picture((100, 100)))
    detector.forget()
    assert detector.look(picture((100, 100)))[1] == WHOLE


def test_a_crowd_is_searched_as_a_whole() -> None:
    detector = Spots()
    detector.look(picture(*CROWD))
    assert detector.look(picture(*[(x + 3, y) for x, y in CROWD]))[1] == WHOLE


class LargeSpots(Spots):
    """Takes its spots for large, and tells how they were found again."""

    large_px = 40

    def _find_again(self, patch_rgb: UInt8Array, *, only_large: bool) -> list[FaceBox]:
        assert only_large
        return super()._find_again(patch_rgb, only_large=only_large)


@pytest.mark.parametrize(("spots", "searched"), [([(100, 100)], [(160, 160)]), (CROWD, WHOLE)])
def test_large_faces_are_found_again_as_such_even_where_the_whole_is_searched(spots, searched) -> None:
    detector = LargeSpots()
    detector.look(picture(*spots, size=(640, 360)))
    spots = [(x + 3, y) for x, y in spots]
    assert detector.look(picture(*spots)) == (sorted(spots), searched)


def test_yunet_sees_in_a_part_what_it_sees_in_the_whole(workspace, shared) -> None:
    path = weights_path(YUNET, workspace)
    path.parent.mkdir(parents=True)
    shutil.copy(shared / "models" / YUNET.file_name, path)
    stream, single = (
        build_detector("yunet", workspace, max_side_px=640, is_stream=is_stream)
        for is_stream in (True, False)
    )
    head = cv2.resize(load_sample()[20:220, 124:324], (128, 128), interpolation=cv2.INTER_AREA)
    for step in range(5):
        image = np.full((360, 640, 3), _GREY, np.uint8)
        image[60:188, 100 + 4 * step : 228 + 4 * step] = head
        (found,), (expected,) = stream.detect(image), single.detect(image)
        off = np.subtract(found.center, expected.center)
        assert np.abs([*off, found.width - expected.width, found.height - expected.height]).max() < 1
        assert stream._revisits._num_since == step, "the whole is searched once"
