"""What stands in for OpenCV computes what OpenCV computes, to a grey level or two."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from fer_core import plain_cv
from fer_core.inference.sample import load_sample

PHOTO = np.ascontiguousarray(load_sample()[:301, :402])
GREY = cv2.cvtColor(PHOTO, cv2.COLOR_RGB2GRAY)
FOUR = np.dstack([PHOTO, GREY])


def differ(first, second):
    """Mean and largest difference in grey levels."""
    assert first.shape == second.shape and first.dtype == second.dtype
    change = np.abs(first.astype(np.int32) - second.astype(np.int32))
    return change.mean(), change.max()


@pytest.mark.parametrize("image", [GREY, PHOTO, FOUR], ids=["grey", "rgb", "four"])
@pytest.mark.parametrize(
    ("size", "how", "mean"),
    [
        ((134, 43), cv2.INTER_AREA, 0.5),  # 3 x 7 pixels each
        ((171, 128), cv2.INTER_AREA, 2.0),  # Pillow weighs no pixel in part
        ((500, 400), cv2.INTER_LINEAR, 0.6),
        ((500, 400), cv2.INTER_CUBIC, 0.8),  # another constant: -0.5, not -0.75
        ((192, 144), cv2.INTER_NEAREST, 0.0),
    ],
)
def test_resize(image, size, how, mean):
    assert (
        differ(plain_cv.resize(image, size, interpolation=how), cv2.resize(image, size, interpolation=how))[0]
        <= mean
    )


@pytest.mark.parametrize("image", [GREY, PHOTO], ids=["grey", "rgb"])
@pytest.mark.parametrize(
    "matrix",
    [
        [[0.7, 0, 20.3], [0, 0.7, 11.6]],
        [[0.4, 0, -20.3], [0, 0.4, 240.0]],
        [[0.9, -0.4, 60.5], [0.4, 0.9, -30.25]],
    ],
    ids=["inside", "over two edges", "turned"],
)
def test_warp(image, matrix):
    words = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    ours, theirs = (tool.warpAffine(image, np.array(matrix), (200, 150), **words) for tool in (plain_cv, cv2))
    assert differ(ours, theirs)[0] < 0.5


@pytest.mark.parametrize(
    "name",
    [
        "cvtColor",
        "transform",
        "transform_grey",
        "multiply",
        "add",
        "copyMakeBorder",
        "split",
    ],
)
def test_arithmetic(name):
    rng = np.random.default_rng(0)
    matrix = rng.uniform(-1, 1, (3, 4)) * [1, 1, 1, 90]
    words, named = {
        "cvtColor": ((PHOTO, cv2.COLOR_RGB2GRAY), {}),
        "transform": ((PHOTO, matrix), {}),
        "transform_grey": ((PHOTO, matrix[:1, :3]), {}),
        "multiply": ((PHOTO, PHOTO[::-1].copy()), {"scale": 1 / 255}),
        "add": ((PHOTO, PHOTO[::-1].copy()), {}),
        "copyMakeBorder": ((FOUR, 1, 0, 1, 2, cv2.BORDER_CONSTANT), {"value": (0, 0, 0, 255)}),
        "split": ((PHOTO,), {}),
    }[name]
    function = name.partition("_")[0]
    ours, theirs = (getattr(tool, function)(*words, **named) for tool in (plain_cv, cv2))
    if isinstance(ours, np.ndarray):
        ours, theirs = (ours,), (theirs,)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape and np.abs(one.astype(np.float64) - other).max() <= (
            name == "transform"
        )


def test_overlapping_boxes():
    rng = np.random.default_rng(1)
    boxes = np.concatenate([rng.integers(0, 120, (80, 2)), rng.integers(20, 60, (80, 2))], axis=1).tolist()
    scores = rng.uniform(0.3, 1, 80).tolist()
    ours, theirs = (tool.dnn.NMSBoxes(boxes, scores, 0.5, 0.3, top_k=50) for tool in (plain_cv, cv2))
    assert list(ours) == list(theirs) and 5 < len(ours) < 50


@pytest.mark.parametrize(
    "words",
    [
        {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE},
        {"flags": 17, "borderMode": cv2.BORDER_CONSTANT},
    ],
)
def test_what_is_not_known_is_told(words):
    with pytest.raises(ValueError, match="only"):
        plain_cv.warpAffine(GREY, np.eye(2, 3), (9, 9), **words)


WITHOUT = """
import json, sys
if sys.argv[1] == "plain":
    sys.modules["cv2"] = None  # as if it were not installed
import fer_core as fer
from fer_core.errors import MissingPackageError
from fer_core.framing import Square, extract_square
from fer_core.inference.sample import load_sample
from fer_core.inference.detectors import choose_detector, list_usable_detectors
from fer_core.workspace import Workspace
from fer_core.opencv import cv2
from pathlib import Path
workspace = Workspace(Path(sys.argv[2]))
try:
    chosen = choose_detector(workspace).name
except MissingPackageError as error:
    chosen = str(error)
crop = extract_square(load_sample(), Square(x=160, y=50, side=150, roll=4.0), width=150, height=150)
(face,) = fer.load("fer-small").read(crop, detector="whole-image")
usable, rest = list_usable_detectors(workspace), [face.label, face.quality.sharpness, face.probabilities]
print(json.dumps([cv2.__name__, chosen, usable, *rest]))
"""


def test_a_face_is_read_alike_without_opencv(tmp_path):
    plain, full = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", WITHOUT, how, tmp_path], check=True, capture_output=True, text=True
            ).stdout
        )
        for how in ("plain", "full")
    )
    assert plain[0] == "fer_core.plain_cv" and full[:3] == ["cv2", "haar", ["haar", "whole-image"]]
    assert (
        "fer fetch yunet" in plain[1] and "fer-workbench[opencv]" in plain[1] and plain[2] == ["whole-image"]
    )
    assert plain[3] == full[3] and plain[4] == pytest.approx(full[4], rel=0.02)
    assert plain[5] == pytest.approx(full[5], abs=0.02)
