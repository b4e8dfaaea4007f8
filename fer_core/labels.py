"""The canonical emotions, and the maps of each data set's labels onto them.

The one place that knows spellings and orders: wrong label order is the classic bug of this field.
"""

from collections.abc import Sequence
from typing import Final

from fer_core.errors import DataError

EMOTIONS: Final[tuple[str, ...]] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
"""Canonical spelling and order: the eight emotion columns of FER+ (Barsoum et al., 2016)."""

EXPRESSIONS: Final[dict[str, tuple[str, ...]]] = {"image": EMOTIONS, "sound": (*EMOTIONS, "calm", "boredom")}
"""Classes of a data set by its kind of input, in order: voices are also labelled calm or bored."""

FERPLUS_NON_EMOTIONS: Final[tuple[str, ...]] = ("unknown", "NF")
"""The two FER+ vote columns that are not emotions: 'unknown' and 'not a face'."""

FERPLUS_COLUMNS: Final[tuple[str, ...]] = EMOTIONS + FERPLUS_NON_EMOTIONS
"""Vote columns of fer2013new.csv, in file order."""

FER2013_LABELS: Final[tuple[str, ...]] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
    "neutral",
)
"""Canonical name of each FER2013 integer label: index 0 (angry) to 6 (neutral)."""

_SYNONYMS: Final[dict[str, str]] = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "contemptuous": "contempt",
    "bored": "boredom",
}


def canonical_emotion(name: str, kind: str = "image") -> str:
    """Return the canonical spelling of an emotion name, whatever its case.

    Args:
        name: the name.
        kind: of what shows it, a key of `EXPRESSIONS`.

    Raises:
        DataError: the name is no known emotion.

    Examples:
        >>> canonical_emotion("Happy")
        'happiness'
    """
    key = name.strip().lower()
    key = _SYNONYMS.get(key, key)
    known = EXPRESSIONS[kind]
    if key not in known:
        synonyms = sorted(word for word, meaning in _SYNONYMS.items() if meaning in known)
        raise DataError(
            f"unknown emotion {name!r}; expected one of {', '.join(known)} (or {', '.join(synonyms)})"
        )
    return key


def validate_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return `classes` as a tuple after checking that they are distinct and at least two.

    Raises:
        DataError: fewer than two classes, an empty name, or a repeated one.
    """
    names = tuple(classes)
    if len(names) < 2 or not all(names) or len(set(names)) != len(names):
        raise DataError(f"expected two or more distinct, non-empty class names, got {list(names)}")
    return names
