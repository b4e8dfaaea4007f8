"""Finding out what a source is: the importers are asked in turn."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NoReturn

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture, is_sound, list_importers
from fer_core.data.importers.people import recognise_people
from fer_core.data.tree import FileTree, open_tree
from fer_core.errors import DataError, PluginError
from fer_core.provenance import Terms

_LOG: Final = logging.getLogger(__name__)


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
        PluginError: the importer that was named is an installed package's and does not work; one that was
            not named is left out with a warning.
    """
    with open_tree(path) as tree:
        return find_source(tree, path, kind)


def find_source(tree: FileTree, path: Path, kind: str = "") -> Source:
    """As `inspect_source`, given what is in `path`."""
    for name in [kind] if kind else list_importers():
        try:
            source = _ask(name, tree, path, is_named=bool(kind))
        except PluginError as problem:
            if kind:
                raise
            _LOG.warning("%s; %s is imported without it", problem, tree.name)
            continue
        if source is not None:
            return source
    _refuse(tree, path, kind)


def _ask(name: str, tree: FileTree, path: Path, *, is_named: bool) -> Source | None:
    """What the importer called `name` makes of a tree; None if it is not of its kind.

    Raises:
        PluginError: it is an installed package's, and fails or gives something else than it should.
    """
    importer = IMPORTERS[name]
    with IMPORTERS.blame(name, PluginError, f"look into {tree.name}"):
        if isinstance(importer, Importer):
            scan = importer.scan(tree)
            _check_answer(name, scan, Scan)
            if scan is None:
                return None
            if IMPORTERS.is_foreign(name):
                _check_items(name, scan)
        else:
            file = importer.find(tree, path)
            _check_answer(name, file, Path)
            if file is None and is_named and path.is_file():
                file = path  # the user knows better; reading it tells what is wrong
            if file is None:
                return None
            votes = importer.find_votes(tree, path)
            _check_answer(name, votes, Path)
            return Source(file, name, votes=votes)
    return Source(path, name, recognise_people(_keep_one_kind(scan)))


def _check_answer(name: str, answer: object, expected: type) -> None:
    if answer is not None and not isinstance(answer, expected):
        raise PluginError(
            f"{IMPORTERS.describe(name)} gives {answer!r:.80}; expected a {expected.__name__} or None"
        )


def _check_items(name: str, scan: Scan) -> None:
    """Check what the rest of the import takes for granted of a package's scan."""
    whose = IMPORTERS.describe(name)
    if not isinstance(scan.items, tuple):
        raise PluginError(f"{whose} gives {type(scan.items).__name__} as items; expected a tuple of Item")
    for number, item in enumerate(scan.items, start=1):
        if not isinstance(item, Item):
            raise PluginError(f"{whose} gives {item!r:.80} as item {number}; expected an Item")
        for field in ("path", "label", "split", "group"):
            value = getattr(item, field)
            if not isinstance(value, str):
                raise PluginError(f"{whose} gives {value!r:.80} as {field} of item {number}; expected text")


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
