"""One way in for every source: find out what it is, then import it. The CLI and the page both come here."""

import dataclasses
import tempfile
from functools import partial
from pathlib import Path

from fer_core.data.importers.base import IMPORTERS, ArrayImporter
from fer_core.data.importers.choosing import Source, inspect_source
from fer_core.data.importers.pictures import ImportReport, PictureOptions, Progress, import_pictures
from fer_core.data.store import DatasetInfo, load_dataset, save_terms
from fer_core.errors import ConfigError, DataError, PluginError
from fer_core.io import atomic_directory, storage_errors
from fer_core.provenance import Statement

__all__ = ["Source", "import_source", "inspect_source"]


def import_source(
    source: Source,
    target: Path,
    options: PictureOptions | None = None,
    *,
    votes: Path | None = None,
    stated: Statement | None = None,
    replace: bool = False,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import what `inspect_source` found.

    Args:
        source: what to import.
        target: folder of the data set.
        options: of pictures.
        votes: fer2013new.csv, for FER2013.
        stated: what the user says of its origin and terms; goes before what its kind is known for.
        replace: exchange an existing data set.
        on_progress: called with (done, total); whatever it raises ends the import and leaves nothing.

    Raises:
        DataError: the source is malformed or holds nothing usable. Nothing is written then.
        ConfigError: votes for something else than FER2013.
        PluginError: the importer is an installed package's, and does not write a data set.
        FerError: the data set exists, or is being written.
    """
    importer = IMPORTERS[source.kind]
    if votes is not None and not source.takes_votes:
        raise ConfigError(f"a votes file goes with FER2013 only, not with {source.title}")
    if isinstance(importer, ArrayImporter):
        write = partial(_write_foreign, source.kind) if IMPORTERS.is_foreign(source.kind) else importer.write
        info = write(source.path, target, votes=votes, replace=replace, on_progress=on_progress)
        report = ImportReport(info, (), 0)
    else:
        report = import_pictures(
            source.path,
            target,
            options or PictureOptions(),
            importer=source.kind,
            replace=replace,
            on_progress=on_progress,
        )
    terms = (stated or Statement()).apply(target.name, report.info.terms)
    if terms == report.info.terms:
        return report
    return dataclasses.replace(report, info=save_terms(target, terms))


def _make_folder_beside(target: Path) -> "tempfile.TemporaryDirectory[str]":
    """A folder on the disk of `target` whose name every reader skips; gone when left."""
    return tempfile.TemporaryDirectory(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)


def _write_foreign(
    kind: str,
    path: Path,
    target: Path,
    *,
    votes: Path | None,
    replace: bool,
    on_progress: Progress | None,
) -> DatasetInfo:
    """Let a package's importer write into a folder aside; only a whole data set takes `target`'s place.

    Raises:
        PluginError: it fails, or what it wrote is no data set.
        DataError: it refuses the source.
        FerError: the data set exists.
    """
    importer = IMPORTERS[kind]
    assert isinstance(importer, ArrayImporter)
    whose = IMPORTERS.describe(kind)
    with atomic_directory(target, replace=replace) as place, _make_folder_beside(target) as aside:
        written = Path(aside) / target.name  # the folder's name is that of the data set
        try:
            with (
                IMPORTERS.blame(kind, PluginError, f"import {path.name}"),
                storage_errors(target, is_ours=False),  # a full disk is no fault of theirs
            ):
                importer.write(path, written, votes=votes, replace=False, on_progress=on_progress)
        except DataError as problem:  # of `write_dataset` perhaps: it does not know whose samples it got
            raise DataError(f"{whose}: {problem}") from problem
        if not written.is_dir():
            raise PluginError(f"{whose} wrote nothing; expected the data set {target.name} by write_dataset")
        try:
            info = load_dataset(written).info
        except DataError as problem:
            raise PluginError(f"{whose} wrote no data set that can be read: {problem}") from problem
        written.replace(place)  # an empty folder, which a rename takes the place of
    return info
