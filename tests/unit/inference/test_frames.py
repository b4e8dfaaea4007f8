"""Pixels of a video's planes: known colours come out as they were, and drawing changes what it covers."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import av.video.reformatter
import numpy as np
import pytest

from fer_core.checkpoint import InputSpec
from fer_core.errors import MediaError
from fer_core.inference.frames import Converter, RgbFrame, YuvFrame, view_plane
from fer_core.inference.overlay import OverlayPainter, draw_overlay
from fer_core.inference.stream import FaceStream
from fer_core.inference.video import annotate_video
from fer_core.inference.video_reader import open_video
from fer_core.types import FaceBox, FaceResult, Prediction, UInt8Array
from tests.unit.inference.fakes import CLASSES, FakeDetector, FakePredictor, box
from tests.unit.inference.videos import make_turned_video

GRAY = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))
RGB = InputSpec(height=32, width=32, color="rgb", mean=(0.5,) * 3, std=(0.25,) * 3)
WEIGHTS = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue, by the matrix's code point (ITU-T H.273, 8.3); 2 is "not said"."""
COLORS = [(200, 80, 60), (30, 140, 90), (250, 245, 240), (12, 10, 16), (90, 90, 90)]


def encode(color: tuple[int, int, int], matrix: int, *, is_full: bool, bits: int = 8) -> list[int]:
    """Luma and chroma of a colour, by the equations of H.273, 8.3 (20 to 25 and 38 to 43)."""
    red, green, blue = (value / 255 for value in color)
    k_red, k_blue = WEIGHTS[matrix]
    luma = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    chroma = [(blue - luma) / (2 - 2 * k_blue), (red - luma) / (2 - 2 * k_red)]
    scale = 1 << (bits - 8)
    if is_full:
        peak = 256 * scale - 1
        return [round(luma * peak), *(round(value * peak) + 128 * scale for value in chroma)]
    return [
        round((219 * luma + 16) * scale),
        *(round((224 * value + 128) * scale) for value in chroma),
    ]


def video_frame(
    color: tuple[int, int, int], matrix: int = 2, color_range: int = 1, pix_fmt: str = "yuv420p"
) -> av.VideoFrame:
    frame = av.VideoFrame(96, 80, pix_fmt)
    bits = 10 if "10" in pix_fmt else 8
    values = encode(color, matrix, is_full=color_range == 2, bits=bits)
    for plane, value in zip(frame.planes, values, strict=True):
        np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16)[:] = value
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def read(frame: av.VideoFrame) -> YuvFrame:
    converter = Converter()
    return YuvFrame(converter.to_planar(frame, frame.width, frame.height), converter)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize("matrix", sorted(WEIGHTS))
def test_known_colours_are_read_as_they_were(matrix: int, color_range: int, pix_fmt: str) -> None:
    face = [box(20, 10, 40, 50)]
    for color in COLORS:
        frame = read(video_frame(color, matrix, color_range, pix_fmt))
        grey = round(np.dot(color, (0.299, 0.587, 0.114)))
        assert np.abs(frame.crops(face, GRAY).astype(int) - grey).max() <= 2
        assert np.abs(frame.crops(face, RGB).astype(int) - color).max() <= 4
        assert np.abs(frame.rgb().astype(int) - color).max() <= 5, "swscale rounds more coarsely"


def test_limited_range_loses_no_step_of_a_grey_model() -> None:
    """219 steps of luma become 255 of grey, each rounded once: black is 0, white is 255."""
    frame = av.VideoFrame(320, 64, "yuv420p")
    ramp = np.repeat(np.arange(16, 236, dtype=np.uint8), 1)
    view_plane(frame.planes[0])[:] = np.resize(ramp, 320)
    for plane in frame.planes[1:]:
        view_plane(plane)[:] = 128
    spec = InputSpec(height=64, width=64, color="gray", mean=(0.5,), std=(0.25,))
    face = FaceBox(x=0, y=0, width=64, height=64 / spec.framing.side_per_height, score=1)
    up = spec.framing.shift_up * 64
    centred = [FaceBox(x=0, y=32 + up - face.height / 2, width=64, height=face.height, score=1)]
    crop = read(frame).crops(centred, spec)[0]
    expected = ((np.arange(16, 80) - 16) * 255 / 219).round()
    assert np.abs(crop[32] - expected).max() <= 1


