"""Copies and blank images of a data set, looked for once and kept by its fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.data.duplicates import (
    Duplicates,
    Int64Array,
    Progress,
    compute_marks,
    find_duplicates,
)
from fer_core.data.label_quality import compute_vote_entropy
from fer_core.data.store import Dataset
from fer_core.data.table_files import ARRAY_DAMAGE
from fer_core.io import atomic_path
from fer_core.workspace import Workspace

_VERSION: Final[int] = 1
"""Raised when what is looked for changes: older files are then not read."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong with the pixels of a data set."""

    duplicates: Duplicates
    blank: Int64Array
    """Rows that show nothing but smooth shading, ascending; the constant ones are among them."""
    constant: Int64Array
    """Rows whose pixels all have one value, ascending."""


def flaws_path(dataset: Dataset, workspace: Workspace) -> Path:
    """Where the flaws of this content are kept; it goes by content, so derived or renamed sets do not mix."""
    return workspace.root / "cache" / "flaws" / f"{dataset.info.fingerprint[:32]}-v{_VERSION}.npz"


def load_flaws(dataset: Dataset, workspace: Workspace) -> Flaws | None:
    """What was found before; None if nobody looked yet, or the file is of no use."""
    try:
        with np.load(flaws_path(dataset, workspace), allow_pickle=False) as file:
            rows, ends = file["group_rows"].tolist(), file["group_ends"].tolist()
            groups = tuple(
                tuple(rows[start:end])
                for start, end in zip([0, *ends][:-1], ends, strict=True)
                if end > start
            )
            duplicates = Duplicates(groups, file["near_pairs"], file["near_correlation"])
            return Flaws(duplicates, file["blank"], file["constant"])
    except ARRAY_DAMAGE:
        return None  # a cache: it is rebuilt


def find_flaws(dataset: Dataset, workspace: Workspace, on_progress: Progress | None = None) -> Flaws:
    """Look for copies and blank images, or return what was found before.

    Args:
        dataset: what to look at.
        workspace: where the result is kept.
        on_progress: called with (steps done, steps in all); an image is two steps.
    """
    known = load_flaws(dataset, workspace)
    if known is not None:
        return known
    count = len(dataset.images)
    report = on_progress or (lambda done, total: None)
    marks = compute_marks(dataset.images, lambda done, total: report(done, 2 * count))
    duplicates = find_duplicates(
        dataset.images,
        marks=marks,
        on_progress=lambda done, total: report(count + round(count * done / total), 2 * count),
    )
    flaws = Flaws(duplicates, np.flatnonzero(marks.is_blank), np.flatnonzero(marks.is_constant))
    _save(flaws, flaws_path(dataset, workspace))
    return flaws


def summarise_quality(dataset: Dataset, flaws: Flaws) -> Mapping[str, Any]:
    """Counts that `fer datasets quality` prints."""
    duplicates = flaws.duplicates
    splits = dataset.samples["split"].to_numpy(object)
    near = splits[duplicates.near_pairs] if len(duplicates.near_pairs) else np.empty((0, 2), object)
    summary: dict[str, Any] = {
        "num_images": len(dataset.images),
        "exact_groups": len(duplicates.groups),
        "exact_repeats": duplicates.num_repeats,
        "near_pairs": len(duplicates.near_pairs),
        "near_pairs_across_splits": int((near[:, 0] != near[:, 1]).sum()),
        "constant_rows": flaws.constant.tolist(),
        "blank_rows": flaws.blank.tolist(),
    }
    for split in dataset.info.split_counts:
        if split != "train":
            summary[f"{split}_copies_of_train"] = duplicates.count_cross_split(splits, split)
    if dataset.info.has_votes:
        entropy = compute_vote_entropy(dataset.votes)
        summary["mean_vote_entropy_bits"] = float(np.nanmean(entropy)) if np.isfinite(entropy).any() else None
    return summary


def _save(flaws: Flaws, path: Path) -> None:
    groups = flaws.duplicates.groups
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            group_rows=np.array([row for group in groups for row in group], np.int64),
            group_ends=np.cumsum([len(group) for group in groups], dtype=np.int64),
            near_pairs=flaws.duplicates.near_pairs,
            near_correlation=flaws.duplicates.near_correlation,
            blank=flaws.blank,
            constant=flaws.constant,
        )
