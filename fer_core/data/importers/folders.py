"""Class folders in any usual shape: split/class/picture, class/split/picture, class/picture."""

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree


def scan_folders(tree: FileTree) -> Scan | None:
    """Take the deepest folder that is no split for the class, and any that is one for the split."""
    names = tree.names()
    skipped = [(name, "not a picture") for name in names if not is_picture(name)]
    members: dict[str, list[str]] = {}
    for name in filter(is_picture, names):
        members.setdefault(name.rpartition("/")[0], []).append(name)
    paths = {folder: tuple(filter(None, folder.split("/"))) for folder in members}
    split_names, items = SplitNames(paths.values()), []
    for folder, pictures in members.items():
        split, others = split_names.find(paths[folder])
        if others:
            items += [Item(path=name, label=others[-1], split=split) for name in pictures]
        else:
            skipped += [(name, "lies in no class folder") for name in pictures]
    return Scan(tuple(items), tuple(skipped)) if items else None


# Last: what holds a list of its pictures may have folders, too.
IMPORTERS.register("folders")(Importer(title="class folders", scan=scan_folders, priority=0))
