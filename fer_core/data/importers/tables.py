"""Lists of pictures: AffectNet-style CSV (path, label, optional box) and RAF-DB's list file."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture, keep_facts, split_of
from fer_core.data.tree import FileTree
from fer_core.errors import DataError

AFFECTNET: Final[dict[str, str]] = {
    "0": "neutral", "1": "happiness", "2": "sadness", "3": "surprise", "4": "fear", "5": "disgust",
    "6": "anger", "7": "contempt", "8": "", "9": "", "10": "",
}  # fmt: skip
"""AffectNet's numbers (Mollahosseini et al., 2017); 8 none, 9 uncertain and 10 no face are left out."""
RAF_DB: Final[dict[str, str]] = {
    "1": "surprise", "2": "fear", "3": "disgust", "4": "happiness", "5": "sadness",
    "6": "anger", "7": "neutral",
}  # fmt: skip
"""RAF-DB's numbers (Li et al., 2017)."""

_PATHS: Final = (
    "subdirectory_filepath",
    "path",
    "filepath",
    "file",
    "filename",
    "image",
    "image_path",
    "pth",
)
_LABELS: Final = ("expression", "label", "emotion", "class")
_SPLITS: Final = ("split", "usage", "set", "subset")
_GROUPS: Final = ("subject", "subject_id", "person", "identity", "group")
_BOXES: Final = (("face_x", "face_y", "face_width", "face_height"), ("x", "y", "width", "height"))
_LIST_NAME: Final = re.compile(
    r"(^|/)(list_pati?rtition_label|list_patition_label|.*label.*|.*list.*)\.txt$", re.I
)
_LIST_LINE: Final = re.compile(r"(\S+)[\s,]+(\d+)")


