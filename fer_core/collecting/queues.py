"""Which face comes next, and how far annotators agree."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, Literal

from fer_core.collecting.labels import UNSURE, Vote, Votes

if TYPE_CHECKING:
    import pandas as pd

Order = Literal["mine", "anybody", "disagreements", "unsure"]
ORDERS: Final[dict[Order, str]] = {
    "mine": "What I have not labelled",
    "anybody": "What nobody has labelled",
    "disagreements": "Disagreements",
    "unsure": "What I was unsure of",
}
"""What is to be labelled, and how people say it."""


def list_next(faces: Sequence[str], votes: Votes, annotator: str, order: Order = "mine") -> list[str]:
    """The faces that an annotator is to label, in the order in which they come.

    A disagreement comes back to everybody who voted, once: what is said then stands.

    Args:
        faces: ids of all faces, in the collection's order.
        votes: those that count.
        annotator: who labels.
        order: what is to be labelled.
    """
    if order == "mine":
        return [face for face in faces if (face, annotator) not in votes]
    if order == "anybody":
        taken = {face for face, _ in votes}
        return [face for face in faces if face not in taken]
    own = {face: vote for (face, who), vote in votes.items() if who == annotator and not vote.again}
    if order == "unsure":
        return [face for face in faces if face in own and own[face].labels == (UNSURE,)]
    return [face for face in find_disagreements(faces, votes) if face in own]


def group_votes(votes: Votes) -> dict[str, list[Vote]]:
    """The votes that count, by face."""
    found: dict[str, list[Vote]] = {}
    for (face, _), vote in votes.items():
        found.setdefault(face, []).append(vote)
    return found


def find_disagreements(faces: Sequence[str], votes: Votes) -> list[str]:
    """The faces of which two annotators have no label in common; being unsure disagrees with nobody."""
    by_face = group_votes(votes)

    def differ(group: Iterable[Vote]) -> bool:
        said = [set(vote.labels) for vote in group if vote.labels != (UNSURE,)]
        return any(not (one & other) for one, other in combinations(said, 2))

    return [face for face in faces if differ(by_face.get(face, ()))]


def find_main_label(votes: Iterable[Vote]) -> str:
    """The label with the largest share of some votes on a face; empty if there is none, or two are level."""
    counts: Counter[str] = Counter()
    for vote in votes:
        for label in vote.labels:
            counts[label] += 1 / len(vote.labels)  # type: ignore[assignment]
    counts.pop(UNSURE, None)
    ranked = counts.most_common(2)
    if not ranked or (len(ranked) == 2 and math.isclose(ranked[0][1], ranked[1][1])):
        return ""
    return ranked[0][0]


def compare_annotators(votes: Votes) -> "pd.DataFrame":
    """Agreement of every two annotators, and of all: a row a pair, and one for all where there are three.

    A face counts for those who gave it a label; of several the first counts. Columns `first`, `second` (empty
    for all), `num_faces` that both labelled, `observed` (share of the same label), `kappa` (Cohen; empty for
    all), `alpha` (Krippendorff, nominal), `note` where one is not defined.
    """
    import pandas as pd

    from fer_core.studies.statistics.agreement import compute_alpha, compute_kappa

    by_annotator: dict[str, dict[str, str]] = {}
    for (face, who), vote in votes.items():
        if vote.labels != (UNSURE,):
            by_annotator.setdefault(who, {})[face] = vote.labels[0]
    names = sorted(by_annotator)
    faces = sorted({face for face, _ in votes})
    codes = {name: [by_annotator[name].get(face) for face in faces] for name in names}
    rows: list[Mapping[str, Any]] = []
    for first, second in combinations(names, 2):
        kappa, alpha = (
            compute_kappa(codes[first], codes[second]),
            compute_alpha([codes[first], codes[second]]),
        )
        facts = {"num_faces": kappa.num_units, "observed": kappa.observed, "kappa": kappa.value}
        rows.append(
            {
                "first": first,
                "second": second,
                **facts,
                "alpha": alpha.value,
                "note": kappa.reason or alpha.reason,
            }
        )
    if len(names) > 2:
        alpha = compute_alpha([codes[name] for name in names])
        facts = {"num_faces": alpha.num_units, "observed": alpha.observed, "kappa": math.nan}
        rows.append({"first": "all", "second": "", **facts, "alpha": alpha.value, "note": alpha.reason})
    columns = ["first", "second", "num_faces", "observed", "kappa", "alpha", "note"]
    return pd.DataFrame(rows, columns=columns)
