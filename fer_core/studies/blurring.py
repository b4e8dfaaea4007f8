"""Hiding the faces of people who did not agree, in a video that is handed on.

A second pass over the video with its table of faces: only then is known who is to be seen, and a face that
was found late or lost for a moment is hidden before, between and after, too. Everybody is hidden but those
who are named.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.errors import ConfigError, DataError
from fer_core.inference.video import create_like
from fer_core.inference.video_reader import open_video
from fer_core.studies.formats.annotations import name_tiers
from fer_core.studies.formats.tables import PLACE_COLUMNS, is_of_faces, require_numbers

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from av import Packet

    from fer_core.inference.video_writer import EncoderSettings

Area = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""

GROWTH: Final[float] = 1.4
"""Side of what is hidden, in longer sides of the face's box: hair and chin, and faces that are turned."""
HOLD_S: Final[float] = 1.0
"""How long before a face is found, and after it is lost, its place is hidden."""
_SAME_TIME_S: Final[float] = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurSummary:
    """What was hidden."""

    num_frames: int
    num_frames_hidden: int
    """Frames on which at least one face is hidden."""
    hidden: tuple[str, ...]
    """Names of the faces that are hidden."""
    shown: tuple[str, ...]
    """Names of those that are not."""


def choose_hidden(faces: "pd.DataFrame", show: Sequence[str]) -> tuple["pd.DataFrame", tuple[str, ...]]:
    """The rows of faces to hide, with their name as `tier`, and the names of those that stay.

    Args:
        faces: the table of `fer annotate`.
        show: names of persons, or numbers of faces (`track_id`), who agreed.

    Raises:
        DataError: it is no table of faces of a video.
        ConfigError: nobody is called so.
    """
    if not is_of_faces(faces):
        raise DataError("the table has no faces of a video; expected the one that `fer annotate` wrote of it")
    require_numbers(faces, PLACE_COLUMNS, "the table of faces")
    rows = name_tiers(faces)
    known = list(dict.fromkeys(rows["tier"]))
    # A person may be called by a number, too: it is theirs before it is that of a face.
    names = [f"face {name}" if name.isdigit() and name not in known else name for name in show]
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"no face is called {unknown[0]!r}; the table has {', '.join(known) or 'none'}")
    # A person may be called like a face that nobody named: that one did not agree.
    is_unnamed = name_tiers(rows.drop(columns="person", errors="ignore"))["tier"] == rows["tier"]
    is_like_person = is_unnamed & rows["tier"].isin(set(rows["tier"][~is_unnamed]))
    return rows[~rows["tier"].isin(names) | is_like_person], tuple(names)


def plan_areas(hidden: "pd.DataFrame", times_s: "npt.NDArray[np.floating[Any]]") -> dict[int, list[Area]]:
    """What to hide on each frame, by its number.

    Between two frames that show a face its place is interpolated, if they are at most twice `HOLD_S` apart.
    Before, after and in longer gaps it is where the face was last or will be next, for `HOLD_S`, and grows.

    Args:
        hidden: rows of faces with `tier` and `frame`.
        times_s: when each frame of the video is shown, from frame 0.
    """
    areas: dict[int, list[Area]] = {}
    for _, rows in hidden.groupby(["tier", "track_id"]):  # two faces of one name may be on one frame
        ordered = rows.drop_duplicates("frame").sort_values("frame")
        seen_s = times_s[ordered["frame"].to_numpy(dtype=int)]
        x, y, width, height = (ordered[name].to_numpy(dtype=float) for name in ("x", "y", "width", "height"))
        values = (x + width / 2, y + height / 2, np.maximum(width, height) * GROWTH / 2)
        after = np.searchsorted(seen_s, times_s)
        before = np.searchsorted(seen_s, times_s, side="right") - 1
        last = len(seen_s) - 1
        since = np.where(before >= 0, times_s - seen_s[before.clip(0)], np.inf)
        until = np.where(after <= last, seen_s[after.clip(0, last)] - times_s, np.inf)
        nearest = np.where(since <= until, before, after).clip(0, last)
        is_between = since + until <= 2 * HOLD_S
        wait = np.where(is_between, 0.0, np.minimum(since, until))
        center_x, center_y, side = (
            np.where(is_between, np.interp(times_s, seen_s, column), column[nearest]) for column in values
        )
        side *= 1 + wait / HOLD_S / 2
        for frame in np.flatnonzero(wait <= HOLD_S):
            edges = (center_x - side, center_y - side, center_x + side, center_y + side)
            left, top, right, bottom = (float(edge[frame]) for edge in edges)
            area = (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
            areas.setdefault(int(frame), []).append(area)
    return areas


def blur_video(
    source: Path,
    faces: "pd.DataFrame",
    target: Path,
    *,
    show: Sequence[str] = (),
    encoder: "EncoderSettings | None" = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> BlurSummary:
    """Write a video in which every face but the named ones is a mosaic of few cells, with its sound.

    Args:
        source: the video, or what `fer annotate` drew of it: both have the same frames.
        faces: its table of faces.
        target: the MP4 file to write.
        show: who agreed: names of persons, or numbers of faces.
        encoder: compression.
        on_progress: called with the number of frames done, and of all.

    Raises:
        MediaError: the video can't be read, or the target not be written.
        DataError: the table is not of this video: a frame that it does not know could show anybody.
        ConfigError: nobody is called so, or the target is no MP4 file, or the video itself.
    """
    if target.suffix.lower() != ".mp4" or target.resolve() == source.resolve():
        raise ConfigError(f"output {target.name!r} has to be an .mp4 file, and another one than the video")
    hidden, shown = choose_hidden(faces, show)
    frames = faces.drop_duplicates("frame").sort_values("frame")
    times = frames["time_s"].to_numpy(dtype=float)
    if frames["frame"].tolist() != list(range(len(frames))):
        raise DataError("the table does not hold every frame from 0 on; analyze the video again")
    areas = plan_areas(hidden, times)
    num_done = 0
    with open_video(source) as reader, create_like(reader, target, encoder) as writer:
        sound: list[Packet[Any]] = []
        for number, frame in enumerate(reader.frames(sound.append)):
            if number >= len(times) or abs(frame.time_s - times[number]) > _SAME_TIME_S:
                raise DataError(_describe_mismatch(source, number, len(times)))
            for packet in sound:
                writer.write_audio(packet)
            sound.clear()
            picture = frame.picture
            if number in areas:
                picture, canvas = picture.editable()
                for area in areas[number]:
                    canvas.pixelate(*area)
            writer.write(picture, frame.pts)
            num_done += 1
            if on_progress is not None:
                on_progress(num_done, len(times))
        for packet in sound:
            writer.write_audio(packet)
        if num_done < len(times):
            raise DataError(_describe_mismatch(source, num_done, len(times)))
    return BlurSummary(
        num_frames=num_done,
        num_frames_hidden=len(areas),
        hidden=tuple(dict.fromkeys(hidden["tier"])),
        shown=shown,
    )


def _describe_mismatch(source: Path, number: int, num_known: int) -> str:
    return (
        f"the table is not of {source.name}: they differ from frame {number} on ({num_known} in the table); "
        "analyze this video, or a drawing of it, to its end"
    )
