"""Lists of pictures: tables with a header (path, label, box ...), and files of paths and labels alone."""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from fer_core.data.delimiters import drop_separator_line, find_delimiter, split_header
from fer_core.data.importers.base import (
    GROUP_COLUMNS,
    IMPORTERS,
    SPLIT_COLUMNS,
    Importer,
    Item,
    Scan,
    is_sample,
    keep_facts,
    split_of,
)
from fer_core.data.importers.numberings import NUMBERINGS
from fer_core.data.importers.picture_index import read_text
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree
from fer_core.errors import DataError

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

_PATHS: Final = (
    "subdirectory_filepath",
    "path",
    "filepath",
    "file_path",
    "file",
    "filename",
    "file_name",
    "image",
    "image_path",
    "image_name",
    "audio",
    "audio_path",
    "wav",
    "pth",
)
_LABELS: Final = ("expression", "label", "labels", "emotion", "class")
_BOXES: Final = (
    ("face_x", "face_y", "face_width", "face_height"),
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
)
_CORNERS: Final = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("x1", "y1", "x2", "y2"),
)
_AFFECTNET: Final = frozenset({"subdirectory_filepath", "expression", *_BOXES[0]})
"""Columns that only AffectNet's own tables have together. The name of one column is no proof."""
_LIST_NAME: Final = re.compile(
    r"\.(csv|tsv)$|(^|/)[^/]*(label|list|annot)[^/]*\.(txt|lst)$|(^|/)[^/\d]*(train|val|test|split)[^/\d]*\.txt$",
    re.I,
)
"""Tables, and texts that are called like a list: a data set may have a text of landmarks for each picture."""
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:/")
_LIST_LINE: Final = re.compile(r"(\S.*?)[\s,;|]+([^\s,;|]+)")
_RAF_PICTURE: Final = re.compile(r"(^|/)(train_\d{5}|test_\d{4})(_aligned)?\.\w+$")
_RAF_LIST: Final = re.compile(r"list_par?tition_label\.txt$", re.I)


