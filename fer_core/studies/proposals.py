"""Proposals of who is who: faces (tracks) that could be one person, and such as could be two.

The user decides.
"""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from fer_core.errors import StudyError
from fer_core.studies.faces import list_done, load_faces
from fer_core.studies.looks import (
    WEIGHTS,
    Look,
    average,
    choose_moments,
    describe,
    measure_distance,
    take_looks,
)
from fer_core.studies.persons import Face, divide, list_parts
from fer_core.studies.study import Study
from fer_core.studies.tables import list_rows
from fer_core.types import Float32Array, UInt8Array

if TYPE_CHECKING:
    import pandas as pd

SAME: Final[float] = 0.35
"""Distance up to which two groups of faces are proposed as one person."""
OTHER: Final[float] = 0.45
"""Distance between what comes before and after a moment from which a face is proposed as two persons."""
MAX_FACES: Final[int] = 60
"""Of a recording, the longest seen ones."""
_COLUMNS: Final[tuple[str, ...]] = (
    *("frame", "time_s", "track_id", "x", "y", "width", "height", "roll", "yaw", "score"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Faces that could be one person (`same`), or the two parts of a face that could be two (`other`)."""

    kind: Literal["same", "other"]
    faces: tuple[Face, ...]
    distance: float
    """How different they look, from 0 to about 1."""
    person: str = ""
    """The name that one of them has already."""


@dataclass(slots=True)
class KnownFace:
    """A face that is compared."""

    face: Face
    frames: set[int]
    """In which it is seen."""
    looks: list[Look]
    """In the order of time."""
    person: str = ""
    """Its name; empty if it has none."""


def group_recordings(study: Study, recordings: Sequence[str] = ()) -> list[list[str]]:
    """The recordings that are done, those of one participant together, the others alone.

    Args:
        study: of which.
        recordings: only groups with one of these; all if not given.

    Raises:
        StudyError: nothing of it is done yet, or one of these is not, or is unknown.
    """
    study.check_recordings(recordings)
    done = list_done(study)
    groups: dict[str, list[str]] = {}
    for row in list_rows(done):
        groups.setdefault(row["participant"] or f"\0{row['recording']}", []).append(row["recording"])
    found = [group for group in groups.values() if not recordings or set(recordings) & set(group)]
    if missing := set(recordings) - {recording for group in found for recording in group}:
        raise StudyError(f"{min(missing)} has no result yet: fer study status {study.name} says why")
    if not found:
        raise StudyError(f"nothing is done yet; run it first: fer study run {study.name}")
    return found


def propose(
    study: Study,
    recordings: Sequence[str],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Proposal]:
    """Who could be who in some recordings, such as all of a participant.

    Faces that are seen at the same time, or have different names, are not one person.

    Args:
        study: of which.
        recordings: that have results.
        on_progress: called with the number of recordings looked at, and of all.

    Raises:
        StudyError: a recording is unknown or has no result.
        MediaError: one can't be opened any more.
    """
    paths = {row["recording"]: row["path"] for row in list_rows(study.load_recordings())}
    known: list[KnownFace] = []
    study.check_recordings(recordings)
    for number, recording in enumerate(recordings):
        known += look_at(study, recording, paths[recording])
        if on_progress is not None:
            on_progress(number + 1, len(recordings))
    return compare(known)


def compare(
    known: Sequence[KnownFace],
    weights: Mapping[str, float] = WEIGHTS,
    *,
    same: float = SAME,
    other: float = OTHER,
) -> list[Proposal]:
    """Proposals among some faces: whom to divide first, then whom to join, the surest first.

    Args:
        known: faces of one recording or several.
        weights: of the features.
        same: distance up to which groups of faces are joined.
        other: distance from which a face is divided.
    """
    splits = [found for item in known if (found := _propose_split(item, weights, other)) is not None]
    looks = [average(item.looks) for item in known]
    groups, distances = group_faces(
        looks, _find_strangers(known), [item.person for item in known], weights, same
    )
    merges = [
        Proposal(
            kind="same",
            faces=tuple(known[index].face for index in group),
            distance=distance,
            person=next((known[index].person for index in group if known[index].person), ""),
        )
        for group, distance in zip(groups, distances, strict=True)
        if len(group) > 1 and len({known[index].person or index for index in group}) > 1
    ]
    return [*splits, *sorted(merges, key=lambda item: item.distance)]


def look_at(
    study: Study,
    recording: str,
    path: str,
    describe: "Callable[[UInt8Array, pd.Series[Any]], Mapping[str, Float32Array]]" = describe,
) -> list[KnownFace]:
    """Look at the faces of a recording, or at their parts where they have been divided.

    Args:
        study: of which.
        recording: of which.
        path: of the recording, as in the table of recordings.
        describe: measures features.

    Raises:
        StudyError: there is no result, or it can't be read.
        MediaError: the recording can't be opened any more.
    """
    rows = load_faces(study, recording, _COLUMNS).dropna(subset=["track_id"])
    sizes = rows["track_id"].value_counts()
    chosen = sorted(sizes.index[:MAX_FACES])
    tracks = {int(track): rows[rows["track_id"] == track] for track in chosen}
    parts = list_parts(study, recording)
    pieces: dict[Face, pd.DataFrame] = {}
    names: dict[Face, str] = {}
    for track, seen in tracks.items():
        for start_s, name, piece in divide(seen, parts.get(track, ())):
            face = Face(recording, track, start_s)
            pieces[face], names[face] = piece, name
    faces = list(pieces)
    moments = {index: choose_moments(pieces[face]) for index, face in enumerate(faces)}
    looks = take_looks(study.locate(path), moments, describe)
    return [
        KnownFace(face, set(pieces[face]["frame"]), looks[index], names[face])
        for index, face in enumerate(faces)
    ]


def _find_strangers(known: Sequence[KnownFace]) -> set[tuple[int, int]]:
    """Pairs that can't be one person: seen at the same time, or named differently."""
    return {
        (one, other)
        for one, other in itertools.combinations(range(len(known)), 2)
        if (
            known[one].face.recording == known[other].face.recording
            and known[one].frames & known[other].frames
        )
        or (known[one].person and known[other].person and known[one].person != known[other].person)
    }


def group_faces(
    looks: Sequence[Mapping[str, Float32Array]],
    strangers: Collection[tuple[int, int]],
    persons: Sequence[str],
    weights: Mapping[str, float] = WEIGHTS,
    same: float = SAME,
) -> tuple[list[list[int]], list[float]]:
    """Join the most alike faces, then groups by the mean of their distances, as long as these are small.

    Args:
        looks: features of each face.
        strangers: pairs of faces that are different persons.
        persons: names; who has the same is one from the beginning.
        weights: of the features.
        same: distance up to which groups are joined.

    Returns:
        Groups of indices, and the distance at which each was joined last.
    """
    number = len(looks)
    distances = np.full((number, number), np.inf)
    for one, other in itertools.combinations(range(number), 2):
        distances[one, other] = distances[other, one] = measure_distance(looks[one], looks[other], weights)
    for one, other in strangers:
        distances[one, other] = distances[other, one] = np.inf
    named: dict[str, list[int]] = {}
    for index, person in enumerate(persons):
        named.setdefault(person or f"\0{index}", []).append(index)
    groups, joined = list(named.values()), [0.0] * len(named)
    sums = np.array([[distances[np.ix_(one, other)].sum() for other in groups] for one in groups])
    np.fill_diagonal(sums, np.inf)
    while len(groups) > 1:
        sizes = np.array([len(group) for group in groups])
        means = sums / np.outer(sizes, sizes)
        first, second = divmod(int(means.argmin()), len(groups))
        if means[first, second] > same:
            break
        joined[first] = float(means[first, second])
        groups[first] += groups.pop(second)
        joined.pop(second)
        sums[first] += sums[second]
        sums[:, first] = sums[first]
        sums[first, first] = np.inf
        sums = np.delete(np.delete(sums, second, axis=0), second, axis=1)
    return [sorted(group) for group in groups], joined


def _propose_split(item: KnownFace, weights: Mapping[str, float], other: float) -> Proposal | None:
    """The moment from which a face looks like somebody else for good, if there is one."""
    looks = item.looks
    best: tuple[float, float] | None = None
    for index in range(2, len(looks) - 1):
        before, after = looks[:index], looks[index:]
        distance = measure_distance(average(before), average(after), weights)
        if best is None or distance > best[0]:
            best = distance, (before[-1].time_s + after[0].time_s) / 2
    if best is None or best[0] < other:
        return None
    parts = (item.face, item.face._replace(from_s=best[1]))
    return Proposal(kind="other", faces=parts, distance=best[0], person=item.person)
