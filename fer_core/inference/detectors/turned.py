"""Finding faces whichever way they are turned, by detectors that know upright ones.

YuNet boxes most faces that lie on their side or stand on their head as if they were upright, its five points
included; only its score is lower. benchmarks/turned.py measures all constants.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, Final

import numpy as np

from fer_core.framing import Square, extract_square
from fer_core.inference.detectors.base import MIN_SIDE_PX, merge_boxes
from fer_core.inference.detectors.revisit import Revisits
from fer_core.types import FaceBox, UInt8Array, normalize_roll

_CLEAR_SCORE: Final[float] = 0.8
_CLEAR_MARGIN: Final[float] = 0.03
"""A face is turned if its score is at least this, and by so much better than upright."""
_MAX_DOUBTFUL: Final[int] = 6
"""Faces of one search that are compared, the most doubtful ones; 25 ms each on one core. Where a whole crowd
is turned these show it, and the picture is searched in their turn."""
_PATCH_PER_FACE: Final[float] = 2.0
"""Side of the patch that is turned, over the longer side of the box."""


class TurnedFaceDetector(ABC):
    """A detector that compares the ways in which a face could be turned, only where it pays.

    Where a face's score leaves doubt, a small patch round it is looked at in several turns. The whole picture
    is searched in another turn where such a face was found, or in all four where there was none.
    """

    name: ClassVar[str]
    clear_score: ClassVar[float] = math.inf
    """Score from which a face of a stream is looked for where it was, if the detector gains by it."""
    large_px: ClassVar[float] = math.inf
    """Height from which known faces are found again faster (`_find_again`)."""
    sure_score: ClassVar[float]
    """Score from which a face is upright for sure; nothing is compared from there on."""
    turns: ClassVar[tuple[int, ...]] = (0, 45, 90, 135, 180, 225, 270, 315)
    """Degrees by which a doubtful face is turned; its score says which is best."""

    def __init__(self, *, is_stream: bool = False) -> None:
        """Look at single pictures, or at those of a stream, where a turn may wait for the next one."""
        self._is_stream = is_stream
        self._revisits = Revisits(self.clear_score, self.large_px)
        self.forget()

    def forget(self) -> None:
        """The next picture of the stream shows another scene."""
        self._other_turns = [1, 2, 3]
        self._was_empty = False
        self._revisits.forget()

    @abstractmethod
    def _find_upright(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """The upright faces of an H x W x 3 RGB image; their `roll` may tell a tilt."""

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of an H x W x 3 RGB image, best score first; `roll` says how they are turned."""
        if not self._is_stream:
            return self._search(image_rgb)
        found = self._revisits.find(image_rgb, self._find_again)
        if found is None:
            found = self._search(image_rgb)
            self._revisits.keep(image_rgb, found)
        return found

    def _find_again(self, patch_rgb: UInt8Array, *, only_large: bool) -> list[FaceBox]:
        """The upright faces of a part of a picture, searched as large as it is; perhaps only large ones."""
        return self._find_upright(patch_rgb)

    def _search(self, image_rgb: UInt8Array) -> list[FaceBox]:
        boxes = self._settle_doubtful(image_rgb, self._find_upright(image_rgb))
        for number in self._choose_quarters(boxes):
            found = self._find_upright(np.ascontiguousarray(np.rot90(image_rgb, number)))
            back = [_turn_back(box, number, image_rgb.shape[:2]) for box in found]
            clear = [box for box in self._settle_doubtful(image_rgb, back) if box.score >= _CLEAR_SCORE]
            if clear:
                self._other_turns.sort(key=lambda turn: turn != number)
            boxes += clear
        self._was_empty = not boxes
        return merge_boxes(boxes)

    def _choose_quarters(self, boxes: list[FaceBox]) -> list[int]:
        """Turns in which the whole picture is searched, too.

        While a stream shows nobody, one a search, the last that found somebody first.
        """
        if boxes:
            return sorted({_quarters(box.roll) for box in boxes} - {0})
        if self._is_stream and self._was_empty:
            self._other_turns.append(self._other_turns.pop(0))
            return self._other_turns[-1:]
        return list(self._other_turns)

    def _settle_doubtful(self, image_rgb: UInt8Array, boxes: list[FaceBox]) -> list[FaceBox]:
        worst_first = sorted(boxes, key=lambda box: box.score)
        doubtful, others = worst_first[:_MAX_DOUBTFUL], worst_first[_MAX_DOUBTFUL:]
        return [self._settle(image_rgb, box) for box in doubtful] + others

    def _settle(self, image_rgb: UInt8Array, box: FaceBox) -> FaceBox:
        """The box as it is if its score leaves no doubt, else as it looks in the turn that suits it best."""
        if box.score >= self.sure_score:
            return box
        side = _PATCH_PER_FACE * max(box.width, box.height)
        looks = [(turn, self._look(image_rgb, Square.around(*box.center, side, turn))) for turn in self.turns]
        scores = {turn: look.score for turn, look in looks if look is not None}
        _, best = max(looks, key=lambda look: look[1].score if look[1] else 0.0)
        if best is None or best.score < max(_CLEAR_SCORE, scores.get(0, 0.0) + _CLEAR_MARGIN):
            return box
        is_tilted_only = abs(normalize_roll(best.roll - box.roll)) < 90 and best.is_lying == box.is_lying
        if not is_tilted_only:
            return best
        return replace(box, roll=best.roll, yaw=best.yaw, pitch=best.pitch, score=best.score)

    def _look(self, image_rgb: UInt8Array, square: Square) -> FaceBox | None:
        """The best face in the middle of a turned square of the image, in the image's own pixels."""
        patch = extract_square(image_rgb, square, width=MIN_SIDE_PX, height=MIN_SIDE_PX)
        found = [box for box in self._find_upright(patch) if _is_in_the_middle(box)]
        if not found:
            return None
        box = max(found, key=lambda item: item.score).scaled(square.side / MIN_SIDE_PX)
        offset = np.array(box.center) - square.side / 2
        angle = np.radians(square.roll)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        x, y = turn @ offset + (square.x + square.side / 2, square.y + square.side / 2)
        return _place(box, float(x), float(y), box.roll + square.roll)


def _is_in_the_middle(box: FaceBox) -> bool:
    """Whether a face of a patch is the one that the patch was cut for."""
    reach = MIN_SIDE_PX / _PATCH_PER_FACE / 2
    return all(abs(place - MIN_SIDE_PX / 2) < reach for place in box.center)


def _quarters(roll: float) -> int:
    """The quarter turns next to an angle, 0 to 3."""
    return round(roll / 90) % 4


def _turn_back(box: FaceBox, number: int, shape: tuple[int, ...]) -> FaceBox:
    """A box of `np.rot90(image, number)` as one of the image, whose (height, width) is `shape`."""
    height, width = shape
    x, y = box.center
    back = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}
    return _place(box, *back[number], box.roll + 90 * number)


def _place(box: FaceBox, x: float, y: float, roll: float) -> FaceBox:
    """An upright face's box, turned by `roll` about its centre, which is moved to (x, y)."""
    turned = replace(box, roll=normalize_roll(roll))
    width, height = (box.height, box.width) if turned.is_lying else (box.width, box.height)
    return replace(turned, x=x - width / 2, y=y - height / 2, width=width, height=height)
