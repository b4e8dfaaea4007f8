"""Finding out what a source is: the importers are asked in turn."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from fer_core.data.importers.base import IMPORTERS, Importer, Scan, is_picture, is_sound, list_importers
from fer_core.data.importers.people import recognise_people
from fer_core.data.tree import FileTree, open_tree
from fer_core.errors import DataError
from fer_core.provenance import Terms


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can be imported."""

    path: Path
    kind: str
    """Name of its importer."""
    scan: Scan | None = None
    """The pictures that were found in it; None where pixels are stored as numbers, as in FER2013."""
    votes: Path | None = None
    """FER+ votes that were found in or beside it; to be offered, not taken unasked."""

    @property
    def title(self) -> str:
        """What its kind is."""
        return IMPORTERS[self.kind].title

    @property
    def takes_votes(self) -> bool:
        """Whether FER+ votes go with it."""
        return getattr(IMPORTERS[self.kind], "takes_votes", False)

    @property
    def terms(self) -> tuple[Terms, ...]:
        """What such a source's authors state of its terms; empty if that is not known."""
        terms = IMPORTERS[self.kind].terms
        return () if terms is None else (terms,)

    @property
    def split_counts(self) -> dict[str, int]:
        """Pictures of each split that the source itself names; the empty one: of none."""
        return {} if self.scan is None else self.scan.split_counts

    def suggest_name(self, *, with_votes: bool = False) -> str:
        """A name for the data set."""
        if self.scan is None:
            return "ferplus" if with_votes else self.kind
        stem = self.path.name.split(".")[0] if self.path.is_file() else self.path.resolve().name
        safe = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in stem).strip("-")
        return safe.lower() or "pictures"


def inspect_source(path: Path, kind: str = "") -> Source:
    """Find out what a folder, an archive or a file holds, without decoding a picture.

    Args:
        path: what was named.
        kind: its importer; found out if empty.

    Raises:
        ConfigError: no importer is called like that.
        DataError: nothing in it can be imported, or it is unsafe.
    """
    with open_tree(path) as tree:
        return find_source(tree, path, kind)


def find_source(tree: FileTree, path: Path, kind: str = "") -> Source:
    """As `inspect_source`, given what is in `path`."""
    for name in [kind] if kind else list_importers():
        importer = IMPORTERS[name]
        if isinstance(importer, Importer):
            scan = importer.scan(tree)
            if scan is not None:
                return Source(path, name, recognise_people(_keep_one_kind(scan)))
            continue
        file = importer.find(tree, path)
        if file is None and kind and path.is_file():
            file = path  # the user knows better; reading it tells what is wrong
        if file is not None:
            return Source(file, name, votes=importer.find_votes(tree, path))
    _refuse(tree, path, kind)


def _keep_one_kind(scan: Scan) -> Scan:
    """Leave sound out where there are pictures: a data set holds one of the two."""
    if not any(is_picture(item.path) for item in scan.items):
        return scan
    sounds = tuple((item.path, "sound beside pictures") for item in scan.items if is_sound(item.path))
    if not sounds:
        return scan
    items = tuple(item for item in scan.items if not is_sound(item.path))
    return replace(scan, items=items, skipped=scan.skipped + sounds)


def _refuse(tree: FileTree, path: Path, kind: str) -> NoReturn:
    seen = ", ".join(tree.names()[:5]) or "no file at all"
    if kind:
        raise DataError(
            f"{tree.name} is nothing for the importer {kind!r} ({IMPORTERS[kind].title}). It holds {seen}"
        )
    if tree.names() == [tree.name]:
        if path.stat().st_size == 0:
            raise DataError(f"{tree.name} is empty; copy it again")
        raise DataError(
            f"{tree.name} is a single file that can't be imported; expected fer2013.csv, Parquet with "
            "pictures, or a zip or tar. If it is a picture, or lists some, give the folder that holds all of "
            "them"
        )
    raise DataError(
        f"{tree.name} holds no pictures or sound in class folders, as train/happy/1.png or happy/1.wav, and "
        f"nothing else that can be imported: {', '.join(list_importers())}. It holds {seen}"
    )
