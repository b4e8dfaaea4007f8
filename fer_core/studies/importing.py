"""Events of other tools, as a study takes them."""

from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.errors import StudyError
from fer_core.studies.formats import ANNOTATION_FORMATS, read_source, read_table, to_events

if TYPE_CHECKING:
    import pandas as pd


def read_events(path: Path, recording: str = "") -> "pd.DataFrame":
    """The events of a file, with the columns of `events.parquet`.

    Args:
        path: of ELAN, Praat, WebVTT, SRT or Label Studio, or a table.
        recording: which one they belong to; a table may say so in a column of its own.

    Raises:
        DataError: the file can't be read, or holds faces without expressions.
        StudyError: it is not said which recording the events belong to.
    """
    if path.suffix.lower() not in ANNOTATION_FORMATS:
        table = read_table(path)
        if "recording" in table and not recording:
            return table
    if not recording:
        raise StudyError(f"{path.name} does not say which recording its events belong to; name it")
    return to_events(read_source(path).require_annotations(), recording)
