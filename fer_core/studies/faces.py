"""Reading what was found in the recordings of a study."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from fer_core.errors import StudyError
from fer_core.results import OF_VOICE
from fer_core.studies.persons import list_parts, load_decisions, name_rows
from fer_core.studies.state import read_state
from fer_core.studies.study import TABLE_FILE, Study

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OF_RECORDING: Final[tuple[str, ...]] = ("recording", "participant", "condition")
"""Columns that come before those of a recording's own table."""


def list_done(study: Study) -> "pd.DataFrame":
    """The rows of the table of recordings whose result is there and current."""
    recordings = study.load_recordings()
    states = read_state(study, recordings).recordings
    # An empty list would choose columns, not rows.
    is_done = [states[key].state == "done" for key in recordings["recording"]]
    return recordings.loc[is_done] if is_done else recordings


def require_done(study: Study) -> "pd.DataFrame":
    """The same, at least one.

    Raises:
        StudyError: nothing is done yet.
    """
    done = list_done(study)
    if done.empty:
        raise StudyError(f"nothing is done yet; run it first: fer study run {study.name}")
    return done


def load_faces(study: Study, recording: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """The faces of one recording as `fer annotate` tables them, with the column `recording` first.

    If some of its faces have names, these follow as the column `person` (where `time_s` is read).

    Args:
        study: of which.
        recording: which has a result.
        columns: to read; all if not given.

    Raises:
        StudyError: there is no result, or it can't be read.
    """
    import pandas as pd

    table: pd.DataFrame = read_columns(study, recording, columns).to_pandas()
    table.insert(0, "recording", pd.Series(recording, index=table.index, dtype="string"))
    if {"track_id", "time_s"} <= set(table) and (parts := list_parts(study, recording)):
        names = name_rows(parts, table["track_id"].tolist(), table["time_s"].tolist())
        table.insert(1, "person", pd.Series(names, index=table.index, dtype="string"))
    return table


def to_voices(table: "pd.DataFrame") -> "pd.DataFrame":
    """The voice of a recording as a table like that of one face, so that it is summed up in the same way.

    Args:
        table: of the faces of a recording that was listened to (`load_faces`).

    Raises:
        StudyError: nobody listened to the recording.
    """
    if "speech" not in table:
        raise StudyError("this study was made without a model of voices; make one with `--voice MODEL`")
    frames = table.drop_duplicates("frame").reset_index(drop=True)
    columns = [name for name in frames.columns if name.startswith(OF_VOICE[0])]
    is_labelled = frames["voice_label"].notna()
    return frames[["recording", "frame", "time_s"]].assign(
        num_faces=is_labelled.astype(int),
        track_id=is_labelled.astype("Int64").where(is_labelled),
        width=1.0,
        height=1.0,
        label=frames["voice_label"],
        **{name.removeprefix(OF_VOICE[0]): frames[name] for name in columns},
    )


def read_columns(study: Study, recording: str, columns: Sequence[str] | None = None) -> "pa.Table":
    """The same without the column `recording`, as an Arrow table, which is many times as fast.

    Raises:
        StudyError: there is no result, or it can't be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = study.result_folder(recording) / TABLE_FILE
    try:
        with parquet.ParquetFile(path) as file:
            if missing := set(columns or ()) - set(file.schema_arrow.names):
                raise StudyError(f"{path} lacks the column {min(missing)!r}; run the study again")
            return file.read(list(columns) if columns else None, use_threads=False)
    except (OSError, pa.ArrowException) as cause:
        raise StudyError(f"{path} can't be read: {cause}; run the study again") from cause


def iterate_batches(study: Study, recordings: "pd.DataFrame") -> "Iterator[pa.RecordBatch]":
    """The faces of recordings part by part, each with the columns `OF_RECORDING` first; memory stays flat.

    Raises:
        StudyError: a result can't be read, or has other classes than those before it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema: pa.Schema | None = None
    has_names = not load_decisions(study).empty
    for row in recordings[list(OF_RECORDING)].astype(object).to_dict("records"):
        path = study.result_folder(str(row["recording"])) / TABLE_FILE
        try:
            file = parquet.ParquetFile(path)
        except (OSError, pa.ArrowException) as cause:
            raise StudyError(f"{path} can't be read: {cause}; run the study again") from cause
        with file:
            for batch in file.iter_batches():
                facts = [pa.array([_to_text(row[name])] * len(batch), pa.string()) for name in OF_RECORDING]
                names = [*OF_RECORDING, *batch.schema.names]
                if has_names:
                    parts = list_parts(study, str(row["recording"]))
                    places = [batch.column(name).to_pylist() for name in ("track_id", "time_s")]
                    facts.append(pa.array(name_rows(parts, *places), pa.string()))
                    names.insert(len(OF_RECORDING), "person")
                found = pa.record_batch([*facts, *batch.columns], names=names)
                if schema is not None and found.schema != schema:
                    raise StudyError(
                        f"{path} has other columns than the results before it; run the study again"
                    )
                schema = found.schema
                yield found


def _to_text(value: object) -> str | None:
    import pandas as pd

    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]
