"""What the galleries of the audit show: images that need a decision, one at a time or side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from fer_core.data.flaws import Flaws
from fer_core.data.suspected_labels import Suspect

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Kind = Literal["copies", "near", "blank", "errors", "disagreement", "flow"]
TITLES: Final[dict[Kind, str]] = {
    "copies": ":material/content_copy: Exact copies",
    "near": ":material/compare: Near copies",
    "blank": ":material/hide_image: Blank images",
    "errors": ":material/label_off: Doubtful labels",
    "disagreement": ":material/groups: Annotators disagree",
    "flow": ":material/account_tree: Label flow",
}
REASONS: Final[dict[Kind, str]] = {
    "copies": "exact copy",
    "near": "near copy",
    "blank": "blank",
    "errors": "label error",
    "disagreement": "disagreement",
}
"""What a decision made in a gallery is recorded to be about."""

Which = Literal["all", "across splits", "within one split", "labels differ"]
WHICH: Final[tuple[Which, ...]] = ("all", "across splits", "within one split", "labels differ")


@dataclass(frozen=True, slots=True)
class Case:
    """One or more images that are judged together."""

    rows: tuple[int, ...]
    note: str
    """Why they are shown, as plain text."""
    suggestion: str = ""
    """What label they might rather have."""


def build_copies(
    flaws: Flaws, splits: "npt.NDArray[np.object_]", classes: "npt.NDArray[np.object_]", which: Which
) -> list[Case]:
    """Groups of equal images, those across splits first."""
    groups = [group for group in flaws.duplicates.groups if _matches(group, splits, classes, which)]
    groups.sort(key=lambda group: (len(set(splits[list(group)])) == 1, group))
    return [Case(group, _describe(group, splits, classes, "equal")) for group in groups]


def build_near(
    flaws: Flaws, splits: "npt.NDArray[np.object_]", classes: "npt.NDArray[np.object_]", which: Which
) -> list[Case]:
    """Pairs that look the same, the most similar first."""
    found = flaws.duplicates
    order = (-found.near_correlation).argsort(kind="stable")
    cases = []
    for place in order.tolist():
        first, second = found.near_pairs[place].tolist()
        if _matches((first, second), splits, classes, which):
            alike = f"{100 * found.near_correlation[place]:.1f} % similar"
            cases.append(Case((first, second), _describe((first, second), splits, classes, alike)))
    return cases


def build_blank(flaws: Flaws) -> list[Case]:
    """Blank images, one per case."""
    constant = set(flaws.constant.tolist())
    return [
        Case((row,), "one value throughout" if row in constant else "only shading")
        for row in flaws.blank.tolist()
    ]


def build_errors(suspects: Sequence[Suspect], finder: str = "") -> list[Case]:
    """Suspected labels in their order, every image once; `finder` narrows to what one suspects."""
    cases: dict[int, Case] = {}
    for item in suspects:
        if finder and item.finder != finder:
            continue
        note = item.source if item.confidence is None else item.source.removeprefix(f"{item.finder}: ")
        known = cases.get(item.row)
        if known is None:
            cases[item.row] = Case((item.row,), note, item.suggestion)
        else:
            cases[item.row] = Case(known.rows, known.note, known.suggestion or item.suggestion)
    return list(cases.values())


def build_disagreement(
    entropy: "npt.NDArray[np.float64]", splits: "npt.NDArray[np.object_]", split: str, *, above: float
) -> list[Case]:
    """Images whose votes have an entropy of at least `above` bits, the most disputed first."""
    import numpy as np

    wanted = np.nan_to_num(entropy, nan=-1.0) >= above
    if split != "all":
        wanted &= splits == split
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(-entropy[rows], kind="stable")]
    return [Case((row,), f"disagreement {entropy[row]:.2f} bits") for row in rows.tolist()]


def find_training_side(cases: Sequence[Case], splits: "npt.NDArray[np.object_]") -> list[int]:
    """Of each pair across splits the training image, so that what models are scored on stays as it is."""
    rank = {"train": 0, "valid": 1, "test": 2}
    dropped = set()
    for case in cases:
        if len(set(splits[list(case.rows)])) > 1:
            dropped.add(min(case.rows, key=lambda row: (rank[str(splits[row])], row)))
    return sorted(dropped)


def _matches(
    rows: Sequence[int],
    splits: "npt.NDArray[np.object_]",
    classes: "npt.NDArray[np.object_]",
    which: Which,
) -> bool:
    num_splits, num_classes = len(set(splits[list(rows)])), len(set(classes[list(rows)]))
    return {
        "all": True,
        "across splits": num_splits > 1,
        "within one split": num_splits == 1,
        "labels differ": num_classes > 1,
    }[which]


def _describe(
    rows: Sequence[int], splits: "npt.NDArray[np.object_]", classes: "npt.NDArray[np.object_]", alike: str
) -> str:
    words = [alike if alike != "equal" else f"{len(rows)} equal images"]
    if len(set(splits[list(rows)])) > 1:
        words.append("across splits")
    if len(set(classes[list(rows)])) > 1:
        words.append("labels differ")
    return ", ".join(words)
