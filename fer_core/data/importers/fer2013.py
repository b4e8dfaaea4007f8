"""Importer of FER2013 (fer2013.csv, icml_face_data.csv) with FER+ votes (fer2013new.csv).

Goodfellow et al., 2013, "Challenges in Representation Learning"; Barsoum et al., 2016, for the votes.
Licences: the votes are MIT (github.com/microsoft/FERPlus); the pictures were released for research, without a
licence of the photographers or the people shown.
"""

import csv
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer_core.data.archive import open_text
from fer_core.data.importers.base import IMPORTERS, ArrayImporter
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.labels import EMOTIONS, FER2013_LABELS, FERPLUS_COLUMNS
from fer_core.provenance import FER2013, FERPLUS
from fer_core.types import UInt8Array

# What loads pandas is imported where it is used: the importers are listed by `--help`.
if TYPE_CHECKING:
    import pandas as pd

    from fer_core.data.store import DatasetInfo

SIDE_PX: Final[int] = 48
CSV_NAMES: Final[tuple[str, ...]] = ("fer2013.csv", "icml_face_data.csv")
VOTES_NAME: Final[str] = "fer2013new.csv"
USAGE_SPLITS: Final[dict[str, str]] = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
_MAX_HEADER_CHARS: Final[int] = 4096
Progress = Callable[[int, int], None]
"""Called with the bytes read and their total."""


def import_fer2013(
    source: Path,
    target: Path,
    *,
    votes: Path | None = None,
    replace: bool = False,
    on_progress: Progress | None = None,
) -> "DatasetInfo":
    """Import FER2013, with FER+ votes if given, as a data set folder.

    Args:
        source: fer2013.csv or icml_face_data.csv, or a zip that holds one of them.
        target: folder of the data set.
        votes: fer2013new.csv of exactly the rows of `source`.
        replace: exchange an existing data set.
        on_progress: called as rows are read.

    Raises:
        DataError: the source is malformed (the message names the row), or the disk is full. Nothing is
            written then.
        FerError: the data set exists, or another import writes it now.
    """
    from fer_core.data.image_writer import check_disk_space, claim_name, full_disk_as_error
    from fer_core.data.store import write_dataset

    with claim_name(target, replace=replace), full_disk_as_error():
        vote_table = None if votes is None else _read_votes(votes)
        images, samples = _read_faces(source, on_progress or (lambda done, total: None))
        if vote_table is not None:
            samples = _merge_votes(samples, vote_table, votes_name=str(votes))
        classes = [name for name in EMOTIONS if votes is not None or name in FER2013_LABELS]
        check_disk_space(target, images.nbytes)
        return write_dataset(
            target,
            images=images,
            samples=samples,
            classes=classes,
            importer="fer2013",
            source=source.name if votes is None else f"{source.name} + {votes.name}",
            terms=[FER2013 if votes is None else FERPLUS],
            replace=replace,
        )


def _read_faces(source: Path, on_progress: Progress) -> "tuple[UInt8Array, pd.DataFrame]":
    import pandas as pd

    images: list[UInt8Array] = []
    labels: list[str] = []
    usages: list[str] = []
    with open_text(source, wanted=CSV_NAMES) as (stream, num_bytes):
        num_read = 0
        for row_number, (emotion, usage, pixels) in enumerate(_rows(stream, source)):
            try:
                labels.append(FER2013_LABELS[_parse_label(emotion)])
                images.append(_parse_pixels(pixels))
                usages.append(USAGE_SPLITS[usage])
            except (DataError, KeyError) as cause:
                reason = cause if isinstance(cause, DataError) else f"usage {usage!r} is unknown"
                raise DataError(f"{source}, data row {row_number}: {reason}") from cause
            num_read += len(pixels) + 16
            if row_number % 500 == 0:
                on_progress(min(num_read, num_bytes), num_bytes)
    if not images:
        raise DataError(f"{source} holds a header but no rows")
    on_progress(num_bytes, num_bytes)
    samples = pd.DataFrame(
        {
            "split": usages,
            "label": labels,
            "source": [f"{source.name}:{row}" for row in range(len(images))],
            "image_name": "",
        }
    )
    return np.stack(images), samples


