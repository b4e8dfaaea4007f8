"""Recordings put together into one MPEG file: each part has a clock of its own, and follows the part before.

MPEG-TS and MPEG-PS files can be joined byte by byte, as cameras and `cat` do. The times of their packets then
fall back, or leap, where a part begins.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.containers import open_container

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

MPEG_FORMATS: Final[frozenset[str]] = frozenset({"mpegts", "mpeg"})
"""What FFmpeg calls the formats that may be joined so; they have no index, either."""
_MAX_BACK_S: Final[float] = 0.1
"""Decoding times of a track do not fall, unless by rounding."""
MAX_GAP_S: Final[float] = 600.0
"""Times that leap further mean nothing; up to there it is a pause."""
MAX_MEASURED_BYTES: Final[int] = 4 * 1024**3
"""Of larger files the header is believed, for reading them once more takes long."""
_KINDS: Final[frozenset[str]] = frozenset({"video", "audio"})


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the parts of a file begin, and by how much their times are shifted."""

    positions: tuple[int, ...] = ()
    """Of the first byte of each part but the first, rising."""
    shifts_s: tuple[float, ...] = (0.0,)
    """What is added to the times of each part, in seconds."""

    @property
    def num_joins(self) -> int:
        """How often another part begins."""
        return len(self.positions)

    def shift_s(self, position: int) -> float:
        """What is added to the times of a packet that begins at a byte of the file."""
        return self.shifts_s[bisect_right(self.positions, position)]


ONE_PART: Final = Parts()


class PartShifter:
    """Shifts the packets of one pass over a file."""

    def __init__(self, parts: Parts) -> None:
        """Begin with any packet."""
        self._parts = parts
        self._positions: dict[int, int] = {}

    def shift(self, packet: "Packet[Any]") -> None:
        """Change a packet's times to those of the whole file."""
        if not self._parts.num_joins:
            return
        position = _note_position(self._positions, packet)
        ticks = round(self._parts.shift_s(position) / packet.time_base) if packet.size else 0
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


class PartFinder:
    """Finds the parts of a file, given all of its packets in the order in which they are read."""

    def __init__(self, container: "InputContainer") -> None:
        """Begin a pass over a container; only MPEG-TS and MPEG-PS can have several parts."""
        self._is_joinable = container.format.name in MPEG_FORMATS
        self._positions: dict[int, int] = {}
        self._tracks: dict[int, _Track] = defaultdict(_Track)

    def add(self, packet: "Packet[Any]") -> None:
        """Take in the next packet; those of other tracks than sound and picture tell nothing."""
        if not self._is_joinable or packet.stream.type not in _KINDS or packet.dts is None:
            return
        track, base = self._tracks[packet.stream.index], packet.time_base
        shown = packet.dts if packet.pts is None else packet.pts
        track.positions.append(_note_position(self._positions, packet))
        track.decoded_s.append(float(packet.dts * base))
        track.shown_s.append(float(shown * base))

    def find(self) -> Parts:
        """The parts of all packets so far."""
        tracks = list(self._tracks.values())
        positions = _intersect([item for track in tracks for item in track.find_breaks()])
        if not positions:
            return ONE_PART
        spans = [track.find_spans(positions) for track in tracks]
        begins, ends = (np.array([span[place] for span in spans]) for place in (0, 1))
        begins_s, ends_s = np.nanmin(begins, axis=0), np.nanmax(ends, axis=0)
        shifts_s = [0.0]
        for number in range(1, len(positions) + 1):
            shifts_s.append(float(ends_s[number - 1] + shifts_s[-1] - begins_s[number]))
        return Parts(tuple(positions), tuple(shifts_s))

    def find_length_s(self, index: int, parts: Parts) -> float | None:
        """From the first frame of a track to the end of its last one, in seconds; None if it has no times."""
        if index not in self._tracks:
            return None
        begins_s, ends_s = self._tracks[index].find_spans(parts.positions)
        shifts_s = np.array(parts.shifts_s)
        return float(np.nanmax(ends_s + shifts_s) - np.nanmin(begins_s + shifts_s))


class _Track:
    """Where the packets of a track lie in the file, and their times."""

    def __init__(self) -> None:
        self.positions, self.decoded_s, self.shown_s = array("q"), array("d"), array("d")

    def find_breaks(self) -> list[tuple[int, int]]:
        """Between which bytes the times fall back or leap, for good: a single wrong time is damage."""
        times = np.asarray(self.decoded_s)
        steps = np.diff(times)
        breaks = []
        for index in np.flatnonzero((steps < -_MAX_BACK_S) | (steps > MAX_GAP_S)) + 1:
            skips_one = index > 1 and 0 < times[index] - times[index - 2] <= MAX_GAP_S
            is_alone = index + 1 < len(times) and 0 < times[index + 1] - times[index - 1] <= MAX_GAP_S
            low, high = self.positions[index - 1], self.positions[index]
            if low < high and not (skips_one or is_alone):
                breaks.append((low, high))
        return breaks

    def find_spans(self, positions: Sequence[int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """When each part of this track begins and ends, in seconds on its clock; NaN where it has none."""
        parts = np.searchsorted(positions, np.asarray(self.positions), side="right")
        times = np.asarray(self.shown_s)
        begins, ends = (np.full(len(positions) + 1, np.nan) for _ in range(2))
        for number in np.unique(parts):
            own = times[parts == number]
            begins[number] = own.min()
            ends[number] = own.max() + (np.ptp(own) / (len(own) - 1) if len(own) > 1 else 0.0)
        return begins, ends


def _note_position(known: dict[int, int], packet: "Packet[Any]") -> int:
    """Where a packet begins in the file; what shares a chunk with the one before tells no place."""
    index = packet.stream.index
    if packet.pos is not None and packet.pos >= 0:
        known[index] = packet.pos
    return known.get(index, 0)


def _intersect(breaks: Sequence[tuple[int, int]]) -> list[int]:
    """Where parts begin: tracks whose times break between the same bytes do so at one join."""
    joins: list[tuple[int, int]] = []
    for low, high in sorted(breaks, key=lambda item: item[1]):
        if joins and low < joins[-1][1]:
            joins[-1] = max(low, joins[-1][0]), joins[-1][1]
        else:
            joins.append((low, high))
    return [high for _, high in joins]


def find_parts(path: Path, kind: str = "video") -> Parts:
    """Find the parts of a file without decoding anything; one, if it is larger than `MAX_MEASURED_BYTES`.

    Args:
        path: the file.
        kind: as for `open_container`.

    Raises:
        MediaError: it is nothing of the kind that can be read.
    """
    import av

    with open_container(path, kind) as container:
        if container.format.name not in MPEG_FORMATS or path.stat().st_size > MAX_MEASURED_BYTES:
            return ONE_PART
        finder = PartFinder(container)
        try:
            for packet in container.demux():
                finder.add(packet)
        except av.FFmpegError:
            pass  # what comes before the damage is read
        return finder.find()
