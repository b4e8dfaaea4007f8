"""What turned faces cost, and what comparing the turns and levelling the eyes give back.

    python benchmarks/turned.py fer-small --photos ../shared/media/photos

Faces of the validation split are enlarged, turned with their surroundings and read as a photo is: as by a
detector that takes every face for upright (before), with the right angle next to `roll`, and with `roll`.
Faces that are not found count as wrong in the first shares. Then whole photos are turned by right angles:
which of their faces are found, with the same label?
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro

from fer_core.data.builtin import open_dataset
from fer_core.data.targets import compute_targets
from fer_core.framing import Square, extract_square
from fer_core.images import load_image
from fer_core.inference.detectors import build_detector
from fer_core.inference.detectors.turned import _turn_back
from fer_core.inference.predictor import load_predictor
from fer_core.types import FaceBox
from fer_core.workspace import Workspace

ANGLES = (0, 5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 135, 150, 165, 180)
SIDE_PX = 384
MARGIN = 0.5
"""Of the face's side around it, its edge repeated."""


def main(
    model: Annotated[str, tyro.conf.Positional] = "fer-small",
    *,
    dataset: str = "ferplus",
    num_faces: int = 500,
    angles: tuple[int, ...] = ANGLES,
    detector: str = "yunet",
    photos: Path | None = None,
) -> None:
    """Print accuracy against angle, and the faces found on turned photos.

    Args:
        model: A checkpoint.
        dataset: Data set with a validation split.
        num_faces: So many faces, drawn with a fixed seed.
        angles: Degrees; every second face is turned the other way.
        detector: yunet or haar.
        photos: Folder of pictures with upright faces.
    """
    workspace = Workspace.default()
    predictor = load_predictor(model, workspace, device="cpu")
    finder = build_detector(detector, workspace)
    data = open_dataset(dataset, workspace)
    targets = compute_targets(data, "valid", "majority")
    drawn = np.random.default_rng(0).permutation(len(targets.indices))[:num_faces]
    truth = targets.labels[drawn]
    faces = [cv2.cvtColor(np.asarray(data.images[row]), cv2.COLOR_GRAY2RGB) for row in targets.indices[drawn]]

    def read(picture: np.ndarray) -> tuple[int, int, int, float]:
        """Labels as before, with right-angle turns only, with every turn (-1: not found); the roll."""
        told = [-1, -1, -1, np.nan]
        if before := finder._find_upright(picture):
            told[0] = label(picture, replace(max(before, key=lambda box: box.score), roll=0.0))
        if after := finder.detect(picture):
            box = max(after, key=lambda box: box.score)
            told[1] = label(picture, replace(box, roll=90.0 * round(box.roll / 90)))
            told[2:] = label(picture, box), box.roll
        return tuple(told)

    def label(picture: np.ndarray, box: FaceBox) -> int:
        return int(np.argmax(predictor.predict(picture, [box])[0].probabilities))

    print(f"{model}, {detector}, {len(faces)} faces of {dataset}; before -> turns -> turns and levelling")
    for angle in angles:
        rolls = [angle if index % 2 else -angle for index in range(len(faces))]
        pictures = [_turn(face, roll) for face, roll in zip(faces, rolls, strict=True)]
        old, turned, level, found_rolls = np.array([read(item) for item in pictures]).T
        off = np.abs((found_rolls - rolls + 180) % 360 - 180)[level >= 0]
        right = [f"{np.mean(labels == truth):.3f}" for labels in (old, turned, level)]
        of_found = [f"{np.mean((labels == truth)[labels >= 0]):.3f}" for labels in (old, turned, level)]
        print(
            f"{angle:4d}: found {np.mean(old >= 0):.3f} -> {np.mean(level >= 0):.3f}, "
            f"right {' -> '.join(right)}, of those found {' -> '.join(of_found)}, "
            f"labels equal {np.mean((level == old)[old >= 0]):.4f}, "
            f"roll off by {np.median(off):.1f} (median), by more than 45 {np.mean(off > 45):.3f}",
            flush=True,
        )
    for path in sorted(photos.iterdir()) if photos else []:
        _compare_turns(path, finder, predictor)


def _turn(face: np.ndarray, roll: float) -> np.ndarray:
    """A face and its surroundings, turned clockwise."""
    side = face.shape[0]
    middle = Square.around(side / 2, side / 2, side * (1 + 2 * MARGIN), -roll)
    return extract_square(face, middle, width=SIDE_PX, height=SIDE_PX)


def _compare_turns(path: Path, finder, predictor) -> None:
    image = load_image(path)
    height, width = image.shape[:2]
    upright = finder.detect(image)
    labels = [item.label for item in predictor.predict(image, upright)]
    told = [f"{len(upright)} faces, rolls {sorted({round(box.roll) for box in upright})}"]
    for number in range(4):  # the picture turned clockwise by so many quarters
        turned = np.ascontiguousarray(np.rot90(image, -number))
        started = time.perf_counter()
        boxes = finder.detect(turned)
        spent_ms = 1e3 * (time.perf_counter() - started)
        started = time.perf_counter()
        finder._find_upright(turned)
        alone_ms = 1e3 * (time.perf_counter() - started)
        found = predictor.predict(turned, boxes)
        places = [_turn_back(box, 4 - number, (height, width)) if number else box for box in boxes]
        same = 0
        for box, label in zip(upright, labels, strict=True):
            near = [
                item.label
                for item, place in zip(found, places, strict=True)
                if np.hypot(*np.subtract(place.center, box.center)) < box.face_height / 3
            ]
            same += label in near
        told.append(f"{90 * number}: {len(boxes)} found, {same} alike, {alone_ms:.0f} -> {spent_ms:.0f} ms")
    print(f"{path.name} ({width} x {height}): " + "; ".join(told), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
