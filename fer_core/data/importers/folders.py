"""Class folders in any usual shape: split/class/picture, class/split/picture, class/picture."""

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture, split_of
from fer_core.data.tree import FileTree


def scan_folders(tree: FileTree) -> Scan | None:
    """Take the deepest folder that is no split for the class, and any that is one for the split."""
    names = tree.names()
    pictures = [name for name in names if is_picture(name)]
    items, skipped = [], [(name, "not a picture") for name in names if not is_picture(name)]
    for name in pictures:
        folders = name.split("/")[:-1]
        classes = [folder for folder in folders if not split_of(folder)]
        if not classes:
            skipped.append((name, "lies in no class folder"))
            continue
        splits = [split for folder in folders if (split := split_of(folder))]
        items.append(Item(path=name, label=classes[-1], split=splits[-1] if splits else ""))
    return Scan(tuple(items), tuple(skipped)) if items else None


# Last: what holds a list of its pictures may have folders, too.
IMPORTERS.register("folders")(Importer(title="class folders", scan=scan_folders, priority=0))
