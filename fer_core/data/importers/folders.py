"""Class folders in any usual shape: split/class/picture, class/split/picture, class/picture."""

from fer_core.data.importers.base import IMPORTERS, Item, Scan, is_picture, split_of
from fer_core.data.tree import FileTree
from fer_core.errors import DataError


@IMPORTERS.register("folders")
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
    if not items:
        seen = ", ".join(names[:5]) or "no file at all"
        raise DataError(
            f"{tree.name} holds no pictures in class folders; expected train/happy/1.png or happy/1.png. "
            f"It holds {seen}"
        )
    return Scan("folders", tuple(items), tuple(skipped))
