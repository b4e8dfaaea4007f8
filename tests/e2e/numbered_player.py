"""A video that shows its frames' numbers in its pixels, with a made-up table of faces; served, its player."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from playwright.sync_api import Locator, expect

from app.shared.components.video_player import render_video_player
from fer_core.inference.face_table import create_table
from fer_core.inference.video import probe_video
from fer_core.inference.video_writer import EncoderSettings, create_video
from fer_core.labels import EMOTIONS
from fer_core.types import FaceBox, FaceResult, Prediction, UInt8Array

SCRIPT = Path(__file__)
SIZE = (640, 360)
VIDEO, TABLE = "numbered.mp4", "numbered.parquet"
_BITS, _BLOCK_PX = 16, 24
_READ = f"""(video) => {{
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [{_BITS * _BLOCK_PX}, {_BLOCK_PX}];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
    const {{data}} = context.getImageData(0, {_BLOCK_PX // 2}, canvas.width, 1);
    let number = 0;
    for (let bit = 0; bit < {_BITS}; bit++) if (data[4 * {_BLOCK_PX} * (bit + 0.5)] > 127) number += 2 ** bit;
    return number;
}}"""


class Picture(NamedTuple):
    """What was seen when the browser told of a picture."""

    frame: int
    """By its pixels."""
    cursor: int
    """The cursor's frame."""
    late_s: float
    """How long the picture had been shown by then; on a busy machine another has taken its place."""

    @property
    def is_in_time(self) -> bool:
        """Whether it was looked at while it was shown."""
        return self.late_s < _IN_TIME_S

    @property
    def off(self) -> int:
        """Frames between picture and cursor."""
        return abs(self.frame - self.cursor)


_IN_TIME_S = 0.03  # a frame, at 30 a second
_ARM = f"""(player) => {{
    const video = player.querySelector("video"), read = {_READ};
    player.shown = new Promise((done) => {{
        const begin = ({{timeStamp}}) => {{
            const look = () => {{
                if (read(video) === Number(player.dataset.cursor)) done(performance.now() - timeStamp);
                else requestAnimationFrame(look);
            }};
            requestAnimationFrame(look);
        }};
        player.querySelector(".timeline").addEventListener("pointerdown", begin, {{once: true}});
    }});
}}"""
_FOLLOW = f"""(player, seconds) => new Promise((done) => {{
    const video = player.querySelector("video"), read = {_READ}, seen = [], end = video.currentTime + seconds;
    const look = (_, {{mediaTime, expectedDisplayTime}}) => {{
        const shown = read(video), late = performance.now() - expectedDisplayTime;
        seen.push([shown, Number(player.dataset.cursor), late / 1000]);
        if (mediaTime < end) video.requestVideoFrameCallback(look);
        else done(seen);
    }};
    video.requestVideoFrameCallback(look);
    video.addEventListener("ended", () => done(seen));
    player.querySelector(".play").click();
}})"""


def make_numbered_video(folder: Path, times_ms: Sequence[int]) -> None:
    """Write a video with a frame at each of these times, and its table.

    Face 1 is in the first half, then nobody for a tenth, then face 2; from three quarters on, which is a cut,
    faces 3 and 4.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = len(times_ms)
    quick = EncoderSettings(preset="ultrafast", crf=28)
    with (
        create_video(folder / VIDEO, size=SIZE, rate=Fraction(30), settings=quick) as video,
        create_table(folder / TABLE, EMOTIONS) as table,
    ):
        for number, time_ms in enumerate(times_ms):
            video.write(_draw(number), time_ms)
            table.add(number, time_ms / 1000, _faces(number / count))


_SLOPE = np.indices(SIZE[::-1], np.uint8).sum(axis=0, dtype=np.uint8)  # from 255 on it begins anew


def _draw(number: int) -> UInt8Array:
    grey = _SLOPE + np.uint8(3 * number % 256)
    for bit in range(_BITS):
        grey[:_BLOCK_PX, bit * _BLOCK_PX : (bit + 1) * _BLOCK_PX] = 255 * (number >> bit & 1)
    return np.repeat(grey[..., None], 3, axis=2)


def _faces(share: float) -> list[FaceResult]:
    tracks = (1,) if share < 0.5 else () if share < 0.6 else (2,) if share < 0.75 else (3, 4)
    return [_face(track, share) for track in tracks]


def _face(track: int, share: float) -> FaceResult:
    waves = 1 + np.sin(2 * np.pi * 3 * share + np.arange(len(EMOTIONS)) + track)
    chances = waves**3 / (waves**3).sum()
    box = FaceBox(x=40.0 + 120 * track, y=100 + 60 * share, width=90, height=110, score=0.9)
    return FaceResult(box=box, prediction=Prediction.from_array(EMOTIONS, chances), track_id=track)


def middle_of_face(track: int, frame: int, num_frames: int) -> int:
    """Grey, 0 to 255, of a frame in the middle of a face's box."""
    box = _face(track, frame / num_frames).box
    return int(_draw(frame)[round(box.y + box.height / 2), round(box.x + box.width / 2), 0])


def shown_frame(player: Locator) -> int:
    """The frame that the picture shows, by its pixels."""
    return int(player.locator("video").evaluate(_READ))


def play(player: Locator, seconds: float) -> list[Picture]:
    """Play; return the pictures that the browser showed."""
    return [Picture(*values) for values in player.evaluate(_FOLLOW, seconds)]


def seek(player: Locator, share: float) -> None:
    """Click into the timeline, from 0 to 1, and wait for the picture."""
    timeline = player.locator(".timeline")
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": share * box["width"], "y": box["height"] / 2})
    wait_for_picture(player)


def time_click(player: Locator, share: float) -> float:
    """Seconds from a click into the timeline, from 0 to 1, until the picture shows the cursor's frame."""
    player.evaluate(_ARM)
    seek(player, share)
    return float(player.evaluate("(player) => player.shown")) / 1000


def wait_for_picture(player: Locator) -> None:
    """Wait until the cursor's frame is in the picture."""
    expect(player).to_have_attribute("data-frame", player.get_attribute("data-cursor") or "")


if __name__ == "__main__":
    _folder = Path(os.environ["FER_WORKSPACE"])
    render_video_player(
        _folder / VIDEO, pd.read_parquet(_folder / TABLE), probe_video(_folder / VIDEO), name=VIDEO
    )
