"""Clips of people who are cut out of photos: they sway, are lit differently, leave, cross, are cut to.

A person looks out of the same photo in the whole clip, so what a face's pattern is worth is overestimated.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.inference.detectors import build_detector
from fer_core.types import FaceBox, UInt8Array
from fer_core.workspace import Workspace

SIZE: Final = (640, 360)
FPS: Final = 25
FACE_PX: Final = 84.0
CASTS: Final[Mapping[str, Mapping[str, tuple[str, int]]]] = {
    "test": {
        "angry": ("faceapi_angry.jpg", 0),
        "happy": ("faceapi_happy.jpg", 0),
        "sad": ("faceapi_sad.jpg", 0),
        "surprised": ("faceapi_surprised.jpg", 0),
        "group1": ("human_group-3.jpg", 0),
        "group2": ("human_group-3.jpg", 1),
        "group3": ("human_group-3.jpg", 2),
        "group4": ("human_group-3.jpg", 3),
        "beach": ("pyfeat_multi_face.jpg", 1),
        "bar1": ("vlfaceapi_sample3.jpg", 0),
        "bar2": ("vlfaceapi_sample3.jpg", 1),
        "bar3": ("vlfaceapi_sample3.jpg", 2),
    },
    "fit": {
        "angry": ("facetorch_test.jpg", 0),
        "happy": ("facetorch_test.jpg", 2),
        "sad": ("facetorch_test.jpg", 3),
        "surprised": ("vlfaceapi_sample1.jpg", 0),
        "group1": ("vlfaceapi_sample1.jpg", 1),
        "group2": ("vlfaceapi_sample1.jpg", 2),
        "group3": ("pyfeat_multi_face.jpg", 0),
        "group4": ("pyfeat_multi_face.jpg", 2),
        "beach": ("pyfeat_multi_face.jpg", 3),
        "bar1": ("vlfaceapi_sample2.jpg", 1),
        "bar2": ("vlfaceapi_sample2.jpg", 2),
        "bar3": ("pyfeat_multi_face.jpg", 4),
    },
}
"""Who plays a role: photo, and which of its faces from the left. Nobody is in both parts."""


@dataclass(frozen=True)
class Cutout:
    """A person on nothing."""

    image: UInt8Array
    alpha: "np.typing.NDArray[np.float32]"
    face: tuple[float, float, float, float]
    """x, y, width and height in it."""


@dataclass(frozen=True)
class Walk:
    """A person's way: seconds, and the centre of the face in shares of the picture, from scene to scene."""

    who: str
    way: tuple[tuple[float, float, float], ...]
    scale: float = 1.0
    first_s: float = 0.0
    last_s: float = math.inf


@dataclass(frozen=True)
class Clip:
    """People on their ways; who comes later in the list is in front."""

    name: str
    seconds: float
    walks: tuple[Walk, ...]
    has_lookalikes: bool = False
    cuts: tuple[float, ...] = ()
    """When the background changes."""


def stand(who: str, x: float, *, first_s: float = 0.0, last_s: float = math.inf, scale: float = 1.0) -> Walk:
    return Walk(who, ((0, x, 0.42),), scale, first_s, last_s)


