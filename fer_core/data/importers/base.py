"""What every importer of pictures answers: which files there are, and what the source says of each."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.images import IMAGE_SUFFIXES
from fer_core.labels import canonical_emotion
from fer_core.registry import Registry

if TYPE_CHECKING:
    from fer_core.data.store import DatasetInfo

_SPLIT_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(("train", "training", "train_new", "train_set", "traindata"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "val_new", "val_set", "publictest", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "test_new", "test_set", "privatetest"), "test"),
}
_MAX_FACT_CHARS: Final[int] = 60
"""Longer values are no groups of people but data of another kind, such as AffectNet's landmarks."""
_MORE_SPELLINGS: Final[dict[str, str]] = {
    "neutrality": "neutral", "surprised": "surprise", "sadly": "sadness", "disgusting": "disgust",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture of a source."""

    path: str
    """In the tree."""
    label: str
    """As the source spells it."""
    split: str = ""
    """`train`, `valid`, `test`, or empty where the source has none."""
    group: str = ""
    """Who is on it, where the source says so: people must not be on two sides of a split."""
    box: tuple[float, float, float, float] | None = None
    """Face as x, y, width, height in pixels, where the source has it."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else the source says, by column: age group, camera; for scores by group."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a source holds, before anything is decoded."""

    items: tuple[Item, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """(file, reason) of what is left out already."""
    numbering: Mapping[str, str] | None = None
    """Meaning of the source's numeric labels, where its format defines them; empty value: leave out."""
    reader: Callable[[FileTree], FileTree] | None = None
    """Makes what the pictures are read from, where they are no files of the tree."""

    def open_pictures(self, tree: FileTree) -> FileTree:
        """What the items' paths are read from, given the tree that was scanned."""
        return tree if self.reader is None else self.reader(tree)

    @property
    def label_counts(self) -> dict[str, int]:
        """Pictures of each of the source's class names."""
        return dict(sorted(Counter(item.label for item in self.items).items()))

    def suggest_mapping(self) -> dict[str, str | None]:
        """Canonical emotion of each class name; empty to leave it out, None where it is unknown."""
        return {name: self._guess(name) for name in self.label_counts}

    def _guess(self, name: str) -> str | None:
        if self.numbering is not None and name in self.numbering:
            return self.numbering[name]
        return guess_emotion(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Reads one kind of source: pictures, each with its class."""

    title: str
    """What such pictures lie in, as in "pictures in class folders"."""
    scan: Callable[[FileTree], Scan | None]
    """Looks at a tree without decoding a picture; None if it is not of this kind."""
    priority: int = 100
    """The highest is asked first; of equals, the first by name. Those of this program have 0 to 50."""


class ArrayWriter(Protocol):
    """Writes the data set of a source that holds pixels itself."""

    def __call__(
        self,
        source: Path,
        target: Path,
        *,
        votes: Path | None = None,
        replace: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "DatasetInfo":
        """Read `source`, with its FER+ `votes` if given, into the new folder `target`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayImporter:
    """Reads one kind of source that holds pixels as numbers, at a size and with splits of its own."""

    title: str
    """What such a source is."""
    find: Callable[[FileTree, Path], Path | None]
    """The file to read of what was named (the tree is its content); None if it is not of this kind."""
    write: ArrayWriter
    takes_votes: bool = False
    """Whether FER+ votes of its rows can be given."""
    priority: int = 100
    """As in `Importer`."""


IMPORTERS: Final[Registry[Importer | ArrayImporter]] = Registry("importer", "fer_workbench.importers")


def list_importers() -> list[str]:
    """Names in the order in which importers are asked; the first that recognises its kind is taken."""
    return sorted(IMPORTERS, key=lambda name: (-IMPORTERS[name].priority, name))


def guess_emotion(name: str) -> str | None:
    """Canonical emotion of a class name such as `3_Happy`, `Anger` or `sadness`; None if it says none."""
    words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
    for word in words:
        try:
            return canonical_emotion(_MORE_SPELLINGS.get(word, word))
        except DataError:
            continue
    return None


def split_of(name: str) -> str:
    """The split that a folder's or a column's name means; empty if it means none."""
    return _SPLIT_NAMES.get(name.strip().lower().replace("-", "_"), "")


def keep_facts(row: Mapping[str, object], used: Collection[str]) -> dict[str, str]:
    """The columns of a source that mean nothing to the import, as words; not the long and the empty ones.

    Args:
        row: value by column.
        used: columns that were taken for something else.

    Examples:
        >>> keep_facts({"path": "1.png", "Age Group": "18-29", "split": "x"}, {"path"})
        {'age_group': '18-29', 'source_split': 'x'}
    """
    facts = {}
    for name, value in row.items():
        text = "" if value is None else str(value).strip()
        if name not in used and text and len(text) <= _MAX_FACT_CHARS:
            facts[_name_fact(name)] = text
    return facts


def _name_fact(name: str) -> str:
    """A column name of small letters, digits and `_` that is none of the store's own."""
    from fer_core.data.store import OWN_COLUMNS, VOTE_PREFIX  # here: it loads pandas, which `--help` spares

    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") or "column"
    return f"source_{plain}" if plain in OWN_COLUMNS or plain.startswith(VOTE_PREFIX) else plain


def is_picture(name: str) -> bool:
    """Whether the ending is that of a picture; the content decides later."""
    return name.lower().endswith(IMAGE_SUFFIXES)