def _rows(stream: IO[str], source: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (emotion, usage, pixels) whatever the order and the blanks of the header."""
    reader = csv.reader(stream)
    try:
        header = _name_columns(next(reader, []))
        if {"split", "label", "pixels"} <= set(header):
            raise DataError(
                f"{source} is a table that `fer datasets export --kind csv` wrote for other programs. It "
                "does not hold all of the data set, such as the height of the pictures, and is not read "
                "back: import the class folders that `fer datasets export` writes without --kind"
            )
        expected = {"emotion", "usage", "pixels"}
        if set(header) != expected:
            raise DataError(
                f"{source} has the columns {header[:8]}; expected emotion, pixels and Usage "
                "(fer2013.csv or icml_face_data.csv)"
            )
        order = [header.index(name) for name in ("emotion", "usage", "pixels")]
        for row in reader:
            if len(row) != len(header):
                raise DataError(
                    f"{source}, line {reader.line_num}: {len(row)} fields instead of {len(header)}; "
                    "the file is truncated or damaged"
                )
            yield row[order[0]], row[order[1]].strip(), row[order[2]]
    except csv.Error as cause:
        raise DataError(f"{source}, line {reader.line_num}: {cause}") from cause


def _parse_label(text: str) -> int:
    value = text.strip()
    if value.isdecimal() and int(value) < len(FER2013_LABELS):
        return int(value)
    raise DataError(f"emotion is {text!r}; expected 0 to {len(FER2013_LABELS) - 1}")


def _parse_pixels(text: str) -> UInt8Array:
    with warnings.catch_warnings():
        # NumPy stops at the first character that is no number, with a warning.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError) as cause:
            raise DataError("pixels hold something that is no number") from cause
    if values.size != SIDE_PX**2:
        raise DataError(f"{values.size} pixels instead of {SIDE_PX**2} ({SIDE_PX}x{SIDE_PX})")
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"pixel values reach {values.min()} to {values.max()}; expected 0 to 255")
    return values.astype(np.uint8).reshape(SIDE_PX, SIDE_PX)


def _read_votes(path: Path) -> "pd.DataFrame":
    import pandas as pd

    with open_text(path, wanted=(VOTES_NAME,)) as (stream, _):
        try:
            table = pd.read_csv(stream, dtype={"Usage": str, "Image name": str})
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as cause:
            raise DataError(f"{path} can't be read as CSV: {cause}") from cause
    expected = ["Usage", "Image name", *FERPLUS_COLUMNS]
    if list(table.columns) != expected:
        raise DataError(f"{path} has the columns {list(table.columns)[:12]}; expected {expected}")
    counts = table[list(FERPLUS_COLUMNS)].apply(pd.to_numeric, errors="coerce")
    wrong = counts.isna() | (counts < 0) | (counts % 1 != 0)
    if wrong.to_numpy().any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise DataError(f"{path}, data row {row}: votes must be whole numbers of 0 or more")
    table[list(FERPLUS_COLUMNS)] = counts.astype(np.int16)
    return table


def _merge_votes(samples: "pd.DataFrame", votes: "pd.DataFrame", *, votes_name: str) -> "pd.DataFrame":
    from fer_core.data.store import VOTE_COLUMNS

    if len(votes) != len(samples):
        raise DataError(
            f"{votes_name} has {len(votes):,} rows but the faces have {len(samples):,}; "
            "expected the votes of exactly the same rows"
        )
    splits: npt.NDArray[np.object_] = votes["Usage"].map(USAGE_SPLITS).to_numpy()
    differs = np.flatnonzero(splits != samples["split"].to_numpy())
    if len(differs):
        row = int(differs[0])
        seen, expected = votes["Usage"].iloc[row], samples["split"].iloc[row]
        raise DataError(
            f"{votes_name} and the faces disagree about Usage in {len(differs):,} rows, first in data row "
            f"{row}: {seen!r} against split {expected!r}; the files do not belong together"
        )
    merged = samples.assign(image_name=votes["Image name"].fillna("").to_numpy())
    for name, column in zip(FERPLUS_COLUMNS, VOTE_COLUMNS, strict=True):
        merged[column] = votes[name].to_numpy()
    return merged


def find_table(tree: FileTree, path: Path) -> Path | None:
    """The CSV in a folder or an archive, by its name; the only file of a source by its column of pixels."""
    names = tree.names()
    if path.is_dir():
        by_base = {name.rpartition("/")[2].lower(): path / name for name in reversed(names)}
        return next((by_base[name] for name in CSV_NAMES if name in by_base), None)
    if any(name.rpartition("/")[2].lower() in CSV_NAMES for name in names):
        return path
    is_alone = len(names) == 1 and (names[0] == tree.name or names[0].lower().endswith(".csv"))
    return path if is_alone and _holds_pixels(path) else None


def _holds_pixels(path: Path) -> bool:
    """Whether a file, or the only one in an archive, begins as a table of pixels."""
    with open_text(path, wanted=()) as (stream, _):
        try:
            header = stream.readline(_MAX_HEADER_CHARS)
        except UnicodeDecodeError:
            return False
    return "pixels" in _name_columns(next(csv.reader([header]), []))


def _name_columns(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def find_votes(tree: FileTree, path: Path) -> Path | None:
    """`fer2013new.csv` in the folder or archive that was named, or beside the file."""
    inside = next((name for name in tree.names() if name.rpartition("/")[2].lower() == VOTES_NAME), None)
    if inside is not None:
        return path / inside if path.is_dir() else path
    beside = path.parent / VOTES_NAME
    return beside if not path.is_dir() and beside.is_file() else None


IMPORTERS.register("fer2013")(
    ArrayImporter(
        title="FER2013, one CSV with the pixels of every face",
        find=find_table,
        write=import_fer2013,
        takes_votes=True,
        find_votes=find_votes,
        priority=50,
        terms=FER2013,
    )
)