class _Files:
    """Finds the file that a list means, whatever folder its paths are relative to."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = set(names)
        self._by_base: dict[str, list[str]] = {}
        for name in names:
            self._by_base.setdefault(PurePosixPath(name).name.lower(), []).append(name)

    def find(self, path: str, beside: PurePosixPath) -> str | None:
        path = path.strip().replace("\\", "/").removeprefix("./")
        for candidate in (path, (beside / path).as_posix()):
            if candidate in self._exact:
                return candidate
        pure = PurePosixPath(path)
        bases = [pure.name, f"{pure.stem}_aligned{pure.suffix}"]
        for base in bases:
            found = self._by_base.get(base.lower(), [])
            if pure.parent != PurePosixPath("."):
                found = [name for name in found if name.lower().endswith("/" + path.lower())]
            if len(found) == 1:
                return found[0]
            # RAF-DB ships the same names in aligned/ and original/.
            aligned = [name for name in found if "aligned" in PurePosixPath(name).parts]
            if len(aligned) == 1:
                return aligned[0]
        return None


class _Collector:
    def __init__(self, tree: FileTree) -> None:
        self.files = _Files([name for name in tree.names() if is_picture(name)])
        self.items: dict[str, Item] = {}
        self.skipped: list[tuple[str, str]] = []
        self.num_missing = 0

    def add(self, path: str, beside: PurePosixPath, **facts: object) -> None:
        found = self.files.find(path, beside)
        if found is None:
            self.num_missing += 1
            self.skipped.append((path, "listed, but there is no such file"))
        elif found in self.items:
            self.skipped.append((path, f"listed twice ({facts['label']}, {self.items[found].label} before)"))
        else:
            self.items[found] = Item(path=found, **facts)  # type: ignore[arg-type]

    def finish(self, tree: FileTree, numbering: dict[str, str] | None) -> Scan:
        if not self.items:
            raise DataError(
                f"{tree.name}: none of the {self.num_missing:,} listed pictures is there, for example "
                f"{self.skipped[0][0] if self.skipped else 'no row at all'!r}; give the folder or archive "
                "that holds the list and the pictures"
            )
        return Scan(tuple(self.items.values()), tuple(self.skipped), numbering)


def scan_csv(tree: FileTree) -> Scan | None:
    """Read every CSV that has a column of paths and one of labels."""
    tables = [name for name in tree.names() if name.lower().endswith(".csv")]
    if not tables:
        return None
    collector, numbering, any_table = _Collector(tree), None, False
    for name in tables:
        rows = _read_table(tree, name)
        header = [column.strip().lower() for column in next(rows, [])]
        path, label = _column(header, _PATHS), _column(header, _LABELS)
        if path is None or label is None:
            continue
        any_table = True
        if header[label] == "expression":
            numbering = AFFECTNET
        _add_rows(collector, rows, header, name, path=path, label=label)
    return collector.finish(tree, numbering) if any_table else None


def _add_rows(
    collector: _Collector, rows: Iterator[list[str]], header: list[str], name: str, *, path: int, label: int
) -> None:
    split, group = _column(header, _SPLITS), _column(header, _GROUPS)
    box = next(
        ([header.index(part) for part in parts] for parts in _BOXES if set(parts) <= set(header)), None
    )
    used = {header[index] for index in (path, label, split, group, *(box or ())) if index is not None}
    pure = PurePosixPath(name)
    usual = split_of(pure.stem) or next((s for part in pure.parts[:-1] if (s := split_of(part))), "")
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(f"{name}, line {number}: {len(row)} fields instead of {len(header)}")
        text = row[label].strip()
        if header[label] == "expression" and text.isdecimal() and text not in AFFECTNET:
            raise DataError(f"{name}, line {number}: expression {text}; expected 0 to 10")
        said = row[split].strip() if split is not None else ""
        if said and not split_of(said):
            raise DataError(f"{name}, line {number}: split {said!r}; expected train, valid or test")
        collector.add(
            row[path],
            pure.parent,
            label=text,
            split=split_of(said) or usual,
            group=row[group].strip() if group is not None else "",
            box=_parse_box([row[index] for index in box], name, number) if box else None,
            facts=keep_facts(dict(zip(header, row, strict=True)), used),
        )


def _parse_box(fields: list[str], name: str, line: int) -> tuple[float, float, float, float] | None:
    if not any(field.strip() for field in fields):
        return None
    try:
        x, y, width, height = (float(field) for field in fields)
    except ValueError as cause:
        raise DataError(
            f"{name}, line {line}: the face box {fields} holds something that is no number"
        ) from cause
    return (x, y, width, height) if width > 0 and height > 0 else None


def scan_list(tree: FileTree) -> Scan | None:
    """Read RAF-DB's `list_patition_label.txt`: `train_00001.jpg 5` a line."""
    lists = [name for name in tree.names() if _LIST_NAME.search(name)]
    if not lists:
        return None
    collector, any_list = _Collector(tree), False
    for name in lists:
        lines = _decode(tree, name).splitlines()
        if not lines or not _LIST_LINE.fullmatch(lines[0].strip()):
            continue
        any_list = True
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            match = _LIST_LINE.fullmatch(line.strip())
            if match is None or match[2] not in RAF_DB:
                raise DataError(
                    f"{name}, line {number}: {line[:80]!r}; expected a file name and a label 1 to 7"
                )
            split = split_of(PurePosixPath(match[1]).name.split("_")[0])
            collector.add(match[1], PurePosixPath(name).parent, label=match[2], split=split)
    return collector.finish(tree, RAF_DB) if any_list else None


def _read_table(tree: FileTree, name: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(_decode(tree, name), newline=""))
    except csv.Error as cause:
        raise DataError(f"{name} can't be read as CSV: {cause}") from cause


def _decode(tree: FileTree, name: str) -> str:
    try:
        return tree.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise DataError(f"{name} is not UTF-8 text: {cause}") from cause


def _column(header: list[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


IMPORTERS.register("list")(Importer(title="a list file, as RAF-DB's", scan=scan_list, priority=30))
IMPORTERS.register("csv")(
    Importer(title="a CSV that lists them with their labels", scan=scan_csv, priority=20)
)