class _Files:
    """Finds the file that a list means, whatever folder its paths are relative to."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {_compose(name): name for name in names}
        self._by_base: dict[str, list[str]] = {}
        for name in names:
            self._by_base.setdefault(PurePosixPath(_compose(name)).name.lower(), []).append(name)
        self._roots: dict[str, tuple[str, ...]] = {}

    def find(self, path: str, listed_in: str) -> str | None:
        path = _compose(path.strip().replace("\\", "/").removeprefix("./"))
        beside = PurePosixPath(_compose(listed_in)).parent
        if _ABSOLUTE.match(path):
            return self._find_elsewhere(PurePosixPath(path).parts, listed_in, beside)
        for candidate in (path, (beside / path).as_posix()):
            if candidate in self._exact:
                return self._exact[candidate]
        pure = PurePosixPath(path)
        found = self._by_base.get(pure.name.lower(), [])
        if pure.parent != PurePosixPath("."):
            found = [name for name in found if _compose(name).lower().endswith("/" + path.lower())]
        return found[0] if len(found) == 1 else None

    def _find_elsewhere(self, parts: tuple[str, ...], listed_in: str, beside: PurePosixPath) -> str | None:
        """Find a path of the machine where the list was written, by what follows the data set's folder there.

        That folder is the same for all of a list: a picture that is missing is not taken for one of the same
        name elsewhere.
        """
        root = self._roots.get(listed_in)
        for length in range(1, len(parts)) if root is None else [len(root)]:
            rest = PurePosixPath(*parts[length:])
            for candidate in (rest.as_posix(), (beside / rest).as_posix()):
                if candidate in self._exact and root in (None, parts[:length]):
                    self._roots[listed_in] = parts[:length]
                    return self._exact[candidate]
        return None


def _compose(name: str) -> str:
    """A name with its letters and marks as one: macOS stores them apart, and lists name them together."""
    return unicodedata.normalize("NFC", name)


class _Collector:
    """The pictures of one or more lists."""

    def __init__(self, tree: FileTree, lists: Sequence[str]) -> None:
        pictures = [name for name in tree.names() if is_sample(name)]
        self.files = _Files(pictures)
        self._name = tree.name
        self._split_names = SplitNames(PurePosixPath(name).parts[:-1] for name in pictures)
        self._list_names = SplitNames(_split_parts(name) for name in lists)
        self._items: dict[tuple[str, Box | None], Item] = {}
        self._skipped: list[tuple[str, str]] = []

    def add(
        self,
        path: str,
        listed_in: str,
        *,
        label: str,
        split: str = "",
        box: Box | None = None,
        **more: object,
    ) -> None:
        """Add a picture, or one of the faces on it."""
        found = self.files.find(path, listed_in)
        if found is None:
            self._skipped.append((path, "listed, but there is no such file"))
        elif before := self._items.get((found, box)):
            self._skipped.append((path, f"listed twice ({label}, {before.label} before)"))
        else:
            split = split or self._find_split(found, listed_in)
            self._items[found, box] = Item(path=found, label=label, split=split, box=box, **more)  # type: ignore[arg-type]

    def _find_split(self, path: str, listed_in: str) -> str:
        """By the list's own name and folders, else by the picture's folders, else by how its name begins."""
        said, _ = self._list_names.find(_split_parts(listed_in))
        said = said or self._split_names.find(PurePosixPath(path).parts[:-1])[0]
        return said or split_of(PurePosixPath(path).name.partition("_")[0])

    def finish(self, numbering: Mapping[str, str] | None) -> Scan:
        """What was found; with the meaning of numeric labels where it is certain."""
        if not self._items:
            example = self._skipped[0][0] if self._skipped else "no row at all"
            raise DataError(
                f"{self._name}: none of the {len(self._skipped):,} listed pictures is there, for example "
                f"{example!r}; give the folder or archive that holds the list and the pictures"
            )
        items = tuple(self._items.values())
        raf_db = NUMBERINGS["raf-db"]
        if numbering is None and all(_RAF_PICTURE.search(item.path) for item in items):
            numbering = raf_db.meanings if raf_db.covers({item.label for item in items}) else None
        return Scan(items, tuple(self._skipped), numbering)


def _split_parts(name: str) -> tuple[str, ...]:
    """What may speak of a split in the name of a list."""
    return PurePosixPath(name).with_suffix("").parts


class _Table(NamedTuple):
    """A table with a header, opened."""

    name: str
    header: list[str]
    delimiter: str
    text: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of each row that is not empty.

        Raises:
            DataError: a row has more or fewer fields than the header.
        """
        for number, row in enumerate(_parse(self.name, self.text, self.delimiter), start=1):
            if number == 1 or not any(field.strip() for field in row):
                continue
            if len(row) != len(self.header):
                raise DataError(
                    f"{self.name}, line {number}: {len(row)} fields instead of {len(self.header)} "
                    f"(separated by {self.delimiter!r})"
                )
            yield number, row

    def column(self, names: Sequence[str]) -> int | None:
        """Place of the first of these columns that there is."""
        return next((self.header.index(name) for name in names if name in self.header), None)


def scan_csv(tree: FileTree) -> Scan | None:
    """Read every table that has a column of paths and one of labels."""
    tables = [table for name in _list_texts(tree) if (table := _open_table(tree, name))]
    if not tables:
        return None
    collector = _Collector(tree, [table.name for table in tables])
    for table in tables:
        _add_rows(collector, table)
    is_affectnet = all(set(table.header) >= _AFFECTNET for table in tables)
    return collector.finish(NUMBERINGS["affectnet"].meanings if is_affectnet else None)


def _open_table(tree: FileTree, name: str) -> _Table | None:
    """The table, if its header names paths and labels, whatever separates them."""
    text = drop_separator_line(read_text(tree, name))

    def names_both(header: list[str]) -> bool:
        found = {column.lower() for column in header}
        return not found.isdisjoint(_PATHS) and not found.isdisjoint(_LABELS)

    try:
        delimiter = find_delimiter(text, names_both)
    except csv.Error as cause:
        raise DataError(f"{name} can't be read as CSV: {cause}") from cause
    if delimiter is None:
        return None
    return _Table(name, [column.lower() for column in split_header(text, delimiter)], delimiter, text)