OUT_LEFT, OUT_RIGHT = -0.25, 1.25
CLIPS: Final = (
    Clip("two stay", 6, (stand("angry", 0.3), stand("surprised", 0.7))),
    Clip(
        "one leaves and comes back",
        9,
        (
            stand("happy", 0.3),
            Walk(
                "sad", ((0, 0.7, 0.4), (2, 0.7, 0.4), (3, OUT_RIGHT, 0.4), (6, OUT_RIGHT, 0.4), (7, 0.7, 0.4))
            ),
        ),
    ),
    Clip(
        "one comes back on the other side",
        9,
        (
            stand("group1", 0.5),
            Walk(
                "surprised",
                ((0, 0.8, 0.4), (2, 0.8, 0.4), (3, OUT_RIGHT, 0.4), (5, OUT_LEFT, 0.4), (6.5, 0.2, 0.4)),
            ),
        ),
    ),
    Clip(
        "two cross",
        8,
        (
            Walk("surprised", ((0, 0.2, 0.45), (2, 0.2, 0.45), (5, 0.8, 0.45))),
            Walk("angry", ((0, 0.8, 0.4), (2, 0.8, 0.4), (5, 0.2, 0.4))),
        ),
    ),
    Clip(
        "three, one crosses and leaves",
        10,
        (
            stand("bar1", 0.25),
            stand("happy", 0.75),
            Walk(
                "group3",
                ((0, 0.5, 0.4), (2, 0.5, 0.4), (4, OUT_LEFT, 0.4), (7, OUT_LEFT, 0.4), (8.5, 0.5, 0.4)),
            ),
        ),
    ),
    Clip(
        "cut and back",
        9,
        (
            stand("angry", 0.3, last_s=3),
            stand("surprised", 0.7, last_s=3),
            stand("happy", 0.5, first_s=3, last_s=6, scale=1.5),
            stand("angry", 0.3, first_s=6),
            stand("surprised", 0.7, first_s=6),
        ),
        cuts=(3, 6),
    ),
    Clip(
        "interview, cut to and fro at one place",
        10,
        tuple(
            stand(who, 0.5, first_s=start, last_s=start + 2, scale=1.3)
            for start, who in zip(range(0, 10, 2), itertools.cycle(("bar2", "sad")), strict=False)
        ),
        cuts=(2, 4, 6, 8),
    ),
    Clip(
        "four enter",
        10,
        tuple(
            Walk(
                who,
                (
                    (0, OUT_LEFT if x < 0.5 else OUT_RIGHT, 0.42),
                    (start, OUT_LEFT if x < 0.5 else OUT_RIGHT, 0.42),
                    (start + 1, x, 0.42),
                ),
            )
            for who, x, start in (
                ("angry", 0.4, 0.0),
                ("group2", 0.62, 1.5),
                ("happy", 0.85, 3.0),
                ("bar1", 0.14, 4.5),
            )
        ),
    ),
    Clip(
        "places swapped by a cut",
        8,
        (
            stand("bar3", 0.3, last_s=4),
            stand("sad", 0.7, last_s=4),
            stand("sad", 0.3, first_s=4),
            stand("bar3", 0.7, first_s=4),
        ),
        cuts=(4,),
    ),
    Clip(
        "two leave one after the other",
        11,
        (
            Walk(
                "group4",
                ((0, 0.3, 0.4), (2, 0.3, 0.4), (3, OUT_LEFT, 0.4), (6, OUT_LEFT, 0.4), (7, 0.3, 0.4)),
            ),
            Walk(
                "beach",
                ((0, 0.7, 0.4), (4, 0.7, 0.4), (5, OUT_RIGHT, 0.4), (8, OUT_RIGHT, 0.4), (9, 0.7, 0.4)),
            ),
        ),
    ),
    Clip(
        "lookalikes cross",
        8,
        (
            Walk("angry", ((0, 0.2, 0.45), (2, 0.2, 0.45), (5, 0.8, 0.45))),
            Walk("sad", ((0, 0.8, 0.4), (2, 0.8, 0.4), (5, 0.2, 0.4))),
        ),
        has_lookalikes=True,
    ),
    Clip(
        "lookalikes leave and come back",
        9,
        (
            Walk(
                "angry",
                ((0, 0.3, 0.4), (2, 0.3, 0.4), (3, OUT_LEFT, 0.4), (6, OUT_LEFT, 0.4), (7, 0.3, 0.4)),
            ),
            Walk(
                "sad",
                ((0, 0.7, 0.4), (2.5, 0.7, 0.4), (3.5, OUT_RIGHT, 0.4), (5, OUT_RIGHT, 0.4), (6, 0.7, 0.4)),
            ),
        ),
        has_lookalikes=True,
    ),
)


def cut_out(photos: Path, cast: Mapping[str, tuple[str, int]], workspace: Workspace) -> dict[str, Cutout]:
    """The people of a cast, with YuNet of the workspace."""
    import cv2
    from PIL import Image, ImageOps

    detector = build_detector("yunet", workspace)
    found: dict[str, Cutout] = {}
    for who, (name, number) in cast.items():
        image = np.asarray(ImageOps.exif_transpose(Image.open(photos / name)).convert("RGB"))
        boxes = sorted(detector.detect(image), key=lambda box: box.x)
        face = boxes[number]
        zoom = FACE_PX / face.height
        top, left = face.y - 0.7 * face.height, face.x - 1.1 * face.width
        width, height = 3.2 * face.width, 3.4 * face.height
        matrix = np.array([[zoom, 0, -zoom * left], [0, zoom, -zoom * top]])
        size = round(width * zoom), round(height * zoom)
        picture = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        box = tuple(zoom * value for value in (face.x - left, face.y - top, face.width, face.height))
        alpha = np.zeros(size[::-1], np.float32)
        x, y, w, h = box
        center = round(x + w / 2), round(y + 0.4 * h)
        cv2.ellipse(alpha, center, (round(0.85 * w), round(0.95 * h)), 0, 0, 360, 1.0, -1)
        torso = [
            (x + 0.2 * w, y + 0.9 * h),
            (x + 0.8 * w, y + 0.9 * h),
            (x + 1.75 * w, y + 1.6 * h),
            (x + 1.75 * w, y + 3 * h),
            (x - 0.75 * w, y + 3 * h),
            (x - 0.75 * w, y + 1.6 * h),
        ]
        cv2.fillPoly(alpha, [np.array(torso).round().astype(np.int32)], 1.0)
        found[who] = Cutout(picture, cv2.GaussianBlur(alpha, (0, 0), 2.0), box)
    return found


