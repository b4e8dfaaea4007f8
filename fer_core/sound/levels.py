"""How loud sound is, and what that says of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_core.types import Float32Array

_CLIPPED_FROM: Final[float] = 0.999
_SILENT_BELOW: Final[float] = 1e-3
"""A thousandth of full scale, -60 dB: hiss at most."""
_MAX_CLIPPED: Final[float] = 0.005
"""A recording that is only loud touches full scale now and then."""


@dataclass(slots=True)
class Levels:
    """Running figures of a sound."""

    peak: float = 0.0
    """Largest amplitude, 0 to 1."""
    num_samples: int = 0
    num_clipped: int = 0

    def add(self, samples: Float32Array) -> None:
        """Take in samples, (n,) in [-1, 1]."""
        sizes = np.abs(samples)
        self.peak = max(self.peak, float(sizes.max(initial=0)))
        self.num_samples += len(samples)
        self.num_clipped += int((sizes >= _CLIPPED_FROM).sum())

    @property
    def is_silent(self) -> bool:
        """Whether nothing louder than hiss was heard."""
        return self.peak < _SILENT_BELOW

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        if self.is_silent:
            return ("The sound is silent throughout.",)
        clipped = self.num_clipped / max(1, self.num_samples)
        if clipped > _MAX_CLIPPED:
            return (f"The sound was recorded too loud: {100 * clipped:.0f} % of it is clipped.",)
        return ()
