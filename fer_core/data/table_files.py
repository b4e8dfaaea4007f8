"""Reading Parquet tables and NumPy arrays that may be damaged."""

import io
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Final

import pandas as pd

from fer_core.errors import FerError

ARRAY_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RuntimeError,
)
"""What NumPy raises on damaged .npy and .npz files: it reads their headers as Python literals."""


def load_frame(path: Path, error: type[FerError]) -> pd.DataFrame:
    """Read a Parquet file as a table.

    Raises:
        FerError: as `error`, if it is missing, damaged or no Parquet.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise error(f"{path} can't be read as Parquet: {cause}") from cause
    return parse_frame(content, path, error)


def parse_frame(content: bytes, path: Path, error: type[FerError]) -> pd.DataFrame:
    """Read the bytes of a Parquet file as a table.

    From bytes, since the reader opens a path twice, and would mix two files while one is being replaced.

    Args:
        content: of the file.
        path: where it came from, for the message.
        error: what to raise.

    Raises:
        FerError: as `error`, if they are damaged or no Parquet.
    """
    import pyarrow as pa

    try:
        return pd.read_parquet(io.BytesIO(content))
    # The reader tells damage by many kinds of errors, and pandas believes what the file says of itself.
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError) as cause:
        reason = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        raise error(f"{path} can't be read as Parquet: {reason}") from cause
