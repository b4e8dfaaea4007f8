"""Animated pictures (WebP, APNG, AVIF) frame by frame, as a video without sound.

Pillow decodes them: FFmpeg 8.1 takes an animated AVIF for its first picture, and has no animated WebP.
Animated GIF is read as other videos are.
"""

import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from fer_core.errors import MediaError
from fer_core.images import check_picture_size, explain_damage, to_rgb
from fer_core.inference.frames import RgbFrame
from fer_core.inference.video_types import RGB_COLOR, VideoFrame, VideoInfo, VideoLimits
from fer_core.types import UInt8Array

_FORMATS: Final[tuple[str, ...]] = ("WEBP", "PNG", "AVIF")
_TOO_SHORT_MS: Final[int] = 10
_INSTEAD_MS: Final[int] = 100
"""Frames that are to be shown for no longer than 10 ms are shown for 100, as browsers do."""


class AnimationReader:
    """An open animation; see `video_types.FrameReader`. Transparent parts become white, as in pictures."""

    audio: None = None
    color = RGB_COLOR
    notes: tuple[str, ...] = ()

    def __init__(self, image: Image.Image, path: Path, limits: VideoLimits) -> None:
        """Take over an open picture of several frames, and decode all of them once for their times."""
        self.time_base = Fraction(1, 1000)
        self.num_damaged = 0
        self._image, self._path, self._limits = image, path, limits
        self._first = self._decode(0)
        limits.check_size(path, self._first.shape[1], self._first.shape[0])
        self._starts_ms = [0]
        for _ in self._pictures():
            shown_ms = round(image.info.get("duration") or 0)
            self._starts_ms.append(
                self._starts_ms[-1] + (shown_ms if shown_ms > _TOO_SHORT_MS else _INSTEAD_MS)
            )
            limits.check_duration(path, self._starts_ms[-1] / 1000)
        self.rate = Fraction(1000 * self._num_frames, self._starts_ms[-1])

    @property
    def _num_frames(self) -> int:
        return len(self._starts_ms) - 1

    @property
    def info(self) -> VideoInfo:
        """What is in the file."""
        return VideoInfo(
            width_px=self._first.shape[1],
            height_px=self._first.shape[0],
            fps=float(self.rate),
            duration_s=self._starts_ms[-1] / 1000,
            num_frames=self._num_frames,
            has_audio=False,
            codec=str(self._image.format).lower(),
        )

    def frames(
        self, on_audio: Callable[[Any], None] | None = None, *, from_s: float = 0.0
    ) -> Iterator[VideoFrame]:
        """The frames one after the other; where one is damaged the animation ends."""
        for picture, start_ms in zip(self._pictures(), self._starts_ms, strict=False):
            if start_ms / 1000 >= from_s:
                yield VideoFrame(RgbFrame(picture), start_ms, start_ms / 1000)

    def seek(self, time_s: float) -> VideoFrame:
        """The frame that is shown at `time_s`; the last one, if the animation ends before."""
        found = bisect.bisect_right(self._starts_ms[1:-1], 1000 * time_s + 1e-3)
        picture = RgbFrame(self._decode(found))
        return VideoFrame(picture, self._starts_ms[found], self._starts_ms[found] / 1000)

    def _pictures(self) -> Iterator[UInt8Array]:
        self.num_damaged = 0
        for number in range(getattr(self._image, "n_frames", 1)):
            try:
                yield self._decode(number)
            except MediaError:
                self.num_damaged = 1
                return

    def _decode(self, number: int) -> UInt8Array:
        with explain_damage(self._path.name):
            self._image.seek(number)
            return to_rgb(ImageOps.exif_transpose(self._image), self._path.name)


@contextmanager
def open_animation(path: Path, limits: VideoLimits) -> Iterator[AnimationReader | None]:
    """Open a WebP, PNG or AVIF file; None if it is another kind of file.

    Raises:
        MediaError: it holds one picture only, is damaged, or exceeds a limit.
    """
    with explain_damage(path.name):
        try:
            image = Image.open(path, formats=_FORMATS)
        except UnidentifiedImageError:
            yield None
            return
    with image:
        with explain_damage(path.name):
            check_picture_size(image, path.name)
            if getattr(image, "n_frames", 1) < 2:
                raise MediaError(
                    f"{path.name} holds one picture, no video. Analyze it as a picture: on the part Pictures "
                    "of the page, or with `fer predict`."
                )
        yield AnimationReader(image, path, limits)
