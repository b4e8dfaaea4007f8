"""Finding the pictures that the files of a data set speak of: by name, and by the folder of a clip."""

from collections.abc import Sequence

from fer_core.data.importers.base import is_picture
from fer_core.data.tree import FileTree
from fer_core.errors import DataError


class PictureIndex:
    """The pictures of a tree.

    Examples:
        >>> index = PictureIndex(["a/Clip/00001/2.jpg", "a/Clip/00001/1.jpg", "notes.txt"])
        >>> index.find_clips("00001"), index.named("1.JPG")
        ({'a/Clip/00001': ['a/Clip/00001/1.jpg', 'a/Clip/00001/2.jpg']}, ['a/Clip/00001/1.jpg'])
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Take the pictures among the files of these names."""
        self.pictures = [name for name in names if is_picture(name)]
        self._by_base: dict[str, list[str]] = {}
        self._folders: dict[str, list[str]] = {}
        for name in sorted(self.pictures):
            folder, _, base = name.rpartition("/")
            self._by_base.setdefault(base.lower(), []).append(name)
            self._folders.setdefault(folder, []).append(name)
        self._by_tail: dict[int, dict[str, list[str]]] = {}

    def named(self, base: str) -> list[str]:
        """Pictures whose file is called like that, in any folder and of any case."""
        return self._by_base.get(base.lower(), [])

    def find_clips(self, tail: str) -> dict[str, list[str]]:
        """Folders of pictures whose path ends in `tail` (whole parts), each with its pictures in order."""
        num_parts = tail.count("/") + 1
        if num_parts not in self._by_tail:
            by_tail: dict[str, list[str]] = {}
            for folder in self._folders:
                by_tail.setdefault("/".join(folder.split("/")[-num_parts:]), []).append(folder)
            self._by_tail[num_parts] = by_tail
        return {folder: self._folders[folder] for folder in self._by_tail[num_parts].get(tail, [])}


def read_text(tree: FileTree, name: str) -> str:
    """A text file of the tree, in UTF-8 or UTF-16.

    Raises:
        DataError: it can't be read, or is no such text.
    """
    data = tree.read(name)
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as cause:
        raise DataError(f"{name} is not UTF-8 text: {cause}") from cause


def number_lines(text: str) -> list[tuple[int, str]]:
    """The lines that hold something, each with its number from 1."""
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
