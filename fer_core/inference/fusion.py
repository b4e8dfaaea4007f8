"""Face and voice as one answer, where it is known that the voice is the face's.

Each track is calibrated by itself; the voice's probabilities over its class frequencies say by how much
hearing changed what was expected, and the face's are multiplied by that, to a power learned on validation
data (late fusion; Kittler et al., On combining classifiers, TPAMI 1998).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.types import Prediction

WEIGHT: Final[float] = 0.3
"""Power of the voice. On pairs of known expression 1 has the least log loss; this much is kept where a third
of the voices are somebody else's and fusion must not cost a point (benchmarks/voice_fusion.py)."""
MIN_SHARED: Final[float] = 0.5
"""A voice that expresses mostly what faces are not asked for, boredom for example, says nothing of these."""
_LEAST: Final[float] = 1e-6


def fuse(
    face: Prediction, voice: Prediction, voice_prior: Sequence[float] | None = None, weight: float = WEIGHT
) -> Prediction | None:
    """What face and voice of one person express together; classes are the face's.

    A class that the voice's model doesn't know keeps what the face gave it.

    Args:
        face: calibrated probabilities.
        voice: calibrated probabilities.
        voice_prior: share of each of the voice's classes in what its model learnt; all alike, if not given.
        weight: power of the voice, 0 (the face alone) to 1 (as if both were independent).

    Returns:
        None where the voice says nothing of the face's classes.
    """
    shared = [name for name in face.classes if name in voice.classes]
    places = [voice.classes.index(name) for name in shared]
    heard = np.array(voice.probabilities)[places]
    if len(shared) < 2 or heard.sum() < MIN_SHARED:
        return None
    expected = np.ones(len(places)) if voice_prior is None else np.array(voice_prior, float)[places]
    gains = np.maximum(heard / heard.sum(), _LEAST) / np.maximum(expected / expected.sum(), _LEAST)
    found = np.array(face.probabilities)
    where = [face.classes.index(name) for name in shared]
    found[where] *= gains**weight
    return Prediction.from_array(face.classes, found / found.sum())


def learn_weight(
    faces: Sequence[Prediction],
    voices: Sequence[Prediction],
    labels: Sequence[str],
    voice_prior: Sequence[float] | None = None,
) -> float:
    """The power with the least log loss on pairs of a face and a voice whose expression is known.

    Args:
        faces: of people.
        voices: of the same, in the same order.
        labels: what each expresses, one of the face's classes.
        voice_prior: as for `fuse`.

    Returns:
        0 to 1 in steps of 0.05.
    """
    steps = np.linspace(0, 1, 21)

    def loss(weight: float) -> float:
        pairs: list[npt.NDArray[np.float64]] = []
        for face, voice, label in zip(faces, voices, labels, strict=True):
            found = fuse(face, voice, voice_prior, weight) or face
            pairs.append(np.log(max(found.probabilities[found.classes.index(label)], _LEAST)))
        return -float(np.mean(pairs))

    return float(min(steps, key=loss))
