"""Steps of time: in which one a moment lies."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TINY: Final[float] = 1e-9
"""What rounding may take from a time: 0.6 / 0.2 is a little less than 3."""


def find_steps(times_s: "npt.ArrayLike", step_s: float) -> "npt.NDArray[np.int64]":
    """In which step each moment lies; one that begins a step, but for rounding, is in that step.

    Args:
        times_s: N, in seconds; negative before the moment that time counts from.
        step_s: above 0; step 0 begins at 0 s.

    Returns:
        N whole numbers.

    Examples:
        >>> find_steps([0.6, 1.2, 1.39, 1.4, -0.2], 0.2).tolist()
        [3, 6, 6, 7, -1]
    """
    import numpy as np

    return np.floor(np.asarray(times_s, dtype=float) / step_s + TINY).astype(np.int64)
