"""Parquet with the pictures inside, as most data sets of the Hugging Face hub are kept.

One row per image: a column of images (encoded, as `{bytes, path}` or plain bytes; or their pixels, as nested
lists) and one of labels. Names of numeric labels stand in the file's own metadata.
"""

import io
import math
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from fer_core.data.importers.base import (
    GROUP_COLUMNS,
    IMPORTERS,
    SPLIT_COLUMNS,
    Importer,
    Item,
    Scan,
    is_picture,
    keep_facts,
    split_of,
)
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.plain import parse_json

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_IMAGES: Final = ("image", "img", "picture", "photo", "jpg", "png")
_LABELS: Final = ("label", "labels", "emotion", "expression", "class")
_NO_LABEL: Final[int] = -1
"""What the `datasets` library writes where a row of named classes has no label."""
_MAX_GROUP_BYTES: Final[int] = 2 * 1024**3
"""Of one row group's pictures, unpacked; they are read a group at a time."""


class ParquetPictures:
    """The pictures inside the Parquet files of a tree, by `<file>#<row>`; a row group is read at a time."""

    def __init__(self, tree: FileTree, columns: tuple[str, ...] = _IMAGES) -> None:
        """Read from `tree` the first of these columns that there is."""
        self.name, self._tree, self._columns = tree.name, tree, columns
        # What was read last, since pictures are asked for in order.
        self._file_name = ""
        self._file: pq.ParquetFile | None = None
        self._start = 0
        self._pictures: list[Any] = []

    def names(self) -> list[str]:
        """Not asked for: the scan lists them."""
        return []

    def read(self, name: str) -> bytes:
        """Content of one picture; pixels are encoded as PNG.

        Raises:
            DataError: the row holds none, or the file is damaged.
        """
        file_name, _, row = name.rpartition("#")
        place = self._locate(file_name, int(row))
        value = self._pictures[place]
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise DataError(f"{name} holds no picture")
        if isinstance(data, list):
            return _encode_pixels(data, name)
        if not isinstance(data, bytes):
            raise DataError(f"{name} holds {type(data).__name__}; expected a picture's bytes")
        return data

    def _locate(self, file_name: str, row: int) -> int:
        """Load the row group that holds a row, if it is not the last one, and return the place in it."""
        if file_name != self._file_name:
            self._file_name, self._file, self._pictures = file_name, open_parquet(self._tree, file_name), []
        if not self._start <= row < self._start + len(self._pictures):
            assert self._file is not None
            self._load_group(self._file, row)
        return row - self._start

    def _load_group(self, file: "pq.ParquetFile", row: int) -> None:
        column = find_column(file.schema_arrow, self._columns)
        start = 0
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            if row < start + group.num_rows:
                if group.total_byte_size > _MAX_GROUP_BYTES:
                    raise DataError(
                        f"{self._file_name} holds {group.total_byte_size:,} bytes in one row group: refused"
                    )
                self._start = start
                self._pictures = guard(self._file_name, partial(_read_column, file, index, column))
                return
            start += group.num_rows
        raise DataError(f"{self._file_name} has no row {row}")


def _read_column(file: "pq.ParquetFile", group: int, column: str | None) -> list[Any]:
    values: list[Any] = file.read_row_group(group, columns=[column]).column(0).to_pylist()
    return values


