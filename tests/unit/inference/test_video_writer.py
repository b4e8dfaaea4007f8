"""How videos are compressed: what x264 was told, which it writes into the first frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fer_core.inference.video_writer import EncoderSettings, Preset, create_video


def _read_x264_settings(folder: Path, size: tuple[int, int], preset: Preset = "veryfast") -> dict[str, str]:
    path = folder / "out.mp4"
    settings = EncoderSettings(preset=preset)
    with create_video(path, size=size, rate=Fraction(30), settings=settings) as writer:
        writer.write(np.zeros((*size[::-1], 3), np.uint8), 0)
    _, _, told = path.read_bytes().partition(b" - options: ")
    return dict(item.split("=", 1) for item in told.partition(b"\x00")[0].decode().split() if "=" in item)


@pytest.mark.parametrize(
    ("size", "preset", "expected"),
    [
        ((640, 360), "veryfast", ("10", "3")),
        ((1280, 720), "veryfast", ("9", "3")),
        ((1920, 1080), "veryfast", ("4", "1")),
        ((3840, 2160), "veryfast", ("1", "1")),
        ((3840, 2160), "ultrafast", (None, "0")),
    ],
)
def test_the_encoder_holds_fewer_large_frames(
    tmp_path: Path, size: tuple[int, int], preset: Preset, expected: tuple[str | None, str]
) -> None:
    told = _read_x264_settings(tmp_path, size, preset)
    assert (told.get("rc_lookahead"), told["bframes"]) == expected


@pytest.mark.parametrize(("size", "is_sliced"), [((640, 360), "0"), ((1280, 720), "0"), ((1920, 1080), "1")])
def test_a_file_is_the_same_however_many_cores_there_are(
    tmp_path: Path, size: tuple[int, int], is_sliced: str
) -> None:
    # PyAV 18.1 lets each thread code a slice of its own, and x264 takes as many threads as there are cores.
    told = _read_x264_settings(tmp_path, size)
    assert (told["threads"], told["sliced_threads"]) == ("4", is_sliced)
