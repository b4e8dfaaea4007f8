"""From what raters saw, in the source's words, to FER+ votes and a label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from fer_core.data.importers.base import Item
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS

_UNKNOWN: Final[str] = "unknown"


def count_votes(item: Item, mapping: Mapping[str, str]) -> dict[str, int]:
    """Votes by FER+ column; a rater who saw no emotion, or several at once, votes for `unknown`.

    Args:
        item: a picture with raters.
        mapping: emotion of each of the source's class names; empty for none.

    Examples:
        >>> item = Item(path="1", label="Elation", raters=(("Elation", "Amusement"), ("Awe",)))
        >>> votes = count_votes(item, {"Elation": "happiness", "Amusement": "happiness", "Awe": ""})
        >>> {name: count for name, count in votes.items() if count}
        {'happiness': 1, 'unknown': 1}
    """
    votes = dict.fromkeys(FERPLUS_COLUMNS, 0)
    for names in item.raters:
        emotions = {mapping[name] for name in names}
        only = emotions.pop() if len(emotions) == 1 else ""
        votes[only or _UNKNOWN] += 1
    return votes


def describe_votes(item: Item, mapping: Mapping[str, str]) -> dict[str, int]:
    """The votes as columns of a data set; none without raters."""
    from fer_core.data.store import VOTE_COLUMNS  # here: it loads pandas

    return dict(zip(VOTE_COLUMNS, count_votes(item, mapping).values(), strict=True)) if item.raters else {}


def find_meaning(item: Item, mapping: Mapping[str, str]) -> str:
    """Emotion of a picture: of its class name, or the one with most votes; empty for none, or at a tie."""
    if not item.raters:
        return mapping[item.label]
    votes = count_votes(item, mapping)
    (first, most), (_, second) = Counter({name: votes[name] for name in EMOTIONS}).most_common(2)
    return first if most > second else ""


def keep_agreed(
    items: Sequence[Item], mapping: Mapping[str, str], skipped: list[tuple[str, str]]
) -> list[Item]:
    """The pictures without raters, and those of which one emotion has most votes; the others are skipped."""
    tied = [item for item in items if item.raters and not find_meaning(item, mapping)]
    skipped += [(item.path, "no emotion has more votes than every other") for item in tied]
    left_out = {item.path for item in tied}
    return [item for item in items if item.path not in left_out]
