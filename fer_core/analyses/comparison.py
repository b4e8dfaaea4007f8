"""Comparing kept analyses: expressions side by side, and face by face where both are of the same files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fer_core.analyses.records import KeptAnalysis, describe_settings
from fer_core.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

SAME_FACE_IOU: Final[float] = 0.5
"""Boxes of two analyses that overlap at least so much show the same face (as PASCAL VOC counts)."""
_BOX: Final[tuple[str, ...]] = ("x", "y", "width", "height")
_SOURCE: Final[str] = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two analyses of the same files, face by face."""

    num_matched: int
    """Faces (of a video: on each frame) that both found."""
    num_same_label: int
    """Of these, how many have the same label in both."""
    num_only_first: int
    num_only_second: int
    changes: Mapping[tuple[str, str], int]
    """How many faces went from which label in the first to which in the second, most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisComparison:
    """Kept analyses beside each other."""

    analyses: tuple[KeptAnalysis, ...]
    mean_shares: "pd.DataFrame"
    """Mean probability of each class (rows) in each analysis (columns, by id); NaN where it is unknown."""
    label_shares: "pd.DataFrame"
    """In the same form, the share of faces with this label."""
    differences: Mapping[str, tuple[Any, ...]]
    """What was used differently: a setting's values, in the order of the analyses."""
    same_sources: bool
    """Whether all are of the same files."""
    agreement: Agreement | None
    """Face by face; only of two analyses that share a source."""


def compare_analyses(analyses: Sequence[KeptAnalysis]) -> AnalysisComparison:
    """Put kept analyses side by side.

    Raises:
        AnalysisError: fewer than two different ones were named, or one is damaged.
    """
    import pandas as pd

    if len({item.key for item in analyses}) < max(2, len(analyses)):
        raise AnalysisError("name two or more different analyses to compare")
    records = [item.facts for item in analyses]
    classes = list(dict.fromkeys(name for record in records for name in record.classes))
    means, labels = {}, {}
    for item, record in zip(analyses, records, strict=True):
        known = [name for name in classes if name in record.classes]
        means[item.key] = pd.Series(record.mean_shares, index=known, dtype=float)
        counts = pd.Series(record.labels, index=known, dtype=float).fillna(0)
        labels[item.key] = counts / record.num_rows if record.num_rows else counts * float("nan")
    used = [describe_settings(record) for record in records]
    names = dict.fromkeys(name for one in used for name in one)
    values = {name: tuple(one.get(name) for one in used) for name in names}
    hashes = [{source.sha256 for source in record.sources} for record in records]
    return AnalysisComparison(
        analyses=tuple(analyses),
        mean_shares=pd.DataFrame(means, index=classes),
        label_shares=pd.DataFrame(labels, index=classes),
        differences={name: each for name, each in values.items() if len(set(map(str, each))) > 1},
        same_sources=all(each == hashes[0] for each in hashes),
        agreement=_match(*analyses) if len(analyses) == 2 and hashes[0] & hashes[1] else None,
    )


def _match(first: KeptAnalysis, second: KeptAnalysis) -> Agreement:
    tables = [_list_boxes(first), _list_boxes(second)]
    shared = {source.sha256 for source in first.facts.sources}
    shared &= {source.sha256 for source in second.facts.sources}
    left, right = (table[table[_SOURCE].isin(shared)] for table in tables)
    pairs = left.merge(right, on=[_SOURCE, "frame"], suffixes=("_1", "_2"))
    pairs = pairs.assign(iou=_compute_iou(pairs))
    pairs = pairs[pairs["iou"] >= SAME_FACE_IOU].sort_values("iou", ascending=False, kind="stable")
    # The best partner of each; who is not the best of its own best has none.
    best = pairs.drop_duplicates("row_1")
    mutual = best[best.index.isin(pairs.drop_duplicates("row_2").index)]
    changes = Counter(
        (str(old), str(new))
        for old, new in zip(mutual["label_1"], mutual["label_2"], strict=True)
        if old != new
    )
    return Agreement(
        num_matched=len(mutual),
        num_same_label=len(mutual) - changes.total(),
        num_only_first=len(left) - len(mutual),
        num_only_second=len(right) - len(mutual),
        changes=dict(changes.most_common()),
    )


def _list_boxes(analysis: KeptAnalysis) -> "pd.DataFrame":
    """Faces with the checksum of their file, their frame (0 on a picture) and a number of their own."""
    table = analysis.load_table()
    faces = table[table["num_faces"] > 0]
    sources = analysis.facts.sources
    files = {source.name: source.sha256 for source in sources}
    sha256 = faces["source"].map(files) if "source" in faces else sources[0].sha256  # a video is alone
    boxes = faces[[*_BOX, "label"]].astype(dict.fromkeys(_BOX, float))
    frame = faces["frame"].astype(int) if "frame" in faces else 0
    return boxes.assign(sha256=sha256, frame=frame, row=range(len(faces)))


def _compute_iou(pairs: "pd.DataFrame") -> "npt.NDArray[np.float64]":
    """Intersection over union of two boxes each, 0 to 1."""
    import numpy as np

    first, second = (pairs[[f"{name}_{side}" for name in _BOX]].to_numpy(float).T for side in (1, 2))
    starts = np.maximum(first[:2], second[:2])
    ends = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    common = (ends - starts).clip(min=0).prod(axis=0)
    union = first[2:].prod(axis=0) + second[2:].prod(axis=0) - common
    iou: npt.NDArray[np.float64] = common / np.where(union > 0, union, 1.0)
    return iou
