"""New data sets from old: exclude, relabel, choose classes, balance, divide anew; with their history."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.stream import write_stream
from fer_core.errors import DataError
from fer_core.labels import canonical_emotion
from fer_core.types import UInt8Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What changes."""

    exclude: frozenset[int] = frozenset()
    """Rows to leave out."""
    relabel: Mapping[int, str] = field(default_factory=dict)
    """Row -> new label. Only for data sets without votes: with votes, these decide."""
    classes: tuple[str, ...] = ()
    """Classes to keep; all if empty."""
    balance: bool = False
    """Keep as many training images of every class as the rarest has."""
    split: SplitPlan | None = None
    """Divide all anew; the parent keeps its own splits."""
    seed: int = 0
    """Of balancing."""
    reason: str = ""
    """Why, in words."""

    def to_dict(self) -> dict[str, Any]:
        """For dataset.json."""
        value: dict[str, Any] = {"reason": self.reason, "exclude": sorted(self.exclude)}
        value["relabel"] = {str(row): label for row, label in sorted(self.relabel.items())}
        if self.classes:
            value["classes"] = list(self.classes)
        if self.balance:
            value["balance"] = {"seed": self.seed}
        if self.split is not None:
            value["split"] = {"valid": self.split.valid, "test": self.split.test, "seed": self.split.seed}
        return value


def derive_dataset(
    dataset: Dataset,
    target: Path,
    derivation: Derivation,
    *,
    replace: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> DatasetInfo:
    """Write a derived data set; its dataset.json records parent, fingerprint and operation.

    Raises:
        DataError: a row or class that is not there, relabelling where votes decide, or nothing left.
    """
    samples, classes = _apply(dataset, derivation)
    if samples.empty:
        raise DataError("nothing is left after excluding; keep some images")
    history = (
        *dataset.info.history,
        {
            "parent": dataset.name,
            "fingerprint": dataset.info.fingerprint,
            "operation": derivation.to_dict(),
        },
    )
    rows = samples.index.to_numpy()
    return write_stream(
        target,
        _iterate(dataset, rows, on_progress),
        shape=dataset.images.shape[1:],
        describe={
            "importer": "derive",
            "source": dataset.name,
            "licence": dataset.info.licence,
            "history": history,
        },
        classes=classes,
        replace=replace,
        expected_images=len(rows),
        complete_samples=lambda _: samples.reset_index(drop=True),
    )


def _iterate(
    dataset: Dataset, rows: npt.NDArray[np.int64], on_progress: Callable[[int, int], None] | None
) -> Iterator[tuple[UInt8Array, Mapping[str, Any]]]:
    for done, row in enumerate(rows.tolist(), start=1):
        yield dataset.images[row], {"row": row}
        if on_progress is not None and (done % 500 == 0 or done == len(rows)):
            on_progress(done, len(rows))


def _apply(dataset: Dataset, derivation: Derivation) -> tuple[pd.DataFrame, tuple[str, ...]]:
    _check_rows(dataset, [*derivation.exclude, *derivation.relabel])
    samples = dataset.samples.copy()
    classes = dataset.info.classes
    has_votes = dataset.info.has_votes
    if has_votes and (derivation.relabel or derivation.classes or derivation.balance):
        raise DataError(
            f"the targets of {dataset.name!r} come from annotators' votes, which relabelling, choosing "
            "classes and balancing can't change; exclude images, or import the data set without votes"
        )
    for row, label in derivation.relabel.items():
        name = label if label in classes else canonical_emotion(label)
        if name not in classes:
            raise DataError(f"row {row}: {name} is none of the classes {', '.join(classes)}")
        samples.loc[row, "label"] = name
    samples = samples.drop(index=sorted(derivation.exclude))
    if derivation.classes:
        strangers = set(derivation.classes) - set(classes)
        if strangers:
            raise DataError(f"{', '.join(sorted(strangers))} is none of the classes {', '.join(classes)}")
        samples = samples[samples["label"].isin(derivation.classes)]
        classes = tuple(name for name in classes if name in derivation.classes)
    if derivation.split is not None:
        groups = samples["group"].to_numpy(object) if "group" in samples else None
        empty = np.full(len(samples), "", object)
        divided = assign_splits(samples["label"].to_numpy(object), empty, derivation.split, groups=groups)
        samples = samples.assign(split=divided)
    if derivation.balance:
        samples = _balance(samples, derivation.seed)
    return samples, classes


def _balance(samples: pd.DataFrame, seed: int) -> pd.DataFrame:
    train = samples[samples["split"] == "train"]
    smallest = train["label"].value_counts().min()
    rng = np.random.default_rng(seed)
    kept = [rng.choice(part.index, int(smallest), replace=False) for _, part in train.groupby("label")]
    others = samples.index[samples["split"] != "train"]
    return samples.loc[np.sort(np.concatenate([*kept, others]))]


def _check_rows(dataset: Dataset, rows: Iterable[int]) -> None:
    wrong = [row for row in rows if not 0 <= row < len(dataset.samples)]
    if wrong:
        raise DataError(
            f"row {wrong[0]} is not in {dataset.name!r}; it has rows 0 to {len(dataset.samples) - 1}"
        )
