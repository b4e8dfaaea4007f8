"""Which folders (or lists) divide a source into splits: those that say so, and those beside them."""

from collections.abc import Iterable, Sequence

from fer_core.data.importers.base import may_be_split, split_of


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
        """The split of a path, and its parts that say nothing of it.

        Returns:
            `train`, `valid` or `test` where a part says so (the deepest holds), the source's own word where
            it must be asked about, else empty; and the other parts.
        """
        said, asked, others = "", "", []
        for depth, name in enumerate(path):
            parent = tuple(path[:depth])
            if split := split_of(name):
                said = split
            elif parent in self._divided or (may_be_split(name) and len(self._beside.get(parent, ())) > 1):
                asked = name
            else:
                others.append(name)
        return said or asked, others