@pytest.mark.parametrize("size", [(96, 80), (97, 81)])
def test_crops_from_planes_are_those_of_the_rgb_picture(size: tuple[int, int]) -> None:
    smooth = np.random.default_rng(0).integers(60, 200, (6, 7, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(smooth, "rgb24").reformat(*size, "yuv420p", interpolation="BICUBIC")
    picture.colorspace = 1
    frame = read(picture)
    faces = [box(20, 10, 40, 50), box(-10, 30, 60, 70)]
    for spec in (GRAY, RGB):
        difference = frame.crops(faces, spec).astype(int) - RgbFrame(frame.rgb()).crops(faces, spec)
        assert np.abs(difference).mean() < 2.5 and np.abs(difference).max() <= 12
    with pytest.raises(MediaError, match="finite"):
        frame.crops([box(float("nan"))], GRAY)


def test_a_large_frame_is_made_small_once() -> None:
    frame = read(av.VideoFrame(640, 360, "yuv420p"))
    assert frame.rgb(320).shape == (180, 320, 3) and frame.rgb(1000).shape == (360, 640, 3)


def face(x: float, y: float, confidence: float = 0.8) -> FaceResult:
    prediction = Prediction.from_array(CLASSES, (confidence, 1 - confidence))
    return FaceResult(box=box(x, y, 50, 61), prediction=prediction)


@pytest.mark.parametrize("size", [(321, 241), (320, 240)])
@pytest.mark.parametrize("place", [(100, 90), (101, 93), (-20, -10), (290, 200)])
def test_drawing_into_planes_is_drawing_into_rgb(size: tuple[int, int], place: tuple[int, int]) -> None:
    coarse = np.random.default_rng(0).integers(60, 200, (6, 8, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(coarse, "rgb24").reformat(*size, "yuv420p", interpolation="BICUBIC")
    frame = read(picture)
    before = [plane.copy() for plane in frame.planes]
    drawn = OverlayPainter().paint(frame, [face(*place)])
    assert isinstance(drawn, YuvFrame)
    for old, now in zip(before, frame.planes, strict=True):
        np.testing.assert_array_equal(old, now, "the decoder still needs its frame")
    expected = draw_overlay(frame.rgb(), [face(*place)])
    changed = (expected != frame.rgb()).any(axis=2)
    far = ~_grown(changed, 2)
    np.testing.assert_array_equal(drawn.planes[0][far], before[0][far])
    grey = np.abs(drawn.luma.astype(float) - _luma(expected))
    assert grey.mean() < 1 and np.percentile(grey, 99) < 12
    assert np.abs(drawn.rgb().astype(int) - expected).mean() < 2


def test_without_faces_the_frame_is_passed_on() -> None:
    frame = read(video_frame(COLORS[0]))
    assert OverlayPainter().paint(frame, []) is frame


def _luma(image_rgb: UInt8Array) -> np.ndarray:
    return 16 + image_rgb @ np.array([0.299, 0.587, 0.114]) * 219 / 255


def _grown(mask: np.ndarray, margin: int) -> np.ndarray:
    padded = np.pad(mask, margin)
    shifts = range(2 * margin + 1)
    height, width = mask.shape
    return np.any([padded[y : y + height, x : x + width] for y in shifts for x in shifts], axis=0)


@pytest.mark.parametrize(
    ("matrix", "color_range", "pix_fmt"),
    [(1, 1, "yuv420p"), (1, 2, "yuvj420p"), (6, 1, "yuv420p10le"), (9, 1, "yuv444p")],
)
def test_the_colours_of_a_video_are_those_of_its_source(
    tmp_path: Path, matrix: int, color_range: int, pix_fmt: str
) -> None:
    color = (200, 80, 60)
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"crf": "1"})
        video.width, video.height, video.pix_fmt = 96, 80, pix_fmt
        video.codec_context.colorspace, video.codec_context.color_range = matrix, color_range
        for number in range(4):
            frame = video_frame(color, matrix, color_range, pix_fmt)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    annotate_video(tmp_path / "in.mkv", tmp_path / "out.mp4", FaceStream(FakeDetector([]), FakePredictor()))
    for name in ("in.mkv", "out.mp4"):
        with open_video(tmp_path / name) as reader:
            assert reader.color.matrix == matrix
            for shown in reader.frames():
                assert np.abs(shown.image_rgb.astype(int) - color).max() <= 6, name


def encode_video(path: Path, codec: str, pix_fmt: str, frames: list[av.VideoFrame], **context: int) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = frames[0].width, frames[0].height, pix_fmt
        if codec == "libx265":
            video.options = {"x265-params": "log-level=none"}
        for name, value in context.items():
            setattr(video.codec_context, name, value)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def annotate(source: Path) -> Path:
    target = source.with_suffix(".out.mp4")
    annotate_video(source, target, FaceStream(FakeDetector([]), FakePredictor()))
    return target


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("in.mkv", "libx264rgb", "rgb24"),
        ("in.mov", "png", "rgb24"),
        ("in.mov", "qtrle", "rgb24"),
        ("in.gif", "gif", "rgb8"),
    ],
)
def test_what_comes_as_rgb_says_how_it_was_converted(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    """H.264 of 4:2:0 has no matrix 0 (ITU-T H.264, E.2.1); Chromium heeds it where all three are told."""
    image = np.full((80, 96, 3), (200, 80, 60), np.uint8)
    frames = [av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt) for _ in range(3)]
    target = annotate(encode_video(tmp_path / name, codec, pix_fmt, frames))
    with av.open(str(target)) as container:
        shown = next(container.decode(video=0))
    assert (int(shown.colorspace), shown.color_primaries, shown.color_trc) == (6, 1, 13)
    levels = [int(np.median(view_plane(plane))) for plane in shown.planes]
    tolerance = 20 if codec == "gif" else 2  # a palette of 256 colours
    assert np.abs(np.subtract(levels, encode((200, 80, 60), 6, is_full=False))).max() <= tolerance


