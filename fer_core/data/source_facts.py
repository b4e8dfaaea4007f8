"""What a form about a source must know before it is imported, as plain values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.data.importers.base import Scan
from fer_core.data.importers.choosing import Source
from fer_core.data.importers.numberings import NUMBERINGS, list_numberings
from fer_core.data.tree import open_tree
from fer_core.errors import FerError
from fer_core.images import load_image

SAMPLE_PX: Final[int] = 112
"""Longest side of a sample."""
_MAX_SAMPLES: Final[int] = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What `fer import SOURCE --dry-run` found."""

    path: str
    kind: str
    """Name of its importer."""
    title: str
    """What its kind is."""
    takes_votes: bool
    """Whether FER+ votes go with it."""
    votes: str
    """FER+ votes that were found in or beside it; empty if none."""
    has_pictures: bool
    """Whether it holds pictures that must be mapped and sized; otherwise pixels as numbers, as FER2013."""
    name: str
    """Suggested for the data set."""
    name_with_votes: str
    """The same, if FER+ votes are given too."""
    num_pictures: int
    """0 without pictures: rows of numbers are read only by the import."""
    num_skipped: int
    """Other files, which are left out."""
    labels: dict[str, int]
    """Pictures of each class name of the source."""
    meanings: dict[str, str | None]
    """Emotion that each class name is taken for; empty: left out; None: unknown."""
    splits: dict[str, int]
    """Pictures of each split that the source itself names; the empty one: of none."""
    asked_splits: dict[str, int]
    """Pictures of each of its parts of which it is not known which split they are."""
    numberings: dict[str, str]
    """Data sets whose numbers the class names may be: name and meaning in words. Empty if it is known."""
    num_groups: int
    """People or clips that are known; 0 if none."""
    columns: list[str]
    """Further columns, which may say who is on a picture."""
    has_boxes: bool
    """Whether it says where faces are."""
    terms: list[str]
    """What its authors state of its licences, a line a source; empty if that is not known."""
    notes: list[str]
    """What was chosen unasked where it offers several, and what was left out."""
    media: str = "image"
    """What its items are: `image` or `sound`."""


def describe_source(source: Source) -> SourceFacts:
    """Sum up what `inspect_source` found."""
    scan = source.scan
    return SourceFacts(
        path=str(source.path.resolve()),
        kind=source.kind,
        title=source.title,
        takes_votes=source.takes_votes,
        votes=str(source.votes.resolve()) if source.votes else "",
        has_pictures=scan is not None,
        name=source.suggest_name(),
        name_with_votes=source.suggest_name(with_votes=True),
        num_pictures=len(scan.items) if scan else 0,
        num_skipped=len(scan.skipped) if scan else 0,
        labels=scan.label_counts if scan else {},
        meanings=scan.suggest_mapping() if scan else {},
        splits=source.split_counts,
        asked_splits=scan.asked_splits if scan else {},
        numberings=offer_numberings(scan) if scan else {},
        num_groups=len({item.group for item in scan.items} - {""}) if scan else 0,
        columns=sorted({name for item in scan.items for name in item.facts}) if scan else [],
        has_boxes=any(item.box for item in scan.items) if scan else False,
        terms=[item.describe() for item in source.terms],
        notes=list(scan.notes) if scan else [],
        media=scan.kind if scan else "image",
    )


def offer_numberings(scan: Scan) -> dict[str, str]:
    """What the numbers of a source may mean, by name of the data set; none where nothing is open."""
    unknown = [name for name, meaning in scan.suggest_mapping().items() if meaning is None]
    return {name: NUMBERINGS[name].describe() for name in list_numberings(unknown)}


def save_samples(source: Source, folder: Path) -> None:
    """Write a small PNG of each class name, `0.png` for the first of `SourceFacts.labels`.

    Those that can't be read are left out: the import lists them.

    Raises:
        DataError: the source can't be opened.
        OSError: the folder can't be written.
    """
    from PIL import Image

    if source.scan is None or source.scan.kind == "sound":
        return
    first: dict[str, str] = {}
    for item in source.scan.items:
        first.setdefault(item.label, item.path)
    folder.mkdir(parents=True, exist_ok=True)
    with open_tree(source.path) as tree:
        pictures = source.scan.open_pictures(tree)
        for number, label in enumerate(list(source.scan.label_counts)[:_MAX_SAMPLES]):
            if label not in first:  # only single raters named it
                continue
            try:
                image = Image.fromarray(load_image(pictures.read(first[label])))
            except FerError:
                continue
            image.thumbnail((SAMPLE_PX, SAMPLE_PX))
            image.save(folder / f"{number}.png")