def _encode_pixels(rows: list[Any], name: str) -> bytes:
    """A picture of nested lists, H x W or H x W x 3 of 0 to 255, as PNG."""
    import numpy as np
    from PIL import Image

    try:
        pixels = np.array(rows)
    except ValueError as cause:
        raise DataError(
            f"{name} has rows of different lengths; expected H x W or H x W x 3 pixels"
        ) from cause
    is_shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not is_shaped or pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        shape = " x ".join(map(str, pixels.shape))
        raise DataError(f"{name} holds {shape} values; expected H x W or H x W x 3 whole numbers, 0 to 255")
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _holds_pictures(kind: "pa.DataType") -> bool:
    """Whether a column of this type can hold pictures: their bytes, or their pixels as nested lists."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return (depth in (2, 3) and pa.types.is_integer(kind)) or (depth == 0 and _holds_bytes(kind))


def _holds_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_null(kind)  # empty in every row, each of which is then said to hold none
    )


def scan_parquet(tree: FileTree) -> Scan | None:
    """Read the labels of every Parquet file that holds pictures.

    Raises:
        DataError: a file is damaged, or what is called a picture in them is something else.
    """
    items: list[Item] = []
    skipped: list[tuple[str, str]] = []
    unfit: list[str] = []
    files = [name for name in tree.names() if name.lower().endswith(".parquet")]
    split_names = SplitNames(map(split_parts, files))
    for name in files:
        file = open_parquet(tree, name)
        image, label = (find_column(file.schema_arrow, names) for names in (_IMAGES, _LABELS))
        if image is None or label is None:
            skipped.append((name, "has no columns of pictures and labels"))
            continue
        kind = file.schema_arrow.field(image).type
        if not _holds_pictures(kind):
            unfit.append(
                f"{image} holds {str(kind)[:80]}; expected pictures: bytes, or nested lists of pixels"
            )
            skipped.append((name, unfit[-1]))
            continue
        _add_rows(items, skipped, file, name, label, split_names.find(split_parts(name))[0])
    if items:
        return Scan(tuple(items), tuple(skipped), reader=ParquetPictures)
    if unfit and not any(map(is_picture, tree.names())):  # what lists pictures beside it is another's to read
        raise DataError(f"{tree.name}: the column {unfit[0]}")
    return None


def _add_rows(
    items: list[Item],
    skipped: list[tuple[str, str]],
    file: "pq.ParquetFile",
    name: str,
    label: str,
    usual: str,
) -> None:
    schema = file.schema_arrow
    wanted = {"label": label}
    wanted |= {
        key: found
        for key, names in (("split", SPLIT_COLUMNS), ("group", GROUP_COLUMNS))
        if (found := find_column(schema, names))
    }
    more = [
        str(field.name) for field in schema if field.name not in wanted.values() and _says_a_word(field.type)
    ]
    values = guard(name, lambda: file.read(columns=[*wanted.values(), *more]).to_pydict())
    further = {column: values[column] for column in more}
    columns = {key: values[column] for key, column in wanted.items()}
    class_names = _read_class_names(schema, label)
    for row, value in enumerate(columns["label"]):
        path = f"{name}#{row}"
        named = _name_label(value, class_names, path)
        if named is None:
            skipped.append((path, "has no label"))
            continue
        items.append(
            Item(
                path=path,
                label=named,
                split=_name_split(columns["split"][row]) if "split" in columns else usual,
                group=_name_group(columns["group"][row]) if "group" in columns else "",
                facts=keep_facts({column: values[row] for column, values in further.items()}, ()),
            )
        )


def _says_a_word(kind: "pa.DataType") -> bool:
    """Whether a column holds words or single numbers, and not pictures, lists or records."""
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    )


def _name_label(value: Any, class_names: list[str], path: str) -> str | None:
    """A label in words; None where there is none."""
    if isinstance(value, float):  # pandas makes floats of whole numbers with gaps
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if value is None or (class_names and value == _NO_LABEL):
        return None
    if not class_names or not isinstance(value, int):
        return str(value)
    if not 0 <= value < len(class_names):
        raise DataError(f"{path} has label {value}; the file names classes 0 to {len(class_names) - 1}")
    return class_names[value]


def name_labels(file: "pq.ParquetFile", name: str, column: str) -> list[str]:
    """A column of labels in words, a row each; empty where there is none.

    Raises:
        DataError: a number that the file does not name.
    """
    names = _read_class_names(file.schema_arrow, column)
    values = file.read(columns=[column]).column(0).to_pylist()
    return [_name_label(value, names, f"{name}#{row}") or "" for row, value in enumerate(values)]


def _read_class_names(schema: "pa.Schema", label: str) -> list[str]:
    """Names of numeric labels, as the `datasets` library writes them; empty if there are none."""
    try:
        facts = parse_json((schema.metadata or {}).get(b"huggingface", b"{}").decode())
        names = facts["info"]["features"][label]["names"]
        return [str(name) for name in names]
    except (ValueError, KeyError, TypeError):
        return []


def _name_group(value: Any) -> str:
    return "" if value is None else str(value)


def _name_split(value: Any) -> str:
    said = str(value or "").strip()
    return split_of(said) or said


def split_parts(name: str) -> tuple[str, ...]:
    """What may speak of a split: `data/train-00000-of-00002.parquet`, `validation/0000.parquet`."""
    path = PurePosixPath(name)
    return (*path.parts[:-1], path.stem.split("-")[0])


def find_column(schema: "pa.Schema", names: tuple[str, ...]) -> str | None:
    """The first of these columns that there is, as the file spells it."""
    by_name = {str(name).lower(): str(name) for name in schema.names}
    return next((by_name[name] for name in names if name in by_name), None)


def open_parquet(tree: FileTree, name: str) -> "pq.ParquetFile":
    """Open a file of the tree.

    Raises:
        DataError: it is no Parquet, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = tree.read(name)
    return guard(name, lambda: pq.ParquetFile(pa.BufferReader(data)))


def guard(name: str, read: Any) -> Any:
    """What `read` answers, called on the content of the file `name`.

    Raises:
        DataError: in place of what pyarrow raises on damaged content.
    """
    import pyarrow as pa

    try:
        return read()
    except pa.ArrowNotImplementedError as cause:
        raise DataError(f"{name} can't be read as Parquet: {str(cause)[:200]}") from cause
    except (pa.ArrowException, OSError, ValueError) as cause:
        raise DataError(
            f"{name} can't be read as Parquet: it is damaged or cut short; copy it again ({str(cause)[:200]})"
        ) from cause


IMPORTERS.register("parquet")(
    Importer(title="Parquet files, as on the Hugging Face hub", scan=scan_parquet, priority=40)
)
