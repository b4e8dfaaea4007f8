"""Class folders in any usual shape: split/class/picture, class/split/picture, class/picture."""

from dataclasses import replace
from typing import Final

from fer_core.data.importers.base import (
    IMPORTERS,
    Importer,
    Item,
    Scan,
    guess_emotion,
    is_sample,
    split_of,
    split_words,
)
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree

_SERIAL_WORDS: Final = frozenset(
    ("clip", "video", "vid", "seq", "sequence", "subject", "sub", "subj", "person", "actor", "id", "session")
)


def scan_folders(tree: FileTree) -> Scan | None:
    """Take the deepest folder that is neither split nor clip for the class."""
    names = tree.names()
    skipped = [(name, "not a picture") for name in names if not is_sample(name)]
    members: dict[str, list[str]] = {}
    for name in filter(is_sample, names):
        members.setdefault(name.rpartition("/")[0], []).append(name)
    paths = {folder: tuple(filter(None, folder.split("/"))) for folder in members}
    split_names, items = SplitNames(paths.values()), []
    for folder, pictures in members.items():
        split, others = split_names.find(paths[folder])
        if others:
            label, clip = _find_class(others)
            items += [Item(path=name, label=label, split=split, group=clip) for name in pictures]
        else:
            skipped += [(name, "lies in no class folder") for name in pictures]
    if items and all(not item.split and _split_in_name(item.path) for item in items):
        items = [replace(item, split=_split_in_name(item.path)) for item in items]
    return Scan(tuple(items), tuple(skipped)) if items else None


def _split_in_name(path: str) -> str:
    """From `happy/train_00001.png`."""
    return split_of(path.rpartition("/")[2].partition("_")[0])


def _find_class(folders: list[str]) -> tuple[str, str]:
    """The class, and the clip or person if the deepest folder is but a number: `happy/clip_07`."""
    if len(folders) > 1 and guess_emotion(folders[-2]) and _is_serial(folders[-1]):
        return folders[-2], folders[-1]
    return folders[-1], ""


def _is_serial(name: str) -> bool:
    words = split_words(name)
    return any(letter.isdigit() for letter in name) and all(len(w) == 1 or w in _SERIAL_WORDS for w in words)


# Last: what holds a list of its pictures may have folders, too.
IMPORTERS.register("folders")(Importer(title="class folders", scan=scan_folders, priority=0))
