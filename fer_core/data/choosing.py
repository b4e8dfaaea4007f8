"""Which faces to label next: at random, or by a method of active learning.

Settles (2009) is the survey. Each method needs only what a model says of the faces, so that choosing among
thousands takes a moment. Libraries of active learning that are kept bring matplotlib along, for these lines.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer_core.errors import ConfigError, DataError

ChoiceMethod = Literal["random", "least_sure", "disagreement", "most_different", "mixed"]
CHOICE_METHODS: Final[tuple[ChoiceMethod, ...]] = get_args(ChoiceMethod)

_Numbers = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.int64]
_WIDER: Final[int] = 5
"""`mixed` spreads its choice over this many times as many faces (Zhdanov tries 10 to 50, on larger sets)."""


def choose_faces(
    probabilities: npt.ArrayLike,
    embeddings: npt.ArrayLike,
    chosen_embeddings: npt.ArrayLike | None,
    count: int,
    method: ChoiceMethod,
    seed: int,
) -> _Indices:
    """Choose faces to label, the most useful first.

    - `random`: what every other method has to beat
    - `least_sure`: the smallest margin between the two most probable classes (Scheffer et al., 2001)
    - `disagreement`: models differ most: mean divergence from their common answer (McCallum and Nigam, 1998)
    - `most_different`: farthest from all that is chosen, one after the other: the k-center greedy choice of
      a core-set (Sener and Savarese, 2018)
    - `mixed`: of the least sure, those that differ most from each other (Zhdanov, 2019)

    Args:
        probabilities: N x K, or of several models M x N x K; rows sum to 1. `least_sure` and `mixed` take
            the models' mean.
        embeddings: N x E; only their directions count.
        chosen_embeddings: of faces that are labelled already, C x E; None or empty where there are none.
        count: how many; all of them are returned where there are fewer.
        method: one of the above.
        seed: of chance: the whole choice of `random`, ties and the first face elsewhere.

    Returns:
        Numbers of the chosen faces, in 0 to N - 1, each once.

    Raises:
        ConfigError: no such method, or a count below 1.
        DataError: the arrays do not go together, or `disagreement` was asked of one model.
    """
    if method not in CHOICE_METHODS:
        raise ConfigError(f"no method {method!r} to choose faces; expected {', '.join(CHOICE_METHODS)}")
    if count < 1:
        raise ConfigError(f"{count} faces to choose; expected at least 1")
    answers = np.asarray(probabilities, dtype=np.float64)
    answers = answers[None] if answers.ndim == 2 else answers
    points = np.asarray(embeddings, dtype=np.float64)
    chosen = np.empty((0, *points.shape[1:])) if chosen_embeddings is None else np.asarray(chosen_embeddings)
    chosen = chosen if len(chosen) else np.empty((0, *points.shape[1:]))
    _check_shapes(answers, points, chosen)
    if method == "disagreement" and len(answers) < 2:
        raise DataError("one model can't disagree; give the answers of two or more, or take 'least_sure'")
    # Shuffled first: equals then come in an order that chance, not the video, gave them.
    order = np.random.default_rng(seed).permutation(len(points))
    shuffled = answers[:, order], _point_to_sphere(points[order]), _point_to_sphere(chosen)
    picked: _Indices = order[_METHODS[method](*shuffled, min(count, len(points)))]
    return picked


def _check_shapes(answers: _Numbers, points: _Numbers, chosen: npt.NDArray[Any]) -> None:
    fits = answers.ndim == 3 and points.ndim == 2 and answers.shape[1] == len(points)
    if not fits or answers.shape[2] < 2 or chosen.shape[1:] != points.shape[1:]:
        raise DataError(
            f"can't choose from probabilities {answers.shape}, embeddings {points.shape} and chosen ones "
            f"{chosen.shape}; expected M x N x K (K >= 2), N x E and C x E"
        )
    if not (np.isfinite(answers).all() and np.isfinite(points).all()):
        raise DataError("probabilities or embeddings hold values that are not finite; compute them again")


def _point_to_sphere(points: npt.NDArray[Any]) -> _Numbers:
    values = np.asarray(points, dtype=np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: _Numbers = values / np.maximum(lengths, 1e-12)
    return scaled


def _keep_order(answers: _Numbers, points: _Numbers, chosen: _Numbers, count: int) -> _Indices:
    return np.arange(count)


def _rank_unsure(answers: _Numbers, points: _Numbers, chosen: _Numbers, count: int) -> _Indices:
    two_best = np.sort(answers.mean(axis=0), axis=1)[:, -2:]
    return np.argsort(two_best[:, 1] - two_best[:, 0], kind="stable")[:count]


def _rank_disputed(answers: _Numbers, points: _Numbers, chosen: _Numbers, count: int) -> _Indices:
    logs = np.log(np.maximum(answers, 1e-12))
    common = np.log(np.maximum(answers.mean(axis=0), 1e-12))
    divergence = (answers * (logs - common)).sum(axis=2).mean(axis=0)
    return np.argsort(-divergence, kind="stable")[:count]


def _spread_out(answers: _Numbers, points: _Numbers, chosen: _Numbers, count: int) -> _Indices:
    # Squared distances of unit vectors are 2 - 2 cos: the largest distance is the smallest likeness.
    likeness = np.full(len(points), -np.inf)
    for start in range(0, len(chosen), 1024):
        likeness = np.maximum(likeness, (points @ chosen[start : start + 1024].T).max(axis=1))
    picked = np.empty(count, np.int64)
    for place in range(count):
        picked[place] = likeness.argmin()
        likeness = np.maximum(likeness, points @ points[picked[place]])
        likeness[picked[: place + 1]] = np.inf
    return picked


def _spread_unsure(answers: _Numbers, points: _Numbers, chosen: _Numbers, count: int) -> _Indices:
    unsure = _rank_unsure(answers, points, chosen, _WIDER * count)
    found: _Indices = unsure[_spread_out(answers, points[unsure], chosen, count)]
    return found


_METHODS: Final[Mapping[str, Callable[[_Numbers, _Numbers, _Numbers, int], _Indices]]] = {
    "random": _keep_order,
    "least_sure": _rank_unsure,
    "disagreement": _rank_disputed,
    "most_different": _spread_out,
    "mixed": _spread_unsure,
}
