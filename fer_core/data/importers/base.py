"""What every importer of pictures answers: which files there are, and what the source says of each."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from fer_core.checkpoint import InputKind
from fer_core.data.importers.numberings import find_numbering, read_number
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.images import IMAGE_SUFFIXES
from fer_core.labels import canonical_emotion
from fer_core.provenance import Terms
from fer_core.registry import Registry
from fer_core.sound.decode import SOUND_SUFFIXES

if TYPE_CHECKING:
    from fer_core.data.store import DatasetInfo

SPLIT_COLUMNS: Final = ("split", "usage", "set", "subset")
GROUP_COLUMNS: Final = (
    "subject", "subject_id", "person", "person_id", "identity", "speaker", "speaker_id", "actor", "group",
    "clip", "clip_id", "video", "video_id",
)  # fmt: skip
"""Columns of people and of clips."""
_SPLIT_WORDS: Final[dict[str, str]] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "publictest"), "valid"),
    **dict.fromkeys(("test", "testing", "tst", "privatetest"), "test"),
    **dict.fromkeys(("eval", "evaluation", "holdout", "heldout"), ""),
}
"""Words that speak of a split; those of the last line do not say of which."""
_SPLIT_FILLERS: Final[frozenset[str]] = frozenset((
    "set", "split", "part", "subset", "data", "dataset", "new", "images", "image", "imgs", "img",
    "pictures", "faces", "folder", "labels", "label", "list", "annotations", "csv", "fer", "affectnet",
    "rafdb", "aligned", "cropped",
))  # fmt: skip
"""What else may stand in the name of a split without changing it."""
_CLASS_FILLERS: Final[frozenset[str]] = frozenset((
    "face", "faces", "facial", "expression", "expressions", "emotion", "emotions", "class", "label",
    "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "crop", "crops", "cropped",
    "aligned", "set", "data", "folder",
))  # fmt: skip
"""What else may stand in the name of a class: any other word may turn its meaning round."""
_MAX_FACT_CHARS: Final[int] = 60
"""Longer values are no groups of people but data of another kind, such as AffectNet's landmarks."""
_MORE_SPELLINGS: Final[dict[str, str]] = {"neutrality": "neutral", "disgusting": "disgust"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture, or one file of sound, of a source."""

    path: str
    """In the tree."""
    label: str
    """As the source spells it."""
    split: str = ""
    """`train`, `valid`, `test`, empty where the source has none, or its own word, which is asked about."""
    group: str = ""
    """Who is on it, or which clip it is from, where known: they must not be on two sides of a split."""
    box: tuple[float, float, float, float] | None = None
    """Face as x, y, width, height in pixels, where the source has it."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else the source says, by column: age group, camera; for scores by group."""
    raters: tuple[tuple[str, ...], ...] = ()
    """What each rater saw most of, as class names of the source (none: nothing); where votes are known."""
    rate: float | None = None
    """Share of listeners who chose the label, where that is all that is known of their votes."""


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
    notes: tuple[str, ...] = ()
    """What was chosen unasked where the source offers several, and what was left out, in words."""

    def open_pictures(self, tree: FileTree) -> FileTree:
        """What the items' paths are read from, given the tree that was scanned."""
        return tree if self.reader is None else self.reader(tree)

    @property
    def kind(self) -> InputKind:
        """What its items are."""
        return "sound" if any(is_sound(item.path) for item in self.items) else "image"

    @property
    def label_counts(self) -> dict[str, int]:
        """Pictures of each of the source's class names; 0 where only single raters named one."""
        counts = Counter(item.label for item in self.items)
        counts.update({name: 0 for item in self.items for names in item.raters for name in names})
        return dict(sorted(counts.items()))

    @property
    def split_counts(self) -> dict[str, int]:
        """Pictures of each split, or word to ask about, that the source names; the empty one: of none."""
        return dict(Counter(item.split for item in self.items))

    @property
    def asked_splits(self) -> dict[str, int]:
        """Pictures of each word of the source that divides it like a split, but does not say which."""
        return {name: count for name, count in self.split_counts.items() if name not in _SPLIT_WORDS.values()}

    def suggest_mapping(self, numbers: str = "") -> dict[str, str | None]:
        """Canonical emotion of each class name; empty to leave it out, None where it is unknown.

        Args:
            numbers: the data set whose numbers the class names are, if the user says so.

        Raises:
            ConfigError: no numbering is called like that.
        """
        numbering = find_numbering(numbers).meanings if numbers else self.numbering or {}
        return {
            name: numbering.get(name, numbering.get(read_number(name), guess_emotion(name, self.kind)))
            for name in self.label_counts
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Reads one kind of source: pictures, each with its class."""

    title: str
    """What such pictures lie in, as in "pictures in class folders"."""
    scan: Callable[[FileTree], Scan | None]
    """Looks at a tree without decoding a picture; None if it is not of this kind."""
    priority: int = 100
    """The highest is asked first; of equals, the first by name. Those of this program have 0 to 50."""
    terms: Terms | None = None
    """What such a source's authors state; None where this kind of source says nothing of its terms."""


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
    find_votes: Callable[[FileTree, Path], Path | None] = lambda _tree, _path: None
    """The votes file in or beside what was named, to be offered; None if there is none."""
    priority: int = 100
    """As in `Importer`."""
    terms: Terms | None = None
    """As in `Importer`."""


IMPORTERS: Final[Registry[Importer | ArrayImporter]] = Registry(
    "importer", "fer_workbench.importers", entry_types=(Importer, ArrayImporter)
)


def list_importers() -> list[str]:
    """Names in the order in which importers are asked; the first that recognises its kind is taken."""
    return sorted(IMPORTERS, key=lambda name: (-IMPORTERS[name].priority, name))


def guess_emotion(name: str, kind: InputKind = "image") -> str | None:
    """Canonical emotion of a class name such as `3_Happy`, `Anger` or `sadness`; None if it says none.

    A name with another word is unknown, whichever emotion stands in it: `not happy`, `Sadly Fearful`.

    Examples:
        >>> guess_emotion("01_Happy faces"), guess_emotion("non_neutral"), guess_emotion("happily surprised")
        ('happiness', None, None)
    """
    words = [word for word in split_words(name) if word not in _CLASS_FILLERS and word not in _SPLIT_WORDS]
    found = {_find_emotion(word, kind) for word in words}
    return found.pop() if len(found) == 1 else None


def _find_emotion(word: str, kind: InputKind = "image") -> str | None:
    try:
        return canonical_emotion(_MORE_SPELLINGS.get(word, word), kind)
    except DataError:
        return None


def split_words(name: str) -> list[str]:
    """The words of a name in small letters; digits and signs divide them."""
    return "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()


def split_of(name: str) -> str:
    """The split that a folder's or a column's name means; empty if it means none, or does not say which.

    Examples:
        >>> [split_of(name) for name in ("Test-set", "Val_Aligned_Faces_new", "PrivateTest", "eval", "happy")]
        ['test', 'valid', 'test', '', '']
    """
    words = _words_of_split(name)
    return _SPLIT_WORDS.get(words[0], "") if len(words) == 1 else ""


def may_be_split(name: str) -> bool:
    """Whether a name speaks of a split, clearly or not.

    Examples:
        >>> [may_be_split(name) for name in ("train", "eval", "my_testA_pictures", "happy")]
        [True, True, True, False]
    """
    return any(
        word in _SPLIT_WORDS or word.startswith(("train", "test", "valid", "eval"))
        for word in _words_of_split(name)
    )


def _words_of_split(name: str) -> list[str]:
    """The words of a name that may speak of a split: `public_test` and `testset` are one each."""
    joined = re.sub(r"\b(public|private|hold|held) (?=test|out)", r"\1", " ".join(split_words(name)))
    words = [re.sub(r"(?<=.)(set|data|dataset|images)$", "", word) for word in joined.split()]
    return [word for word in words if word not in _SPLIT_FILLERS and not _find_emotion(word)]


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
            facts[name_fact(name)] = text
    return facts


def name_fact(name: str) -> str:
    """A column name of small letters, digits and `_` that is none of the store's own.

    Examples:
        >>> name_fact("Age Group"), name_fact("split")
        ('age_group', 'source_split')
    """
    from fer_core.data.store import OWN_COLUMNS, VOTE_PREFIX  # here: it loads pandas, which `--help` spares

    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") or "column"
    return f"source_{plain}" if plain in OWN_COLUMNS or plain.startswith(VOTE_PREFIX) else plain


def is_picture(name: str) -> bool:
    """Whether the ending is that of a picture; the content decides later."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_sound(name: str) -> bool:
    """Whether the ending is that of sound; the content decides later."""
    return name.lower().endswith(SOUND_SUFFIXES)


def is_sample(name: str) -> bool:
    """Whether the ending is that of a picture or of sound."""
    return is_picture(name) or is_sound(name)
