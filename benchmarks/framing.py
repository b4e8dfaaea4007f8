"""What the way a face is cut out does to accuracy: size of the square, its place, levelling by the eyes.

    python benchmarks/framing.py fer-small --detector ../shared/models/face_detection_yunet_2023mar.onnx

Labelled faces of the validation split are enlarged, found by YuNet as in a photo, and cut again. Only faces
that it finds count, the same ones in every row, so the rows can be compared with each other.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro

from fer_core.checkpoint import FramingSpec, find_checkpoint
from fer_core.data.builtin import open_dataset
from fer_core.data.targets import compute_targets
from fer_core.framing import compute_square, extract_square
from fer_core.inference.predictor import load_predictor
from fer_core.types import FaceBox
from fer_core.workspace import Workspace

ENLARGE = 4
BORDER = 12
"""Pixels of the original around it, its edge repeated: squares may reach outside."""
TILTED_DEG = 10
SIDES = (0.8, 0.9, 1.0, 1.04, 1.1, 1.2, 1.35)
SHIFTS = (-0.08, -0.02, 0.02, 0.06, 0.12)


def find_face(detector: cv2.FaceDetectorYN, picture: np.ndarray) -> tuple[FaceBox, float] | None:
    """The best face and how far its eyes are from level, in degrees."""
    detector.setInputSize((picture.shape[1], picture.shape[0]))
    _, faces = detector.detect(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    if faces is None:
        return None
    x, y, width, height, right_x, right_y, left_x, left_y = faces[faces[:, 14].argmax(), :8].tolist()
    angle = math.degrees(math.atan2(left_y - right_y, left_x - right_x))
    return FaceBox(x=x, y=y, width=width, height=height, score=1.0), angle


def level(picture: np.ndarray, box: FaceBox, angle: float) -> np.ndarray:
    """Turn about the middle of the face, so that the eyes are level."""
    turn = cv2.getRotationMatrix2D(box.center, angle, 1.0)
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpAffine(picture, turn, size, borderMode=cv2.BORDER_REPLICATE)


def main(
    model: Annotated[str, tyro.conf.Positional] = "fer-small",
    *,
    detector: Path,
    dataset: str = "ferplus",
    num_faces: int = 0,
) -> None:
    """Score one model on faces that were cut in several ways.

    Args:
        model: A checkpoint.
        detector: YuNet's ONNX file.
        dataset: Data set with a validation split.
        num_faces: Only so many faces; 0 is all.
    """
    workspace = Workspace.default()
    spec = find_checkpoint(model, workspace).info.input
    predictor = load_predictor(model, workspace, device="cpu")
    data = open_dataset(dataset, workspace)
    targets = compute_targets(data, "valid", "majority")
    rows, labels = targets.indices, targets.labels
    if num_faces:
        rows, labels = rows[:num_faces], labels[:num_faces]
    yunet = cv2.FaceDetectorYN.create(str(detector), "", (320, 320), 0.6)
    found = []
    for row, label in zip(rows, labels, strict=True):
        face = np.asarray(data.images[row])
        framed = cv2.copyMakeBorder(face, *[BORDER] * 4, cv2.BORDER_REPLICATE)
        picture = cv2.resize(framed, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
        answer = find_face(yunet, picture)
        if answer is not None:
            found.append((face, label, picture, *answer))
    truth = np.array([item[1] for item in found])
    angles = np.array([item[4] for item in found])
    tilted = np.abs(angles) > TILTED_DEG
    print(f"{model} on {dataset}: YuNet finds {len(found):,} of {len(rows):,} faces")
    print(f"eyes off level by {np.median(np.abs(angles)):.1f} degrees (median), tilted {tilted.mean():.1%}")

    def score(title: str, crops: list[np.ndarray]) -> None:
        right = predictor.predict_crops(np.stack(crops)).argmax(axis=1) == truth
        print(f"{title:44s} {right.mean():7.2%}   tilted ones {right[tilted].mean():7.2%}")

    def cut(framing: FramingSpec, *, is_level: bool = False) -> list[np.ndarray]:
        crops = []
        for _, _, picture, box, angle in found:
            source = level(picture, box, angle) if is_level else picture
            rgb = cv2.cvtColor(source, cv2.COLOR_GRAY2RGB)
            crop = extract_square(rgb, compute_square(box, framing), width=spec.width, height=spec.height)
            crops.append(crop[:, :, 0])
        return crops

    score("as the data set frames them", [item[0] for item in found])
    score(f"cut by the pipeline (side {spec.framing.side_per_height:g})", cut(spec.framing))
    score("the same, eyes level", cut(spec.framing, is_level=True))
    for side in SIDES:
        score(f"side {side:g} x box height", cut(replace(spec.framing, side_per_height=side)))
    for shift in SHIFTS:
        score(f"centre {shift:+.2f} of the side above the box's", cut(replace(spec.framing, shift_up=shift)))


if __name__ == "__main__":
    tyro.cli(main)
