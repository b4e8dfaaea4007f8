"""One way in for every source: find out what it is, then import it. The CLI and the page both come here."""

import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from fer_core.data.importers.base import Scan
from fer_core.data.importers.fer2013 import CSV_NAMES, import_fer2013
from fer_core.data.importers.pictures import (
    ImportReport,
    PictureOptions,
    Progress,
    import_pictures,
    scan_source,
)
from fer_core.data.tree import ARCHIVE_DAMAGE
from fer_core.errors import ConfigError, DataError

SourceKind = Literal["fer2013", "folders", "csv", "list", "parquet"]
KIND_TITLES: Final[dict[SourceKind, str]] = {
    "fer2013": "FER2013: one CSV with the pixels of every face",
    "folders": "pictures in class folders",
    "csv": "a CSV that lists pictures with their labels",
    "list": "a list file as RAF-DB's",
    "parquet": "Parquet with the pictures inside, as on the Hugging Face hub",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can be imported."""

    path: Path
    kind: SourceKind
    scan: Scan | None = None
    """What was found in it; None for FER2013, whose rows are read only by the import."""

    @property
    def split_counts(self) -> dict[str, int]:
        """Pictures of each split that the source itself names; the empty one: of none."""
        return {} if self.scan is None else dict(Counter(item.split for item in self.scan.items))

    def suggest_name(self, *, with_votes: bool = False) -> str:
        """A name for the data set."""
        if self.kind == "fer2013":
            return "ferplus" if with_votes else "fer2013"
        stem = self.path.name.split(".")[0] if self.path.is_file() else self.path.resolve().name
        safe = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in stem).strip("-")
        return safe.lower() or "pictures"


def inspect_source(path: Path, kind: SourceKind | None = None) -> Source:
    """Find out what a folder, an archive or a CSV holds, without decoding a picture.

    Args:
        path: what was named.
        kind: what it is; found out if None.

    Raises:
        DataError: nothing in it can be imported, or it is unsafe.
    """
    if kind == "fer2013" or (kind is None and is_fer2013(path)):
        return Source(_find_csv(path), "fer2013")
    scan = scan_source(path, kind or "")
    return Source(path, cast(SourceKind, scan.importer), scan)  # the registry's names are the kinds


def import_source(
    source: Source,
    target: Path,
    options: PictureOptions | None = None,
    *,
    votes: Path | None = None,
    replace: bool = False,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import what `inspect_source` found.

    Args:
        source: what to import.
        target: folder of the data set.
        options: of pictures.
        votes: fer2013new.csv, for FER2013.
        replace: exchange an existing data set.
        on_progress: called with (done, total); whatever it raises ends the import and leaves nothing.

    Raises:
        DataError: the source is malformed or holds nothing usable. Nothing is written then.
        ConfigError: votes for something else than FER2013.
        FerError: the data set exists, or is being written.
    """
    if source.kind == "fer2013":
        info = import_fer2013(source.path, target, votes=votes, replace=replace, on_progress=on_progress)
        return ImportReport(info, (), 0)
    if votes is not None:
        raise ConfigError("a votes file goes with FER2013 only")
    return import_pictures(
        source.path,
        target,
        options or PictureOptions(),
        importer=source.kind,
        replace=replace,
        on_progress=on_progress,
    )


def is_fer2013(path: Path) -> bool:
    """Whether a source is FER2013: by its file's name inside, or because it is no folder or archive."""
    if path.is_dir():
        return any((path / name).is_file() for name in CSV_NAMES)
    if not path.is_file():
        return path.suffix.lower() == ".csv"
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as zipped:
                return _holds_table([name for name in zipped.namelist() if not name.endswith("/")])
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as tarred:
                return _holds_table([info.name for info in tarred if info.isreg()])
    except ARCHIVE_DAMAGE as cause:
        raise DataError(f"{path} can't be read: {cause}") from cause
    return True


def _holds_table(names: list[str]) -> bool:
    bases = [name.rsplit("/", 1)[-1].lower() for name in names]
    return any(name in CSV_NAMES for name in bases) or (len(bases) == 1 and bases[0].endswith(".csv"))


def _find_csv(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in CSV_NAMES if (path / name).is_file()), path / CSV_NAMES[0])
