"""From encoded sound to samples of a data set: decoded, cut into windows, each with its log-mel picture."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from fer_core.checkpoint import SoundSpec
from fer_core.data.importers.decoding import Prepared
from fer_core.errors import MediaError
from fer_core.log_mel import compute_log_mel, measure_level
from fer_core.scratch import scratch_folder
from fer_core.types import Float32Array

_SHORTEST_S: Final[float] = 0.3
"""Less is not a word."""
_SILENCE_DB: Final[float] = -60.0
NOTE_COLUMN: Final[str] = "sound_note"
"""What is wrong with a clip that is taken all the same: clipped, few samples a second ..."""


def prepare_sound(data: bytes, spec: SoundSpec) -> list[Prepared]:
    """Decode one file and cut it into as many windows as fill it.

    Raises:
        MediaError: it can't be decoded, is shorter than 0.3 s, or is silent.
    """
    from fer_core.sound.decode import read_sound

    with scratch_folder() as folder:
        path = folder / "clip"  # the content says what it is
        path.write_bytes(data)
        sound = read_sound(path, spec.sample_rate)
    samples = sound.samples
    seconds = len(samples) / spec.sample_rate
    if seconds < _SHORTEST_S:
        raise MediaError(f"{seconds:.2f} s of sound; expected {_SHORTEST_S} s or more")
    windows = [
        (start, part) for start, part in cut_windows(samples, spec) if measure_level(part) > _SILENCE_DB
    ]
    if not windows:
        raise MediaError(f"silent: {measure_level(samples):.0f} dB of full scale; expected a voice")
    note = {NOTE_COLUMN: " ".join(sound.notes)} if sound.notes else {}
    return [_prepare_window(start, part, spec, note) for start, part in windows]


def cut_windows(samples: Float32Array, spec: SoundSpec) -> list[tuple[int, Float32Array]]:
    """Windows that cover a sound evenly, each with where it begins; a single one is the loudest stretch.

    A sound of 2.7 windows gives three that overlap a little, one of 1.3 windows its loudest part.

    Args:
        samples: mono, at the spec's rate.
        spec: how long a window is.
    """
    size = spec.num_samples
    if len(samples) <= size:
        return [(0, samples)]
    count = round(len(samples) / size)
    starts = np.rint(np.linspace(0, len(samples) - size, count)).astype(int).tolist() if count > 1 else []
    return [(start, samples[start : start + size]) for start in starts or [_find_loudest(samples, size)]]


def _find_loudest(samples: Float32Array, size: int) -> int:
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    return int(np.argmax(energy[size:] - energy[:-size]))


def _prepare_window(start: int, part: Float32Array, spec: SoundSpec, note: Mapping[str, str]) -> Prepared:
    clip = np.zeros(spec.num_samples, np.int16)
    clip[: len(part)] = np.rint(np.clip(part, -1, 1) * 32767)
    return Prepared(
        compute_log_mel(part, spec), clip, {"start_s": round(start / spec.sample_rate, 3), **note}
    )