def _add_rows(collector: _Collector, table: _Table) -> None:
    header = table.header
    path, label = (table.column(names) for names in (_PATHS, _LABELS))
    split, group = (table.column(names) for names in (SPLIT_COLUMNS, GROUP_COLUMNS))
    assert path is not None and label is not None, header
    boxes = next((names for names in (*_BOXES, *_CORNERS) if set(names) <= set(header)), ())
    box = [header.index(part) for part in boxes]
    used = {header[index] for index in (path, label, split, group, *box) if index is not None}
    for number, row in table.rows():
        text = row[label].strip()
        if set(header) >= _AFFECTNET and text.isdecimal() and not NUMBERINGS["affectnet"].covers([text]):
            raise DataError(f"{table.name}, line {number}: expression {text}; expected 0 to 10")
        said = row[split].strip() if split is not None else ""
        person = row[group].strip() if group is not None else ""
        collector.add(
            row[path],
            table.name,
            label=text,
            split=split_of(said) or said,
            group=person,
            box=_parse_box([row[index] for index in box], table.name, number, boxes in _CORNERS)
            if box
            else None,
            facts=keep_facts(dict(zip(header, row, strict=True)), used),
        )


def _parse_box(fields: list[str], name: str, line: int, are_corners: bool) -> Box | None:
    if not any(field.strip() for field in fields):
        return None
    try:
        x, y, width, height = (float(field.replace(",", ".")) for field in fields)
    except ValueError as cause:
        raise DataError(
            f"{name}, line {line}: the face box {fields} holds something that is no number"
        ) from cause
    if are_corners:
        width, height = width - x, height - y
    is_box = all(map(math.isfinite, (x, y, width, height))) and width > 0 and height > 0
    return (x, y, width, height) if is_box else None


def scan_list(tree: FileTree) -> Scan | None:
    """Read files of `train_00001.jpg 5` or `images/1.png;happy` a line."""
    lists = {name: lines for name in _list_texts(tree) if (lines := _read_list(tree, name))}
    if not lists:
        return None
    collector, is_raf = _Collector(tree, list(lists)), True
    for name, lines in lists.items():
        is_raf_list = bool(_RAF_LIST.search(name))
        is_raf = is_raf and is_raf_list
        for number, path, label in lines:
            if is_raf_list and label.isdecimal() and not NUMBERINGS["raf-db"].covers([label]):
                raise DataError(f"{name}, line {number}: label {label}; expected RAF-DB's, 1 to 7")
            collector.add(path, name, label=label)
    return collector.finish(NUMBERINGS["raf-db"].meanings if is_raf else None)


def _read_list(tree: FileTree, name: str) -> list[tuple[int, str, str]]:
    """Line number, path and label of each line; none if the first line names no picture."""
    found: list[tuple[int, str, str]] = []
    for number, line in enumerate(io.StringIO(read_text(tree, name)), start=1):
        if not line.strip():
            continue
        match = _LIST_LINE.fullmatch(line.strip())
        if not found and (match is None or not is_sample(match[1])):
            return []  # a list of class names, say
        if match is None:
            raise DataError(f"{name}, line {number}: {line[:80]!r}; expected a file name and a label")
        found.append((number, match[1], match[2]))
    return found


def _list_texts(tree: FileTree) -> list[str]:
    return [name for name in tree.names() if _LIST_NAME.search(name)]


def _parse(name: str, text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as cause:
        raise DataError(f"{name} can't be read as CSV: {cause}") from cause


IMPORTERS.register("list")(Importer(title="a list of pictures and classes", scan=scan_list, priority=30))
IMPORTERS.register("csv")(
    Importer(title="a CSV that lists them with their labels", scan=scan_csv, priority=20)
)
