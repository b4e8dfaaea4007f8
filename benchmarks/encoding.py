"""What a preset of x264 costs, and what it gives: processor time, size, and how near the picture comes.

    python benchmarks/encoding.py                 # the videos of ../shared
    python benchmarks/encoding.py clip.mp4

Each video is decoded and encoded again, with nothing drawn. PSNR is of the luma, in dB, from the mean error
of all pixels of all frames; from about 45 most eyes see no difference.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import tyro

from benchmarks.video import VIDEOS, measure, transcode
from fer_core.inference.frames import YuvFrame
from fer_core.inference.video import EncoderSettings, open_video, probe_video

CHOICES: Final[tuple[EncoderSettings, ...]] = (
    EncoderSettings(preset="medium", crf=20),
    EncoderSettings(preset="faster", crf=19),
    EncoderSettings(preset="veryfast", crf=18),
    EncoderSettings(preset="veryfast", crf=20),
    EncoderSettings(preset="superfast", crf=20),
)


def main(videos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()) -> int:
    """Compare.

    Args:
        videos: what to encode; all of ../shared/media/videos, if not given.
    """
    files = videos or tuple(sorted(VIDEOS.glob("*.mp4")))
    if not files:
        sys.exit(f"no videos in {VIDEOS}; name some")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "encoded.mp4"
        for video in files:
            num_frames = probe_video(video).num_frames or 1
            print(f"{video.name}: {num_frames} frames")
            for settings in CHOICES:
                cost = measure(partial(transcode, video, target, settings))
                print(
                    f"  {settings.preset:9} crf {settings.crf}: {1000 * cost.cpu_s / num_frames:5.2f} ms "
                    f"a frame, {target.stat().st_size / 1000:6.0f} kB, {compute_psnr(video, target):.1f} dB"
                )
    return 0


def compute_psnr(one: Path, other: Path) -> float:
    """Peak signal-to-noise ratio of two videos' luma in dB, over all frames."""
    with open_video(one) as first, open_video(other) as second:
        errors = [
            np.square(left.picture.luma.astype(np.float32) - right.picture.luma).mean()
            for left, right in zip(first.frames(), second.frames(), strict=True)
            if isinstance(left.picture, YuvFrame) and isinstance(right.picture, YuvFrame)
        ]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