def compose(
    clip: Clip, people: Mapping[str, Cutout], seed: int
) -> tuple[list[UInt8Array], list[dict[str, FaceBox]]]:
    """The frames, and where whose face is on each, if at least half of it can be seen."""
    import cv2

    chance = np.random.default_rng(seed)
    grounds = [_draw_ground(chance) for _ in range(len(clip.cuts) + 1)]
    noise = [chance.normal(0, 4, (*SIZE[::-1], 3)).astype(np.float32) for _ in range(7)]
    phases = {walk.who: chance.uniform(0, 2 * np.pi, 5) for walk in clip.walks}
    frames, truths = [], []
    for number in range(round(clip.seconds * FPS)):
        time_s = number / FPS
        picture = grounds[sum(time_s >= cut for cut in clip.cuts)].copy()
        truth: dict[str, FaceBox] = {}
        for walk in clip.walks:
            if not walk.first_s <= time_s < walk.last_s:
                continue
            times, xs, ys = zip(*walk.way, strict=True)
            phase = phases[walk.who]
            x = SIZE[0] * np.interp(time_s, times, xs) + 4 * math.sin(1.7 * time_s + phase[0])
            y = SIZE[1] * np.interp(time_s, times, ys) + 3 * math.sin(2.3 * time_s + phase[1])
            angle, scale = (
                5 * math.sin(1.1 * time_s + phase[2]),
                walk.scale * (1 + 0.05 * math.sin(0.9 * time_s + phase[3])),
            )
            person = people[walk.who]
            fx, fy, fw, fh = person.face
            matrix = cv2.getRotationMatrix2D((fx + fw / 2, fy + fh / 2), angle, scale)
            matrix[:, 2] += (x - fx - fw / 2, y - fy - fh / 2)
            light = 1 + 0.18 * math.sin(0.8 * time_s + phase[4])
            _draw(picture, person, matrix, light)
            box = FaceBox(
                x=x - scale * fw / 2, y=y - scale * fh / 2, width=scale * fw, height=scale * fh, score=1.0
            )
            truth = {who: other for who, other in truth.items() if _share_covered(other, box) < 0.5}
            if 0.0 <= x < SIZE[0] and 0 <= y < SIZE[1]:
                truth[walk.who] = box
        frames.append((picture + noise[number % len(noise)]).clip(0, 255).astype(np.uint8))
        truths.append(truth)
    return frames, truths


def _draw(
    picture: "np.typing.NDArray[np.float32]", person: Cutout, matrix: "np.typing.NDArray[Any]", light: float
) -> None:
    """Put a person into a picture, where they are in it."""
    import cv2

    height, width = person.alpha.shape
    corners = matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    left, top = np.floor(corners.min(axis=1)).astype(int).clip(0, SIZE).tolist()
    right, bottom = np.ceil(corners.max(axis=1)).astype(int).clip(0, SIZE).tolist()
    if left >= right or top >= bottom:
        return
    moved = matrix - np.array([[0, 0, left], [0, 0, top]])
    size = right - left, bottom - top
    drawn = (cv2.warpAffine(person.image, moved, size).astype(np.float32) * np.float32(light)).clip(0, 255)
    there = picture[top:bottom, left:right]
    there += (drawn - there) * cv2.warpAffine(person.alpha, moved, size)[..., None]


def _draw_ground(chance: np.random.Generator) -> "np.typing.NDArray[np.float32]":
    import cv2

    coarse = chance.uniform(60, 190, (5, 8, 3)).astype(np.float32)
    return cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)


def _share_covered(box: FaceBox, front: FaceBox) -> float:
    """How much of a face a head in front of it hides."""
    grown = replace(front, x=front.x - 0.2 * front.width, width=1.4 * front.width, height=2.5 * front.height)
    width = min(box.x + box.width, grown.x + grown.width) - max(box.x, grown.x)
    height = min(box.y + box.height, grown.y + grown.height) - max(box.y, grown.y)
    return max(0.0, width) * max(0.0, height) / (box.width * box.height)
