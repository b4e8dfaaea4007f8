"""Reading Parquet tables that may be damaged."""

from pathlib import Path

import pandas as pd

from fer_core.errors import FerError


def load_frame(path: Path, error: type[FerError]) -> pd.DataFrame:
    """Read a Parquet file as a table.

    Raises:
        FerError: as `error`, if it is missing, damaged or no Parquet.
    """
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    # The reader tells damage by many kinds of errors, and pandas believes what the file says of itself.
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError) as cause:
        reason = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        raise error(f"{path} can't be read as Parquet: {reason}") from cause
