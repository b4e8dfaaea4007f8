"""Dividing samples into train, valid and test: stratified, seeded, by group; existing splits stay."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.data.store import SPLITS
from fer_core.errors import ConfigError

StringArray = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """Shares of the samples that have no split yet."""

    valid: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.valid < 1 and 0 <= self.test < 1 and self.valid + self.test < 1):
            raise ConfigError(
                f"valid {self.valid} and test {self.test}; expected shares that leave some to train"
            )


def assign_splits(
    labels: StringArray, splits: StringArray, plan: SplitPlan, *, groups: StringArray | None = None
) -> StringArray:
    """Give a split to every sample whose split is empty.

    Every class is divided in the same shares (rounded); with groups, whole groups are dealt out, the largest
    first, each to the split that lacks most, as long as there are enough for all.
    A group that lies in a split already goes on in it.

    Args:
        labels: class of each sample, N.
        splits: `train`, `valid`, `test` or empty, N.
        plan: shares and seed; the result is a function of both and of the order of the samples.
        groups: who is on each sample, N; empty where unknown (such a sample is a group of its own).

    Returns:
        N splits, those that were there unchanged.
    """
    result = splits.astype(object).copy()
    free = np.flatnonzero(splits == "")
    if len(free) == 0:
        return result
    rng = np.random.default_rng(plan.seed)
    if groups is not None:
        _deal_groups(result, free, groups, plan, rng)
        return result
    for name in sorted(set(labels[free])):
        members = rng.permutation(free[labels[free] == name])
        ends = np.rint(np.cumsum([plan.test, plan.valid]) * len(members)).astype(int)
        result[members[: ends[0]]] = "test"
        result[members[ends[0] : ends[1]]] = "valid"
        result[members[ends[1] :]] = "train"
    return result


def _deal_groups(
    result: StringArray,
    free: npt.NDArray[np.int64],
    groups: StringArray,
    plan: SplitPlan,
    rng: np.random.Generator,
) -> None:
    known = {str(groups[row]): str(result[row]) for row in np.flatnonzero(result != "") if groups[row]}
    members: dict[str, list[int]] = {}
    for row in free.tolist():
        members.setdefault(str(groups[row]) or f"\0{row}", []).append(row)
    order = [list(members)[index] for index in rng.permutation(len(members))]
    order.sort(key=lambda name: -len(members[name]))
    shares = {"train": 1 - plan.valid - plan.test, "valid": plan.valid, "test": plan.test}
    lacking = {split: shares[split] * len(free) for split in SPLITS}
    for place, name in enumerate(order):
        empty = [split for split in SPLITS if shares[split] and not (result == split).any()]
        choice = empty if len(empty) >= len(order) - place else SPLITS  # few groups: none stays without
        split = known.get(name) or max(choice, key=lacking.__getitem__)
        result[members[name]] = split
        lacking[split] -= len(members[name])
