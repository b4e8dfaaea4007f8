"""Results that a browser found and its user wants to keep: checked like anything that comes from outside."""

import csv
import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fer_core.analyses import TABLE_FILE, AnalysisRecord, KeptModel, KeptSource, keep_analysis
from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import AnalysisError
from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.results import build_schema, name_columns, write_table
from fer_core.results.columns import neutralise_names
from fer_core.workspace import Workspace

_MAX_CHARS: Final[int] = 200_000_000
_MAX_SIDE_PX: Final[int] = 16_384
_BEYOND: Final[float] = 1e15
"""Above what any column holds."""
_WHOLE: Final[frozenset[str]] = frozenset({"frame", "num_faces", "track_id"})
_OF_FRAME: Final[tuple[str, ...]] = FIXED_COLUMNS[:3]


def read_results(text: str, info: CheckpointInfo) -> list[dict[str, Any]]:
    """The rows of a table that a page of this package wrote as CSV.

    Args:
        text: the CSV.
        info: the model that read the faces.

    Returns:
        A mapping a row, with the columns of `face_table.FIXED_COLUMNS` and one a class.

    Raises:
        AnalysisError: it holds anything else.
    """
    columns = [*FIXED_COLUMNS, *name_columns(info.classes)]
    if len(text) > _MAX_CHARS:
        raise AnalysisError(f"the results have {len(text):,} characters; expected at most {_MAX_CHARS:,}")
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        if next(lines, None) != neutralise_names(columns):
            raise AnalysisError(
                f"the results have other columns than those of {info.name}; load the page again"
            )
        rows = [_read_row(dict(zip(columns, line, strict=True)), info) for line in lines]
    except (ValueError, csv.Error) as cause:
        raise AnalysisError(f"the results are damaged ({cause}); nothing was kept") from cause
    if not rows:
        raise AnalysisError("there is no frame yet, so there is nothing to keep")
    return rows


def _read_row(cells: Mapping[str, str], info: CheckpointInfo) -> dict[str, Any]:
    row = {name: _read_cell(name, cell) for name, cell in cells.items()}
    if any(row[name] is None or row[name] < 0 for name in _OF_FRAME):
        raise ValueError("a row without its frame")
    if row["track_id"] is None:
        return row
    shares = [row[name] for name in name_columns(info.classes)]
    if not all(share is not None and 0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-3:
        raise ValueError(f"probabilities {shares}")
    best = info.classes[max(range(len(shares)), key=shares.__getitem__)]
    return {**row, "label": best, "confidence": max(shares)}  # which no text of the browser decides


def _read_cell(name: str, cell: str) -> Any:
    if cell == "" or name == "label":
        return None
    if name == "usable":
        return {"true": True, "false": False}[cell] if cell in ("true", "false") else _refuse(name, cell)
    value = int(cell) if name in _WHOLE else float(cell)
    return value if abs(value) < _BEYOND else _refuse(name, cell)  # NaN is neither


def _refuse(name: str, cell: str) -> None:
    raise ValueError(f"{name} {cell[:40]!r}")


def keep_results(
    workspace: Workspace,
    text: str,
    info: CheckpointInfo,
    size_px: tuple[int, int],
    settings: Mapping[str, str | float],
    owner: str = "",
) -> str:
    """Keep what a browser found as an analysis; no picture comes with it.

    Args:
        workspace: where it is kept.
        text: the page's CSV.
        info: the model that read the faces.
        size_px: width and height of the picture.
        settings: what else changes the result: `prior`, `detect_every`, `smoothing`.
        owner: who keeps it, where the dashboard has a login.

    Returns:
        Its id.

    Raises:
        AnalysisError: the results are not what such a page writes.
        FerError: it can't be written.
    """
    rows, now = read_results(text, info), datetime.now(UTC)
    if not all(isinstance(side, int) and 0 < side <= _MAX_SIDE_PX for side in size_px):
        raise AnalysisError(f"the picture is {size_px} pixels large; expected 1 to {_MAX_SIDE_PX:,}")
    times = [row["time_s"] for row in rows]
    source = KeptSource(
        name="camera of a browser",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        width_px=size_px[0],
        height_px=size_px[1],
        num_frames=len({row["frame"] for row in rows}),
        duration_s=max(times) - min(times),
    )
    with keep_analysis(workspace, f"Live {now:%Y-%m-%d %H.%M.%S}", owner) as draft:
        write_table(draft.folder / TABLE_FILE, rows, build_schema(FIXED_COLUMNS, info.classes))
        draft.record = AnalysisRecord(
            kind="video",
            created=now,
            model=KeptModel(name=info.name, sha256=info.weights_sha256),
            detector="yunet",
            settings=settings,
            classes=tuple(name_columns(info.classes)),
            sources=(source,),
            notes=("Read in a browser, which sent this table and no picture.",),
        )
    return draft.key
