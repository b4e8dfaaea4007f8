"""Rows whose label looks wrong: noted from predictions, from cross-validation, or by a person on a page.

`suspects/<data set>.json` lists them with where the suspicion comes from; the data page shows them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import filelock
import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.label_quality import find_label_errors
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.io import hold_lock, read_json, write_json
from fer_core.workspace import Workspace, validate_name

SCHEMA_VERSION: Final[int] = 1
_CHANCE_PREFIX = "p_"
_LOCK_S: Final[float] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An image whose label may be wrong."""

    row: int
    source: str
    """Who suspects it, and why, in words."""
    suggestion: str = ""
    """The class that it looks like, where that is known."""
    confidence: float | None = None
    """Probability of the label that it has, 0 to 1: the lower, the more suspicious. None: noted by hand."""

    @property
    def finder(self) -> str:
        """Who suspects it: the source up to its first colon."""
        return self.source.split(": ", 1)[0]


_Key = tuple[int, str]
"""Row and finder: several may suspect one image."""


def find_suspects(dataset: Dataset, predictions: Path) -> npt.NDArray[np.int64]:
    """Rows of likely label errors, most suspicious first, by a run's predictions.parquet.

    The probabilities must be of images that the model was not trained on.

    Raises:
        DataError: the file is no predictions of this data set.
    """
    try:
        table = pd.read_parquet(predictions)
    except (OSError, ValueError) as cause:
        raise DataError(f"{predictions} can't be read as Parquet: {cause}") from cause
    classes = [
        name.removeprefix(_CHANCE_PREFIX) for name in map(str, table) if name.startswith(_CHANCE_PREFIX)
    ]
    if not classes or not {"row", "truth"} <= set(table):
        raise DataError(
            f"{predictions} lacks the columns row, truth and p_<class>; write it with fer evaluate"
        )
    if table["row"].min() < 0 or table["row"].max() >= len(dataset.samples):
        raise DataError(
            f"{predictions} names rows that {dataset.name!r} does not have; it is of another data set"
        )
    places = {name: index for index, name in enumerate(classes)}
    labels = table["truth"].map(places)
    if labels.isna().any():
        raise DataError(f"{predictions} holds a truth that is none of {', '.join(classes)}")
    chances = table[[_CHANCE_PREFIX + name for name in classes]].to_numpy(np.float64)
    found = find_label_errors(np.asarray(labels, np.int64), chances)
    return np.asarray(table["row"].to_numpy(np.int64)[found])


def suspects_path(workspace: Workspace, dataset: str) -> Path:
    """File that holds the suspects of a data set."""
    return workspace.root / "suspects" / f"{validate_name(dataset, 'data set')}.json"


def load_suspects(dataset: Dataset, workspace: Workspace) -> list[Suspect]:
    """What was noted, those of a person first, then the most suspicious; empty if there is nothing.

    Raises:
        DataError: the file is damaged, or of another state of the data set.
    """
    path = suspects_path(workspace, dataset.name)
    if not path.is_file():
        return []
    value = read_json(path, DataError)
    if value.get("fingerprint") != dataset.info.fingerprint:
        raise DataError(f"{path} was noted for another state of {dataset.name!r}; note the suspects again")
    suspects = list(_parse(value, path).values())
    if any(not 0 <= item.row < len(dataset.samples) for item in suspects):
        raise DataError(f"{path} names rows that {dataset.name!r} does not have")
    return sorted(suspects, key=lambda item: (-1.0 if item.confidence is None else item.confidence, item.row))


def note_suspects(
    workspace: Workspace,
    dataset: str,
    fingerprint: str,
    suspects: Sequence[Suspect],
    *,
    in_place_of: str = "",
) -> int:
    """Add images to the suspects of a data set; returns how many images are under suspicion now.

    What the same finder noted of a row before is replaced. Suspects of another version of the data set are
    dropped, since their row numbers mean other images.

    Args:
        workspace: whose note it is.
        dataset: name of the data set.
        fingerprint: of the data set, as it is now.
        suspects: what to add.
        in_place_of: drop those whose source begins like this: an earlier finding of the same kind.

    Raises:
        DataError: the file is damaged.
        StorageError: the file can't be written.
    """
    path = suspects_path(workspace, dataset)
    try:
        with hold_lock(path.with_suffix(".lock"), timeout_s=_LOCK_S):
            known: dict[_Key, Suspect] = {}
            if path.is_file():
                value = read_json(path, DataError)
                if value.get("fingerprint") == fingerprint:
                    known = _parse(value, path)
            if in_place_of:
                known = {key: item for key, item in known.items() if not item.source.startswith(in_place_of)}
            known |= {(item.row, item.finder): item for item in suspects}
            write_json(path, _to_dict(dataset, fingerprint, known))
    except filelock.Timeout as cause:
        raise DataError(f"{path} is being written by another program; try again") from cause
    return len({row for row, _ in known})


def _to_dict(dataset: str, fingerprint: str, suspects: Mapping[_Key, Suspect]) -> dict[str, Any]:
    rows = []
    for _, item in sorted(suspects.items()):
        value: dict[str, Any] = {"row": item.row, "source": item.source}
        if item.suggestion:
            value["suggestion"] = item.suggestion
        if item.confidence is not None:
            value["confidence"] = round(item.confidence, 6)
        rows.append(value)
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset,
        "fingerprint": fingerprint,
        "rows": rows,
    }


def _parse(value: Mapping[str, Any], path: Path) -> dict[_Key, Suspect]:
    try:
        found = [
            Suspect(
                row=int(item["row"]),
                source=str(item["source"]),
                suggestion=str(item.get("suggestion", "")),
                confidence=None if item.get("confidence") is None else float(item["confidence"]),
            )
            for item in value["rows"]
        ]
        return {(item.row, item.finder): item for item in found}
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise DataError(
            f"{path} does not list rows with their source: {cause!r}; move it away to begin anew"
        ) from cause
