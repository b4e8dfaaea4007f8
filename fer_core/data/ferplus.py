"""The FER+ protocol: from ten annotators' votes to training targets.

The rules of the reference implementation (microsoft/FERPlus) and of Barsoum et al., 2016, "Training Deep
Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution".
"""

from collections.abc import Callable, Sequence
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from fer_core.config import LabelMode
from fer_core.errors import DataError
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS

NUM_EMOTIONS: Final[int] = len(EMOTIONS)
FloatArray = npt.NDArray[np.float64]

_COVER: Final[float] = 0.75
_MAX_CLASSES: Final[int] = 3
_MULTI_TARGET_SHARE: Final[float] = 0.3


def compute_distributions(
    votes: npt.ArrayLike, mode: LabelMode, classes: Sequence[str] = EMOTIONS
) -> FloatArray:
    """Turn votes into label distributions over the emotions.

    A data set may leave emotions out, most often contempt. An image that shows one of those is discarded:
    its column has as many votes as the largest. For all others that column is dropped before the rule is
    applied, so that the rule itself renormalises what is left. This is ours; the paper keeps all eight.

    Args:
        votes: N x 10 counts, columns as in `FERPLUS_COLUMNS`.
        mode: `majority` gives one-hot rows; the other modes give distributions.
        classes: the K emotions of the data set, in its order.

    Returns:
        N x K; rows sum to 1, or are all NaN where the protocol discards the image.

    Raises:
        DataError: not N x 10, counts that are negative or not finite, or a class that is no emotion.
    """
    counts = np.asarray(votes, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] != len(FERPLUS_COLUMNS):
        raise DataError(f"votes have shape {counts.shape}; expected N x {len(FERPLUS_COLUMNS)}")
    if counts.size and not (np.isfinite(counts).all() and counts.min() >= 0):
        raise DataError("votes hold negative or non-finite counts")
    strangers = [name for name in classes if name not in EMOTIONS]
    if strangers:
        raise DataError(f"votes know no class {', '.join(strangers)}; they know {', '.join(EMOTIONS)}")
    columns = [EMOTIONS.index(name) for name in classes]
    left_out = [column for column in range(NUM_EMOTIONS) if column not in columns]
    rule = _RULES[mode]
    # The same few thousand vote patterns recur over all images, so each is worked out once.
    patterns, inverse = np.unique(counts, axis=0, return_inverse=True)
    rows = [_normalise(rule(_leave_out(_drop_single_votes(row), left_out))) for row in patterns]
    return np.array(rows, dtype=np.float64).reshape(-1, NUM_EMOTIONS)[inverse.reshape(-1)][:, columns]


def _leave_out(row: FloatArray, columns: list[int]) -> FloatArray:
    """The row without these columns; nothing at all where one of them is (or shares) the largest."""
    if not columns:
        return row
    kept = row.copy()
    kept[columns] = 0
    return kept if row[columns].max() < row.max() else np.zeros_like(row)


def _drop_single_votes(row: FloatArray) -> FloatArray:
    return np.where(row <= 1, 0, row)


def _keep_majority(row: FloatArray) -> FloatArray:
    top = int(row.argmax())
    kept = np.zeros_like(row)
    if row[top] > row.sum() / 2:
        kept[top] = row[top]
    return kept


def _keep_covering(row: FloatArray) -> FloatArray:
    """Take columns from the top until enough votes are covered (modes crossentropy and probability)."""
    kept, left = np.zeros_like(row), row.copy()
    total = row.sum()
    covered, num_taken = 0.0, 0
    while covered < _COVER * total and num_taken < _MAX_CLASSES:
        top_count = left.max()
        for column in np.flatnonzero(left == top_count):
            left[column] = 0
            covered += top_count
            if column < NUM_EMOTIONS:
                kept[column] = top_count
                num_taken += 1
                continue
            # Unknown or not-a-face ends it, and counts itself only if no emotion came before it.
            if not kept.any():
                kept[column] = top_count
            return _discard_unclear(kept, total, num_taken)
    return _discard_unclear(kept, total, num_taken)


def _discard_unclear(kept: FloatArray, total: float, num_taken: int) -> FloatArray:
    unclear = kept.sum() <= total / 2 or num_taken > _MAX_CLASSES
    return np.zeros_like(kept) if unclear else kept


def _keep_multi_target(row: FloatArray) -> FloatArray:
    kept = np.where(row >= _MULTI_TARGET_SHARE * row.sum(), row, 0)
    return kept if kept.sum() > row.sum() / 2 else np.zeros_like(row)


_RULES: Final[dict[LabelMode, Callable[[FloatArray], FloatArray]]] = {
    "majority": _keep_majority,
    "crossentropy": _keep_covering,
    "probability": _keep_covering,
    "multi_target": _keep_multi_target,
}
assert set(_RULES) == set(get_args(LabelMode))


def _normalise(kept: FloatArray) -> FloatArray:
    """Share of each emotion; NaN where nothing was kept or the top column is no emotion."""
    emotions = kept[:NUM_EMOTIONS]
    if kept.sum() == 0 or int(kept.argmax()) >= NUM_EMOTIONS:
        return np.full(NUM_EMOTIONS, np.nan)
    shares: FloatArray = emotions / emotions.sum()
    return shares
