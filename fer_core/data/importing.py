"""One way in for every source: find out what it is, then import it. The CLI and the page both come here."""

import dataclasses
from pathlib import Path

from fer_core.data.importers.base import IMPORTERS, ArrayImporter
from fer_core.data.importers.choosing import Source, inspect_source
from fer_core.data.importers.pictures import ImportReport, PictureOptions, Progress, import_pictures
from fer_core.data.store import save_terms
from fer_core.errors import ConfigError
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
        FerError: the data set exists, or is being written.
    """
    importer = IMPORTERS[source.kind]
    if votes is not None and not source.takes_votes:
        raise ConfigError(f"a votes file goes with FER2013 only, not with {source.title}")
    if isinstance(importer, ArrayImporter):
        info = importer.write(source.path, target, votes=votes, replace=replace, on_progress=on_progress)
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
