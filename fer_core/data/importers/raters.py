"""From what raters saw, in the source's words, to FER+ votes and a label."""

from collections import Counter
from collections.abc import Mapping
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


def find_majority(votes: Mapping[str, int]) -> str:
    """The emotion with more votes than any other; empty at a tie, or without a vote.

    Examples:
        >>> find_majority({"happiness": 2, "anger": 1, "unknown": 3})
        'happiness'
        >>> find_majority({"happiness": 1, "anger": 1})
        ''
    """
    (first, most), (_, second) = Counter({name: votes.get(name, 0) for name in EMOTIONS}).most_common(2)
    return first if most > second else ""
