"""RAF-DB: as its authors distribute it, and as class folders 1 to 7 with tables on Kaggle.

Li, Deng and Du, 2017, "Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression
Recognition in the Wild"; whdeng.cn/RAF/model1.html
(`EmoLabel/list_patition_label.txt`, `Image/aligned`, `Image/original`);
kaggle.com/datasets/shuvoalok/raf-db-dataset (`DATASET/train/1`, `train_labels.csv`).
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture, split_of
from fer_core.data.importers.numberings import NUMBERINGS
from fer_core.data.importers.picture_index import number_lines, read_text
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.provenance import research_only

_PICTURE: Final = re.compile(r"(?:^|/)((?P<split>train|test)_\d+)(?P<aligned>_aligned)?\.\w+$", re.I)
_LIST: Final = re.compile(r"(?:^|/)[^/]*(?:label|list)[^/]*\.txt$", re.I)
_OWN_LIST: Final = re.compile(r"list_par?tition_label\.txt$", re.I)
_TABLE: Final = re.compile(r"(?:^|/)(?:train|test)_labels\.csv$", re.I)
_LINE: Final = re.compile(r"(\S+)[\s,]+(\d+)")
_MEANINGS: Final = NUMBERINGS["raf-db"].meanings


def scan_rafdb(tree: FileTree) -> Scan | None:
    """Read the aligned faces, or photographs where there are none; labels by list, tables or folders."""
    pictures: dict[str, list[str]] = {}
    strangers: list[tuple[str, str]] = []
    for name in filter(is_picture, tree.names()):
        match = _PICTURE.search(name)
        if match is None:
            strangers.append((name, "is not named as RAF-DB's pictures, as train_00001_aligned.jpg"))
        else:
            pictures.setdefault(match[1].lower(), []).append(name)
    if len(pictures) <= len(strangers):
        return None
    labels = _read_labels(tree, pictures)
    if not labels:
        return None
    skipped = [(name, "listed, but there is no such file") for name in labels if name not in pictures]
    skipped += [(pictures[name][0], "is in no list of labels") for name in pictures if name not in labels]
    items = [
        Item(path=_choose_aligned(pictures[name]), label=label, split=split_of(name.partition("_")[0]))
        for name, label in labels.items()
        if name in pictures
    ]
    if not items:
        raise DataError(
            f"{tree.name}: none of the {len(labels):,} pictures that RAF-DB's list names is there, for "
            f"example {next(iter(labels))!r}; give the folder or archive that holds the list and the pictures"
        )
    notes = _describe_choice(items, pictures)
    return Scan(tuple(items), tuple(skipped + strangers), _MEANINGS, notes=notes)


def _read_labels(tree: FileTree, pictures: dict[str, list[str]]) -> dict[str, str]:
    """Number of each picture's class, by the name without `_aligned` and extension."""
    found: dict[str, tuple[str, str]] = {}
    for picture, label, place in _list_labels(tree, pictures):
        match = _PICTURE.search(picture)
        if match is None:
            raise DataError(f"{place}: {picture[:80]!r} is no picture of RAF-DB; expected as train_00001.jpg")
        if label in ("8", "9", "10", "11"):
            raise DataError(
                f"{place}: class {label}. These are the compound expressions of RAF-DB, each of two "
                "emotions; import the basic part of it, whose classes are 1 to 7"
            )
        if label not in _MEANINGS:
            raise DataError(f"{place}: class {label[:80]!r}; expected 1 to 7")
        before, where = found.setdefault(match[1].lower(), (label, place))
        if before != label:
            raise DataError(f"{place}: {picture} is of class {label}, but of class {before} in {where}")
    return {name: label for name, (label, _) in found.items()}


def _list_labels(tree: FileTree, pictures: dict[str, list[str]]) -> Iterator[tuple[str, str, str]]:
    """(picture, class number, where it stands) of the list, else of the tables, else of the folders."""
    lists = [name for name in tree.names() if _LIST.search(name) and _names_pictures(tree, name)]
    tables = [name for name in tree.names() if _TABLE.search(name)]
    for name in lists:
        for number, line in number_lines(read_text(tree, name)):
            match = _LINE.fullmatch(line)
            if match is None:
                raise DataError(f"{name}, line {number}: {line[:80]!r}; expected as `train_00001.jpg 5`")
            yield match[1], match[2], f"{name}, line {number}"
    if lists:
        return
    for name in tables:
        rows = csv.reader(io.StringIO(read_text(tree, name), newline=""))
        try:
            for number, row in enumerate(rows, 1):
                if number > 1 and row:
                    if len(row) < 2:
                        raise DataError(f"{name}, line {number}: {row[0][:80]!r}; expected image,label")
                    yield row[0].strip(), row[1].strip(), f"{name}, line {number}"
        except csv.Error as cause:
            raise DataError(f"{name} can't be read as CSV: {cause}") from cause
    for paths in pictures.values():
        for path in paths:
            folder = path.split("/")[-2] if "/" in path else ""
            if folder in _MEANINGS:
                yield path, folder, f"folder {path.rpartition('/')[0]}"


def _names_pictures(tree: FileTree, name: str) -> bool:
    """Whether a text begins with a picture of RAF-DB; if called otherwise, it must have its numbers, too."""
    lines = [line for _, line in number_lines(read_text(tree, name))]
    if not lines or _PICTURE.search(lines[0].split()[0]) is None:
        return False
    return bool(_OWN_LIST.search(name)) or all(line.split()[-1] in _MEANINGS for line in lines)


def _choose_aligned(paths: list[str]) -> str:
    return next((path for path in paths if _is_aligned(path)), paths[0])


def _is_aligned(path: str) -> bool:
    return path.lower().endswith(tuple(f"_aligned.{kind}" for kind in ("jpg", "png", "jpeg"))) or any(
        part.lower().startswith("aligned") for part in path.split("/")[:-1]
    )


def _describe_choice(items: list[Item], pictures: dict[str, list[str]]) -> tuple[str, ...]:
    num_aligned = sum(_is_aligned(item.path) for item in items)
    num_others = sum(len(paths) for paths in pictures.values()) - len(pictures)
    notes = []
    if num_aligned and num_others:
        notes.append(
            f"the {num_aligned:,} aligned faces are read; the {num_others:,} whole photographs they are from "
            "are left out"
        )
    if num_whole := len(items) - num_aligned:
        notes.append(
            f"{num_whole:,} pictures are whole photographs: RAF-DB's aligned faces (Image/aligned) are not "
            "there. Find the faces with --detector, or add that folder"
        )
    return tuple(notes)


IMPORTERS.register("raf-db")(
    Importer(
        title="RAF-DB's folders and list of labels",
        scan=scan_rafdb,
        priority=45,
        terms=research_only(
            "RAF-DB", pictures="faces from the Internet, not its authors' property", reference="whdeng.cn/RAF"
        ),
    )
)
