"""Times of a file's packets, mended where its clock jumps, as where recordings are put together."""

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_MAX_BACK_S: Final[float] = 0.1
"""Decoding times of a track do not fall, unless by rounding."""
_MAX_AHEAD_S: Final[float] = 10.0
"""Further ahead is a jump in formats whose clock may jump (MPEG's); FFmpeg's own tools take as much."""
_SAME_JUMP_S: Final[float] = 1.0
"""Tracks of one file jump at about the same time, and by the same."""


class PacketClock:
    """Lets each part of a file follow the one before, where the times of its packets jump.

    One instance serves one pass over a container, from its beginning on.
    """

    def __init__(self, container: "InputContainer") -> None:
        """Begin with the container's first packet."""
        from av.format import Flags

        may_jump_ahead = Flags.ts_discont in Flags(container.format.flags)
        self._max_ahead_s = _MAX_AHEAD_S if may_jump_ahead else math.inf
        self._last_s: dict[int, float] = {}
        self._steps_s: dict[int, float] = {}
        self._shifts_s: dict[int, float] = {}
        self._latest_s = 0.0
        self._num_jumps: Counter[int] = Counter()

    @property
    def num_jumps(self) -> int:
        """How often the clock jumped so far."""
        return max(self._num_jumps.values(), default=0)

    def mend(self, packet: "Packet[Any]") -> None:
        """Change the times of the next packet so that they go on from those before."""
        index, base = packet.stream.index, packet.time_base
        shift_s = self._shifts_s.get(index, self._latest_s)
        if packet.dts is not None:
            shift_s = self._follow(index, float(packet.dts * base), shift_s)
        if shift_s:
            ticks = round(shift_s / base)
            packet.dts = None if packet.dts is None else packet.dts + ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks

    def _follow(self, index: int, time_s: float, shift_s: float) -> float:
        """By how much a track is shifted from now on, given its own next time and the shift until now."""
        last_s, step_s = self._last_s.get(index), self._steps_s.get(index, 0.0)
        if last_s is not None:
            if not -_MAX_BACK_S <= time_s + shift_s - last_s <= self._max_ahead_s:
                shift_s = self._find_shift(last_s + step_s - time_s, step_s)
                self._num_jumps[index] += 1
            elif time_s + shift_s > last_s:
                self._steps_s[index] = time_s + shift_s - last_s
        self._shifts_s[index] = shift_s
        self._last_s[index] = max(last_s or -math.inf, time_s + shift_s)
        return shift_s

    def _find_shift(self, wanted_s: float, step_s: float) -> float:
        """Another track's shift, where it comes near enough to keep sound and picture together."""
        if not -step_s <= self._latest_s - wanted_s <= _SAME_JUMP_S:
            self._latest_s = wanted_s
        return self._latest_s
