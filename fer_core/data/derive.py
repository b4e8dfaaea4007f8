"""New data sets from old: exclude, relabel, choose classes, balance, divide anew; with their history."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.duplicates import compute_marks
from fer_core.data.image_writer import StreamItem, write_stream
from fer_core.data.label_quality import name_classes
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import VOTE_COLUMNS, VOTE_PREFIX, Dataset, DatasetInfo
from fer_core.errors import DataError
from fer_core.labels import canonical_emotion

RELABEL_VOTES: Final[int] = 10
"""As many annotators as each FER+ image had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What changes."""

    exclude: frozenset[int] = frozenset()
    """Rows to leave out."""
    relabel: Mapping[int, str] = field(default_factory=dict)
    """Row -> new label. Where annotators' votes are known the decision overrides them: the row becomes
    unanimous, with as many votes as it had and at least `RELABEL_VOTES`, so that every label mode gives this
    class. The parent keeps the annotators' own votes."""
    classes: tuple[str, ...] = ()
    """Classes to keep; all if empty. With votes, images that show a class left out are dropped, and its votes
    count no longer (`fer_core.data.ferplus.compute_distributions`)."""
    balance: bool = False
    """Keep as many training images of every class as the rarest has. With votes the class is the FER+
    majority, and training images without one are left out."""
    split: SplitPlan | None = None
    """Divide all anew: classes in equal shares, exact copies (or, where they are known, people) never in two
    splits. The parent keeps its own splits."""
    split_by: str = "group"
    """Column that says who or which clip is on an image, for dividing; it becomes the new set's `group`.
    Empty, or where there is no such column, only exact copies are kept together."""
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
            if self.split_by != "group":
                value["split"]["by"] = self.split_by
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
            "terms": dataset.info.terms,
            "history": history,
            "sound": dataset.info.sound,
        },
        classes=classes,
        replace=replace,
        expected_images=len(rows),
        complete_samples=lambda _: samples.reset_index(drop=True),
    )


def check_derivation(info: DatasetInfo, derivation: Derivation) -> tuple[tuple[str, ...], dict[int, str]]:
    """Check a derivation against the description of a data set; its images are not needed.

    Returns:
        The classes to keep, in order, and the new labels by row in their canonical spelling.

    Raises:
        DataError: a row or a class is not there.
    """
    wrong = [row for row in (*derivation.exclude, *derivation.relabel) if not 0 <= row < info.num_images]
    if wrong:
        raise DataError(f"row {wrong[0]} is not in {info.name!r}; it has rows 0 to {info.num_images - 1}")
    strangers = set(derivation.classes) - set(info.classes)
    if strangers:
        raise DataError(f"{', '.join(sorted(strangers))} is none of the classes {', '.join(info.classes)}")
    classes = tuple(name for name in info.classes if name in (derivation.classes or info.classes))
    labels = {}
    for row, label in derivation.relabel.items():
        labels[row] = label if label in classes else canonical_emotion(label, info.kind)
        if labels[row] not in classes:
            raise DataError(f"row {row}: {labels[row]} is none of the classes {', '.join(classes)}")
    return classes, labels


def _iterate(
    dataset: Dataset, rows: npt.NDArray[np.int64], on_progress: Callable[[int, int], None] | None
) -> Iterator[StreamItem]:
    for done, row in enumerate(rows.tolist(), start=1):
        clip = None if dataset.clips is None else dataset.clips[row]
        yield StreamItem(dataset.images[row], {"row": row}, clip)
        if on_progress is not None and (done % 500 == 0 or done == len(rows)):
            on_progress(done, len(rows))


def _apply(dataset: Dataset, derivation: Derivation) -> tuple[pd.DataFrame, tuple[str, ...]]:
    classes, labels = check_derivation(dataset.info, derivation)
    samples = dataset.samples.copy()
    for row, label in labels.items():
        _relabel(samples, row, label)
    # Votes that were overridden count as such from here on.
    changed = replace(dataset, info=replace(dataset.info, classes=classes), samples=samples)
    shown = pd.Series(name_classes(changed), index=samples.index)
    samples = samples.drop(index=sorted(derivation.exclude))
    left_out = [name for name in dataset.info.classes if name not in classes]
    if left_out:
        samples = samples[~_shows_any(samples, left_out)]
    if derivation.split is not None:
        strata = shown[samples.index].to_numpy(object)
        if derivation.split_by in samples:
            samples = samples.assign(group=samples[derivation.split_by])
        elif not derivation.split_by:
            samples = samples.drop(columns="group", errors="ignore")
        samples = samples.assign(split=_divide(dataset, samples, strata, derivation.split))
    if derivation.balance:
        samples = _balance(samples, shown[samples.index], derivation.seed)
    return samples, classes


def _divide(
    dataset: Dataset, samples: pd.DataFrame, strata: npt.NDArray[np.object_], plan: SplitPlan
) -> npt.NDArray[np.object_]:
    """Split of each sample: people stay together where they are known, else exact copies do."""
    empty = np.full(len(samples), "", object)
    if "group" in samples:
        return assign_splits(strata, empty, plan, groups=samples["group"].to_numpy(object))
    rows = samples.index.to_numpy()
    digests = compute_marks(dataset.images).digests[rows]
    _, firsts, copy_of = np.unique(digests, return_index=True, return_inverse=True)
    # In the order of the rows, or the division would depend on the digests' order.
    order = np.argsort(firsts)
    splits = np.empty(len(firsts), object)
    splits[order] = assign_splits(strata[firsts[order]], empty[: len(firsts)], plan)
    divided: npt.NDArray[np.object_] = splits[copy_of]
    return divided


def _relabel(samples: pd.DataFrame, row: int, name: str) -> None:
    samples.loc[row, "label"] = name
    if VOTE_COLUMNS[0] in samples:
        num_votes = max(RELABEL_VOTES, int(samples[list(VOTE_COLUMNS)].to_numpy()[row].sum()))
        samples.loc[row, list(VOTE_COLUMNS)] = 0
        samples.loc[row, VOTE_PREFIX + name] = num_votes


def _shows_any(samples: pd.DataFrame, names: list[str]) -> "pd.Series[bool]":
    """Whether a row shows one of these classes: by its label, or no column has more votes."""
    if VOTE_COLUMNS[0] not in samples:
        return samples["label"].isin(names)
    votes = samples[list(VOTE_COLUMNS)]
    most = votes.max(axis=1)
    return (votes[[VOTE_PREFIX + name for name in names]].max(axis=1) >= most) & (most > 0)


def _balance(samples: pd.DataFrame, shown: pd.Series, seed: int) -> pd.DataFrame:
    train = shown[(samples["split"] == "train") & (shown != "")]
    if train.empty:
        raise DataError("there is no training image with a class to balance; check the splits")
    smallest = train.value_counts().min()
    rng = np.random.default_rng(seed)
    kept = [rng.choice(part.index, int(smallest), replace=False) for _, part in train.groupby(train)]
    others = samples.index[samples["split"] != "train"]
    return samples.loc[np.sort(np.concatenate([*kept, others]))]
