"""Smoothing of probabilities over time, one filter a face, independent of the frame rate."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.types import Prediction


@dataclass(slots=True)
class _State:
    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    time_s: float


class ProbabilitySmoother:
    """Exponential moving average of each face's probabilities, by its track's id.

    After a lasting change the shown probabilities have gone 63 % of the way in `time_constant_s` seconds,
    whether the frames in between were three or thirty. A convex mix of distributions is one again.
    """

    def __init__(self, time_constant_s: float) -> None:
        """Start without faces. 0 shows every prediction as it is; may be exchanged at any time."""
        self.time_constant_s = time_constant_s
        self._states: dict[int, _State] = {}

    def update(self, track_id: int, prediction: Prediction, time_s: float) -> Prediction:
        """Take in a face's prediction at `time_s` and return the smoothed one.

        A face's first prediction is taken as it is; so is the first with other classes (another model).
        """
        state = self._states.get(track_id)
        new = np.asarray(prediction.probabilities)
        if state is not None and state.classes == prediction.classes:
            # A clock that stands still or jumps back says nothing: such frames count as simultaneous.
            elapsed = max(0.0, time_s - state.time_s)
            new = state.probabilities + _weight(elapsed, self.time_constant_s) * (new - state.probabilities)
            time_s = max(time_s, state.time_s)
        self._states[track_id] = _State(prediction.classes, new, time_s)
        return Prediction.from_array(prediction.classes, new)

    def current(self, track_id: int) -> Prediction | None:
        """The smoothed prediction of a face as it last was; None if there has been none."""
        state = self._states.get(track_id)
        return None if state is None else Prediction.from_array(state.classes, state.probabilities)

    def keep_only(self, track_ids: set[int]) -> None:
        """Forget all other faces, so that memory does not grow with a stream's length."""
        for track_id in self._states.keys() - track_ids:
            del self._states[track_id]

    def reset(self) -> None:
        """Forget all faces."""
        self._states.clear()


def _weight(elapsed_s: float, time_constant_s: float) -> float:
    """Share in [0, 1] of the new prediction."""
    if time_constant_s <= 0:
        return 1.0
    return -math.expm1(-elapsed_s / time_constant_s)
