"""Which folders (or lists) divide a source into splits: those that say so, and those beside them."""

from collections.abc import Iterable, Sequence

from fer_core.data.importers.base import guess_emotion, may_be_split, split_of


class SplitNames:
    """Knows all folders of a source, and so what lies beside what.

    Where one of several siblings names a split, the others are no class and no person but further parts of
    the division: `train`, `test` and `extra`. What such a part is is not guessed; the word itself is the
    answer, and the user is asked.

    Examples:
        >>> names = SplitNames([("train", "happy"), ("eval", "happy"), ("test", "sad")])
        >>> names.find(("eval", "happy")), names.find(("test", "sad")), names.find(())
        (('eval', ['happy']), ('test', ['sad']), ('', []))
    """

    def __init__(self, paths: Iterable[Sequence[str]]) -> None:
        """Take the parts of every path."""
        self._beside: dict[tuple[str, ...], set[str]] = {}
        for path in set(map(tuple, paths)):
            for depth, name in enumerate(path):
                self._beside.setdefault(path[:depth], set()).add(name)
        self._divided = {parent for parent, names in self._beside.items() if any(map(split_of, names))}

    def find(self, path: Sequence[str]) -> tuple[str, list[str]]:
        """The split of a path, and its parts that may be a class.

        Returns:
            `train`, `valid` or `test` where a part says so (the deepest holds), the source's own word where
            it must be asked about, else empty; and the other parts. What names an emotion is always one.
        """
        splits = [split for name in path if (split := split_of(name))]
        if splits:
            return splits[-1], [name for name in path if not split_of(name) or guess_emotion(name)]
        asked = [name for depth, name in enumerate(path) if self._divides(tuple(path[:depth]), name)]
        others = [name for name in path if name not in asked or guess_emotion(name)]
        return (asked[-1] if asked else ""), others

    def _divides(self, parent: tuple[str, ...], name: str) -> bool:
        """Whether a part stands beside a split, or speaks of one and has siblings."""
        return parent in self._divided or (may_be_split(name) and len(self._beside.get(parent, ())) > 1)