def test_a_matrix_that_changes_is_brought_into_the_first_one(tmp_path: Path) -> None:
    """The file that is written can name only one."""
    parts = [
        encode_video(
            tmp_path / f"{matrix}.ts",
            "libx264",
            "yuv420p",
            [video_frame(COLORS[0], matrix)] * 3,
            colorspace=matrix,
        )
        for matrix in (1, 6)
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(annotate(tmp_path / "both.ts"))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 6 and {int(frame.colorspace) for frame in frames} == {1}
    for frame in frames:
        levels = [int(np.median(view_plane(plane))) for plane in frame.planes]
        assert np.abs(np.subtract(levels, encode(COLORS[0], 1, is_full=False))).max() <= 2


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
@pytest.mark.parametrize("color_range", [1, 2])
def test_grey_of_limited_range_keeps_its_contrast(tmp_path: Path, pix_fmt: str, color_range: int) -> None:
    """Swscale (FFmpeg 8.1) reads any grey picture as of full range; HEVC has limited ones."""
    frame = av.VideoFrame(96, 80, pix_fmt)
    frame.color_range = color_range
    bits, black, white = (10, 64, 940) if pix_fmt == "gray10le" else (8, 16, 235)
    if color_range == 2:
        black, white = 0, (1 << bits) - 1
    samples = np.frombuffer(frame.planes[0], np.uint16 if bits == 10 else np.uint8)
    samples.reshape(80, -1)[:40] = black
    samples.reshape(80, -1)[40:] = white
    source = encode_video(tmp_path / "in.mkv", "libx265", pix_fmt, [frame] * 3, color_range=color_range)
    with open_video(source) as reader:
        image = next(reader.frames()).image_rgb
    assert image[:36].max() <= 3 and image[44:].min() >= 252


def test_no_conversion_is_shared_between_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in one of swscale's contexts end the process; pictures that change their size need two."""
    users: list[set[int]] = []
    real = av.video.reformatter.VideoReformatter

    class Watched:
        def __init__(self) -> None:
            self._real, self._threads = real(), set[int]()
            users.append(self._threads)

        def reformat(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            self._threads.add(threading.get_ident())
            return self._real.reformat(*args, **kwargs)

    monkeypatch.setattr(av.video.reformatter, "VideoReformatter", Watched)
    source = make_turned_video(tmp_path / "in.webm", [(96, 80), (160, 120)], 12)
    annotate_video(source, tmp_path / "out.mp4", FaceStream(FakeDetector([]), FakePredictor()))
    assert len(set().union(*users)) == 2, "the detector's pictures, and those that are fitted"
    assert all(len(threads) <= 1 for threads in users)
