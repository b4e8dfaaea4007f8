"""What holds the browser's engine and Python's together: made frames, and what Python finds on them."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer_core.browser.modules import ASSETS
from fer_core.browser.page import DETECTOR_SIDE_PX, PICTURE_SIDE_PX, describe_model
from fer_core.browser.runtime import require_runtime
from fer_core.checkpoint import find_checkpoint
from fer_core.inference.class_prior import with_prior
from fer_core.inference.crop import extract_crops
from fer_core.inference.detectors.base import resize
from fer_core.inference.detectors.yunet import YuNetDetector
from fer_core.inference.detectors.yunet_network import open_sides
from fer_core.inference.downloads import YUNET, require_file
from fer_core.inference.face_quality import COEFFICIENTS
from fer_core.inference.pipeline import FacePipeline
from fer_core.inference.predictor import load_predictor
from fer_core.inference.sample import load_sample
from fer_core.inference.stream import FaceStream, FrameResult
from fer_core.types import FaceResult, UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace

MODEL = "fer-tiny"
SIZE = (256, 192)
NUM_FRAMES = 200
FPS = 30.0
SCALES = (0.5, 0.3, 0.61, 0.25, 1.7)
RUNTIME, BINARY = "ort.mjs", "ort.wasm.gz"
SCRIPT = PROJECT_ROOT / "tests" / "replay.mjs"
_FACE_X, _FACE_Y = 224, 110


def make_frames() -> list[UInt8Array]:
    """A face that moves, tilts, comes near, lies down and goes; a second one; a cut; blur, noise, nobody."""
    sample, rng, frames = load_sample(), np.random.default_rng(1), []
    for index in range(NUM_FRAMES):
        phase = index / 40
        image = sample if index < 130 else np.ascontiguousarray(sample[:, ::-1])
        x = _FACE_X if index < 130 else sample.shape[1] - _FACE_X
        turn = 14 * np.sin(2 * np.pi * phase) + (90 if 60 <= index < 66 else 0)
        frame = _place(image, x, turn, 0.55 + 0.15 * np.sin(3 * phase), 90 + 15 * np.sin(phase), 90)
        if index >= 100:
            frame[:, 160:] = _place(sample, _FACE_X, 0, 0.4, 215 - 0.4 * (index - 100), 60)[:, 160:]
        if index % 17 == 0:
            frame = cv2.GaussianBlur(frame, (0, 0), 2)
        if 150 <= index < 153:
            frame[:] = 90
        noisy = frame.astype(int) + rng.integers(-4, 5, frame.shape)
        frames.append(noisy.clip(0, 255).astype(np.uint8))
    return frames


def _place(image: UInt8Array, x: float, turn: float, scale: float, to_x: float, to_y: float) -> UInt8Array:
    matrix = cv2.getRotationMatrix2D((x, _FACE_Y), turn, scale)
    matrix[:, 2] += (to_x - x, to_y - _FACE_Y)
    return np.asarray(cv2.warpAffine(image, matrix, SIZE), np.uint8)


@dataclass(frozen=True)
class Golden:
    """What Python finds, in a folder that has all a browser needs to find the same."""

    folder: Path
    frames: list[FrameResult]
    crops: list[UInt8Array]
    resized: list[UInt8Array]
    looks: list[list[FaceResult]]
    """The faces of pictures by themselves."""


def make_golden(folder: Path, workspace: Workspace) -> Golden:
    """Let Python find, and write the job for the browser."""
    frames, times = make_frames(), [index / FPS for index in range(NUM_FRAMES)]
    entry, yunet = find_checkpoint(MODEL, workspace), require_file(YUNET, workspace).read_bytes()
    predictor = with_prior(load_predictor(MODEL, workspace, device="cpu", runtime="onnx"), "general")
    stream = FaceStream(YuNetDetector(yunet, max_side_px=DETECTOR_SIDE_PX, is_stream=True), predictor)
    found = [stream.step(frame, time_s) for frame, time_s in zip(frames, times, strict=True)]
    boxes = [[face.box for face in result.faces] for result in found]
    crops = [extract_crops(frame, near, entry.info.input) for frame, near in zip(frames, boxes, strict=True)]

    pictures = make_pictures()
    looks = [FacePipeline(YuNetDetector(yunet), predictor).analyze(picture) for picture in pictures]

    def publish(name: str, content: bytes) -> str:
        (folder / name).write_bytes(content)
        return name

    job = {
        "pictures": [
            {
                "file": publish(f"picture-{number}.bin", picture.tobytes()),
                "width": picture.shape[1],
                "height": picture.shape[0],
            }
            for number, picture in enumerate(pictures)
        ],
        "frames": publish("frames.bin", np.stack(frames).tobytes()),
        "width": SIZE[0],
        "height": SIZE[1],
        "times": times,
        "boxes": [[dataclasses.asdict(box) for box in near] for near in boxes],
        "scales": SCALES,
        "models": [describe_model(entry, workspace, publish)],
        "prior": "general",
        "detector": {
            "file": publish("yunet.onnx", open_sides(yunet)),
            "max_side_px": DETECTOR_SIDE_PX,
            "picture_side_px": PICTURE_SIDE_PX,
        },
        "quality": json.loads(COEFFICIENTS.read_text()),
    }
    (folder / "job.json").write_text(json.dumps(job))
    runtime = require_runtime(workspace)
    shutil.copy(runtime.script, folder / RUNTIME)
    shutil.copy(runtime.binary_gz, folder / BINARY)
    for path in (*ASSETS.glob("*.js"), SCRIPT):
        shutil.copy(path, folder)
    resized = [resize(frames[0], scale) for scale in SCALES]
    return Golden(folder, found, [crop for near in crops for crop in near], resized, looks)


def make_pictures() -> list[UInt8Array]:
    """One so large that it is searched twice, and one on its side."""
    sample = load_sample()
    large = cv2.resize(sample, None, fx=800 / sample.shape[1], fy=800 / sample.shape[1])
    return [np.asarray(large, np.uint8), np.ascontiguousarray(np.rot90(sample))]


def check_answer(golden: Golden, answer: dict[str, Any]) -> None:
    """The browser found the same faces in the same places, and read them alike."""
    assert len({face.track_id for result in golden.frames for face in result.faces}) >= 4
    for result, seen in zip(golden.frames, answer["frames"], strict=True):
        assert seen["isSearched"] == result.was_searched
        assert [face["id"] for face in seen["faces"]] == [face.track_id for face in result.faces]
        _check_faces(result.faces, seen["faces"], SIZE)
    assert [len(faces) for faces in golden.looks] == [1, 1]
    for faces, seen, picture in zip(golden.looks, answer["looks"], make_pictures(), strict=True):
        _check_faces(faces, seen["faces"], (picture.shape[1], picture.shape[0]))
    assert np.array_equal(np.stack(golden.crops).reshape(len(golden.crops), -1), np.array(answer["crops"]))
    for scale, ours, theirs in zip(SCALES, golden.resized, answer["resized"], strict=True):
        worst = np.abs(ours.ravel().astype(int) - np.array(theirs)).max()
        assert worst <= (1 if scale > 1 else 0), f"scale {scale}: {worst} grey levels"


def _check_faces(ours: Sequence[FaceResult], theirs: Sequence[dict[str, Any]], size: tuple[int, int]) -> None:
    for face, seen in zip(ours, theirs, strict=True):
        box, reading = seen["box"], seen["readings"][0]
        # Places as shares of the picture, angles of a half turn
        _check([face.box.x, face.box.width], [box["x"], box["width"]], size[0])
        _check([face.box.y, face.box.height], [box["y"], box["height"]], size[1])
        _check([face.box.roll, face.box.yaw], [box["roll"], box["yaw"]], 180)
        _check(face.prediction.probabilities, reading["probabilities"])
        _check([face.expected_correctness], [reading["expected"]])


def _check(ours: Sequence[Any], theirs: Sequence[Any], unit: float = 1.0) -> None:
    difference = np.abs(np.array(ours, float) - np.array(theirs, float)).max()
    assert difference / unit <= 1e-4, (ours, theirs)
