"""From decoded frames of sound to one channel of one rate."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.types import Float32Array

if TYPE_CHECKING:
    import av

_FULL_SCALE: Final[dict[str, float]] = {"s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
_WEIGHTS: Final[dict[str, float]] = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
"""Of channels in a mix, before they are made to sum to 1 so that nothing clips; 0.5 for all others (ITU-R
BS.775). Voices of films are in the centre; a subwoofer has none."""


def mix_down(frame: "av.AudioFrame") -> Float32Array:
    """One channel of a decoded frame, (n,) in [-1, 1]; NaN of a broken file becomes silence."""
    kind = frame.format.name.removesuffix("p")
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(frame.samples, -1).T
    zero = 128 if kind == "u8" else 0
    scale = 128.0 if kind == "u8" else _FULL_SCALE.get(kind, 1.0)
    values: Float32Array = np.asarray((samples.astype(np.float32) - zero) / scale, np.float32)
    mono = _weigh(tuple(channel.name for channel in frame.layout.channels)) @ values
    kept: Float32Array = np.clip(np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
    return kept


@lru_cache(maxsize=32)
def _weigh(channels: tuple[str, ...]) -> Float32Array:
    weights = np.array([_WEIGHTS.get(name, 0.5) for name in channels], np.float32)
    return weights / weights.sum() if weights.any() else np.full_like(weights, 1 / len(weights))


class Resampler:
    """One channel from any rate to another, in pieces; without delay, for FFmpeg takes that back."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        """Begin a stretch of sound."""
        import av

        self._source_rate = source_rate
        self._graph = (
            None
            if source_rate == target_rate
            else av.AudioResampler(format="flt", layout="mono", rate=target_rate)
        )

    def feed(self, samples: Float32Array) -> Iterator[Float32Array]:
        """Take in samples, (n,); give what is ready."""
        import av

        if self._graph is None:
            yield samples
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="flt", layout="mono")
        frame.sample_rate = self._source_rate
        yield from self._take(frame)

    def finish(self) -> Iterator[Float32Array]:
        """Give what was held back."""
        if self._graph is not None:
            yield from self._take(None)

    def _take(self, frame: "av.AudioFrame | None") -> Iterator[Float32Array]:
        assert self._graph is not None
        for item in self._graph.resample(frame):
            # Filters ring beyond full scale.
            yield np.clip(item.to_ndarray()[0], -1, 1)
