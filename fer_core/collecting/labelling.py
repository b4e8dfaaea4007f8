"""One annotator at work: what a browser sends becomes votes, and what it is to show next."""

from collections.abc import Collection as AnyOf
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer_core.collecting.collection import COLUMNS, TABLE_FILE, Collection, load_table
from fer_core.collecting.labels import NO_FACE, UNSURE, Vote, Votes, check_vote, now
from fer_core.collecting.queues import Order, list_next
from fer_core.errors import ConfigError
from fer_core.runs.cache import read_cached

WINDOW: Final[int] = 24
"""Faces that a browser knows of before they are needed."""
_MAX_SENT: Final[int] = 500
_GUESSES: Final[int] = 3


def read_votes(collection: Collection, sent: object, *, annotator: str = "") -> list[Vote]:
    """The votes in what a browser sent.

    Args:
        collection: which they are about.
        sent: a list of mappings with `id`, `face`, `labels`, `annotator` and `order`.
        annotator: who is logged in, whose name then stands in place of the one that was sent.

    Raises:
        ConfigError: a vote is not as expected.
    """
    if not isinstance(sent, list) or len(sent) > _MAX_SENT:
        raise ConfigError(f"expected a list of at most {_MAX_SENT} labels; reload the page")
    faces = list_faces(collection)
    votes = []
    for item in sent:
        labels = item.get("labels") if isinstance(item, Mapping) else None
        if not isinstance(labels, list) or len(labels) > len(collection.classes):
            raise ConfigError(f"{str(item)[:80]!r} is no label; reload the page")
        vote = Vote(
            id=str(item.get("id")),
            face=str(item.get("face")),
            annotator=annotator or str(item.get("annotator")),
            labels=tuple(map(str, labels)),
            time=now(),
            again=item.get("order") == "disagreements",
        )
        votes.append(check_vote(collection, faces, vote))
    return votes


def describe_next(
    collection: Collection, votes: Votes, annotator: str, order: Order = "mine", skip: AnyOf[str] = ()
) -> dict[str, Any]:
    """What a browser is told of the faces that an annotator is to label.

    Args:
        collection: of which.
        votes: those that count.
        annotator: who labels.
        order: what is to be labelled.
        skip: faces that are not wanted now.

    Returns:
        `total` (faces) and `left` (to label), `queue` (the next `WINDOW`, with `face`, `clip`, `person`,
        `time` and `guess`), `last` (the face that was labelled last; empty if none), and the words for
        `unsure` and `noFace`.
    """
    index = _open_index(collection)
    waiting = list_next(index.faces, votes, annotator, order)
    skipped = frozenset(skip)
    window = [face for face in waiting if face not in skipped][:WINDOW]
    own = [vote for (_, who), vote in votes.items() if who == annotator]
    return {
        "total": len(index.faces),
        "left": len(waiting),
        "queue": [index.facts[face] for face in window],
        "last": max(own, key=lambda vote: vote.time).face if own else "",
        "unsure": UNSURE,
        "noFace": NO_FACE,
    }


@dataclass(frozen=True, slots=True)
class _Index:
    """What a key needs of the table of faces, made once as long as the table stays as it is."""

    faces: Sequence[str]
    facts: Mapping[str, Mapping[str, Any]]


def _read_index(path: Path) -> _Index:
    table = load_table(path)
    columns = [name for name in table.columns if name not in COLUMNS]
    facts = {
        row["face"]: _describe(row, columns)
        for row in table[["face", "clip", "person", "time_s", "track_id", *columns]].to_dict("records")
    }
    return _Index(list(facts), facts)


def _describe(row: Mapping[Any, Any], columns: Sequence[str]) -> dict[str, Any]:
    known = [(name, round(float(row[name]), 3)) for name in columns if row[name] == row[name]]
    is_clip = row["track_id"] is not None and row["track_id"] == row["track_id"]
    return {
        "face": row["face"],
        "clip": row["clip"],
        "person": "" if row["person"].startswith(row["clip"]) else row["person"],
        "time": f"{row['time_s']:.1f} s" if is_clip else "",
        "guess": sorted(known, key=lambda item: -item[1])[:_GUESSES],
    }


def _open_index(collection: Collection) -> _Index:
    return read_cached(collection.folder / TABLE_FILE, _read_index) or _Index([], {})


def list_faces(collection: Collection) -> AnyOf[str]:
    """The ids of all faces, quickly.

    Raises:
        CollectionError: the table is damaged.
    """
    return _open_index(collection).facts.keys()
