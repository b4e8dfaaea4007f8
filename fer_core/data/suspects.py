"""Rows whose label looks wrong: from a model's predictions, or as another page noted them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.quality import find_label_errors
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.io import read_json
from fer_core.workspace import Workspace

_CHANCE_PREFIX = "p_"


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


def load_suspects(dataset: Dataset, workspace: Workspace) -> list[tuple[int, str]]:
    """(row, where the suspicion comes from) as noted in `suspects/<dataset>.json`; empty if there is none.

    Raises:
        DataError: the file is damaged, or of another state of the data set.
    """
    path = workspace.root / "suspects" / f"{dataset.name}.json"
    if not path.is_file():
        return []
    value = read_json(path, DataError)
    if value.get("fingerprint") != dataset.info.fingerprint:
        raise DataError(f"{path} was noted for another state of {dataset.name!r}; note the suspects again")
    try:
        rows = [(int(item["row"]), str(item["source"])) for item in value["rows"]]
    except (KeyError, TypeError, ValueError) as cause:
        raise DataError(f"{path} does not list rows with their source: {cause}") from cause
    if any(not 0 <= row < len(dataset.samples) for row, _ in rows):
        raise DataError(f"{path} names rows that {dataset.name!r} does not have")
    return rows
