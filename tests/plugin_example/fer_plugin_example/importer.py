"""An importer: images that a file `faces.ini` lists, a line each: `path = class`."""

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan
from fer_core.data.tree import FileTree
from fer_core.errors import DataError


def scan_list(tree: FileTree) -> Scan | None:
    """Read the list; None where there is none."""
    if "faces.ini" not in tree.names():
        return None
    items = []
    for number, line in enumerate(tree.read("faces.ini").decode(errors="replace").splitlines(), start=1):
        path, equals, label = line.partition("=")
        if not equals:
            raise DataError(f"faces.ini, line {number}: {line[:80]!r}; expected `path = class`")
        items.append(Item(path=path.strip(), label=label.strip()))
    return Scan(tuple(items))


IMPORTERS.register("example_list")(Importer(title="an example's faces.ini", scan=scan_list))
