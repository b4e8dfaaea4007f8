"""How alike paths end: what moved together, or lies elsewhere on another machine, is told by that."""

from collections.abc import Sequence
from itertools import takewhile


def count_same(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts two paths have in common, counted from their ends.

    Args:
        first: parts of a path, as they stand in it.
        second: of another.

    Examples:
        >>> count_same(["home", "ann", "p1", "a.mp4"], ["data", "p1", "a.mp4"])
        2
    """
    pairs = zip(reversed(first), reversed(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
