"""What a finished import must say: what was done unasked, and why scores on the data set may be too good."""

from collections.abc import Sequence
from typing import Final

from fer_core.data.duplicates import count_near_copies
from fer_core.data.importers.base import Item
from fer_core.data.importers.sounds import NOTE_COLUMN
from fer_core.data.store import Dataset
from fer_core.errors import DataError

_MOST_NOTES: Final[int] = 5
"""On single clips."""
_TOLD_SHARE: Final[float] = 0.01
"""Share of near copies from which on they are told. FER2013's validation images: 10 %."""


def describe_done(dataset: Dataset, *, num_boxes: int) -> list[str]:
    """What was done that the user did not ask for.

    Args:
        dataset: the finished data set.
        num_boxes: pictures that were cut out by boxes of the source.
    """
    notes = []
    if num_boxes:
        notes.append(
            f"{num_boxes:,} faces were cut out by the boxes of the source, in the framing that detected "
            "faces get; --no-boxes takes whole pictures"
        )
    if NOTE_COLUMN in dataset.samples:
        counts = dataset.samples[NOTE_COLUMN].replace("", None).dropna().value_counts()
        notes += [f"{count:,} clips: {note}" for note, count in counts.head(_MOST_NOTES).items()]
    if "group" in dataset.samples:
        groups = dataset.samples["group"]
        known = groups != ""
        notes.append(
            f"{groups[known].nunique():,} people, clips or photographs are known for {known.sum():,} of "
            f"{len(groups):,} images; each stays on one side of a division made here"
        )
    return notes


def require_speakers(items: Sequence[Item]) -> None:
    """Refuse voices whose speakers are not known, or lie on two sides of a split.

    Raises:
        DataError: they do; scores would tell how well a model knows these voices, not a new one.
    """
    unknown = sum(not item.group for item in items)
    if unknown:
        raise DataError(
            f"who speaks is not known for {unknown:,} of {len(items):,} sounds, as {_find_stranger(items)}: "
            "say it with --group-by, a column or a regular expression over the paths whose first group is the"
            " speaker. The same voice in training and test makes scores 10 points too good"
        )
    sides: dict[str, set[str]] = {}
    for item in items:
        if item.split:
            sides.setdefault(item.group, set()).add(item.split)
    torn = sorted(name for name, splits in sides.items() if len(splits) > 1)
    if torn:
        raise DataError(
            f"{len(torn):,} speakers are in more than one split, as {torn[0]!r} in "
            f"{' and '.join(sorted(sides[torn[0]]))}: a model would be scored on voices that it knows. Leave "
            "a part out with --split NAME="
        )


def _find_stranger(items: Sequence[Item]) -> str:
    return next(item.path for item in items if not item.group)


def find_leaks(dataset: Dataset, items: Sequence[Item]) -> list[str]:
    """Why scores on the data set would be too good.

    Args:
        dataset: the finished data set.
        items: what it was made from: whether the source divides its pictures itself.
    """
    splits = dataset.samples["split"].to_numpy(object)
    is_scored = splits != "train"
    if is_scored.all() or not is_scored.any():
        return []
    warnings = []
    if "group" in dataset.samples:
        groups = dataset.samples["group"]
        shared = groups.isin(set(groups[~is_scored])) & (groups != "") & is_scored
        if shared.any():
            warnings.append(
                f"{shared.sum():,} of {is_scored.sum():,} images of valid and test show people or clips that "
                "are in train, too: so the source divides them. Scores will be too good for new people"
            )
    if dataset.info.kind == "sound":
        return warnings  # that two pictures look alike says little of two voices
    num_copies, num_compared = count_near_copies(dataset.images, is_scored)
    if num_copies and num_copies >= _TOLD_SHARE * num_compared:
        is_divided_here = any(not item.split for item in items)
        advice = (
            "If the pictures are frames of clips or several of one person, import them again with --group-by "
            "(a column, or a regular expression over the paths)"
            if is_divided_here
            else "So the source divides them; Clean up on the Explore data page finds copies"
        )
        warnings.append(
            f"{num_copies:,} of {num_compared:,} images of valid and test that were compared "
            f"({num_copies / num_compared:.0%}) are copies, or nearly, of an image in train: scores will be "
            f"too good. {advice}"
        )
    return warnings
