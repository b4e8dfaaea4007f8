"""What the live tests need: models with a known answer, and a camera that plays a known face."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.types import UInt8Array
from tests.unit.sound.voices import speak
from tests.voices import encode_wav

FRAME_SIZE = (320, 240)
"""Width and height of the camera's picture. Small and slow, since browser and server share a test's cores."""

CAMERA_FPS = 10


def camera_frame(phase: float = 0.0) -> UInt8Array:
    """The sample picture's face, moving a little to and fro over a phase of 0 to 1."""
    from fer_core.inference.sample import load_sample

    left = 65 + round(10 * np.sin(2 * np.pi * phase))
    width, height = FRAME_SIZE
    return np.ascontiguousarray(load_sample()[:height, left : left + width])


def write_microphone_file(path: Path) -> Path:
    """Write the sound (.wav) that Chromium plays as its microphone, over and over: speech, then silence."""
    rate = 48_000
    path.write_bytes(encode_wav(np.concatenate([speak(3.0, rate), np.zeros(2 * rate)]), rate))
    return path


def write_camera_file(
    path: Path, frames: Sequence[UInt8Array] | None = None, *, fps: int = CAMERA_FPS
) -> Path:
    """Write the uncompressed file (.y4m) that Chromium plays as its camera, over and over.

    Args:
        path: of the file.
        frames: RGB, all of one size; a small moving face if not given.
        fps: frames a second.
    """
    import av

    frames = frames or [camera_frame(index / 40) for index in range(40)]
    height, width = frames[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.write(b"FRAME\n" + frame.reformat(format="yuv420p").to_ndarray().tobytes())
    return path
