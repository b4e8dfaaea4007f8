"""What a results format is, the registry of all, and writing a table in one of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from fer_core.errors import ConfigError, PluginError
from fer_core.io import atomic_path, check_writable, storage_errors
from fer_core.registry import Registry
from fer_core.results.columns import OF_VOICE, VOICE_FIELDS, name_columns
from fer_core.scratch import scratch_folder

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_WHOLE_NUMBERS: Final[frozenset[str]] = frozenset({"frame", "track_id", "face", "num_faces"})
_WORDS: Final[frozenset[str]] = frozenset({"source", "label", "voice_label", "fused_label"})
_YES_OR_NO: Final[frozenset[str]] = frozenset({"usable", "speech", "speaks"})


class BatchWriter(Protocol):
    """A table that is being written, as `pyarrow.parquet.ParquetWriter` is one."""

    def write_batch(self, batch: "pa.RecordBatch", /) -> None:
        """Append rows of the schema."""

    def close(self) -> None:
        """Write what is left and close the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsFormat:
    """A kind of table file. Its key in `RESULTS` is the file extension without the dot."""

    title: str
    """What people call it."""
    open: Callable[[Path, "pa.Schema"], BatchWriter]
    """Creates the file. Tables of videos come in parts, so that memory does not grow with their rows."""
    mime: str = "application/octet-stream"
    """Media type, for browsers."""


def _check_extension(name: str) -> None:
    if re.fullmatch(r"[a-z0-9_-]+", name) is None:
        raise ConfigError(
            f"the results format {name!r} could not be found; expected a file extension without its dot, in "
            "small letters (a to z), digits, - and _"
        )


RESULTS: Final[Registry[ResultsFormat]] = Registry(
    "results format", "fer_workbench.results", entry_types=(ResultsFormat,), check_name=_check_extension
)


def list_extensions() -> str:
    """The extensions of all formats in words: `.csv or .parquet`."""
    *most, last = (f".{name}" for name in RESULTS)
    return f"{', '.join(most)} or {last}" if most else last


def find_format(path: Path) -> ResultsFormat:
    """The format of the extension of `path`.

    Raises:
        ConfigError: there is none; the message lists all.
    """
    name = path.suffix.lower().removeprefix(".")
    if name not in RESULTS:
        raise ConfigError(f"table {path.name!r} ends in {path.suffix!r}; expected {list_extensions()}")
    return _get_format(name)


def _get_format(name: str) -> ResultsFormat:
    """The format called `name`; one of an installed package raises PluginError when it fails."""
    found = RESULTS[name]
    if not RESULTS.is_foreign(name):
        return found
    return replace(found, open=lambda path, schema: _ForeignWriter(name, path, schema))


class _ForeignWriter:
    """A table that a package's format writes. Faults of the package name it; those of the disk do not."""

    def __init__(self, name: str, path: Path, schema: "pa.Schema") -> None:
        self._name, self._path = name, path
        self._num_rows = 0
        with self._blame("open"):
            self._writer = RESULTS[name].open(path, schema)

    def write_batch(self, batch: "pa.RecordBatch", /) -> None:
        with self._blame("write rows of"):
            self._writer.write_batch(batch)
        self._num_rows += batch.num_rows

    def close(self) -> None:
        with self._blame("close"):
            self._writer.close()
        size = self._path.stat().st_size if self._path.is_file() else -1
        if size < 0 or (self._num_rows and not size):
            seen = "no file" if size < 0 else "an empty file"
            raise PluginError(f"{RESULTS.describe(self._name)} wrote {seen}; rows given: {self._num_rows:,}")

    @contextmanager
    def _blame(self, doing: str) -> Iterator[None]:
        with RESULTS.blame(self._name, PluginError, f"{doing} a table"), storage_errors(self._path):
            yield


def build_schema(fixed: Sequence[str], classes: Sequence[str]) -> "pa.Schema":
    """Columns of a table of faces: the fixed ones, then one of probabilities per class (`name_columns`)."""
    return _to_schema([*fixed, *name_columns(classes)])


def add_voice_columns(
    schema: "pa.Schema", classes: Sequence[str], voice_classes: Sequence[str]
) -> "pa.Schema":
    """The columns of a table of faces, and after them those of voices (`VOICE_FIELDS`).

    Probabilities of the voice follow its label, in columns that begin with `voice: `; those of face and voice
    together follow theirs and begin with `fused: `.
    """
    of_voice, of_both = OF_VOICE
    names = [
        *schema.names,
        *(*VOICE_FIELDS[:3], *(of_voice + name for name in voice_classes)),
        *(*VOICE_FIELDS[3:], *(of_both + name for name in classes)),
    ]
    return _to_schema(names)


def _to_schema(names: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    kinds = ((_WHOLE_NUMBERS, pa.int64()), (_WORDS, pa.string()), (_YES_OR_NO, pa.bool_()))
    types = {name: kind for names, kind in kinds for name in names}
    return pa.schema([(name, types.get(name, pa.float64())) for name in names])


def check_table(path: Path) -> None:
    """Find out before long work whether a table can be written, as it will be at the end.

    Raises:
        ConfigError: no format has that extension, or a folder is there.
        StorageError: nothing can be written there; what is in `path` already stays as it is.
    """
    find_format(path)
    if path.is_dir():
        raise ConfigError(f"{path} can't be written: it is a folder; name a file in it")
    check_writable(path)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], schema: "pa.Schema") -> None:
    """Write rows as the file `path`, in the format of its extension, whole or not at all.

    Raises:
        ConfigError: no format has that extension.
        PluginError: its format is an installed package's, and does not work.
        StorageError: it can't be written.
    """
    import pyarrow as pa

    table_format = find_format(path)
    with atomic_path(path) as temporary:
        _write(table_format, temporary, pa.Table.from_pylist(list(rows), schema=schema))


def encode_table(frame: "pd.DataFrame", name: str) -> bytes:
    """A table as the bytes of a file of the format called `name`.

    Raises:
        ConfigError: no format is called like that.
        PluginError: it is an installed package's, and does not work.
    """
    import pyarrow as pa

    with scratch_folder() as folder:
        path = folder / f"table.{name}"
        _write(_get_format(name), path, pa.Table.from_pandas(frame, preserve_index=False))
        return path.read_bytes()


def _write(table_format: ResultsFormat, path: Path, table: "pa.Table") -> None:
    writer = table_format.open(path, table.schema)
    for batch in table.to_batches():
        writer.write_batch(batch)
    writer.close()
