"""One annotator at work: what a browser sends becomes votes, and what it is to show next."""

from collections.abc import Collection as AnyOf
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.collecting.collection import COLUMNS, Collection
from fer_core.collecting.labels import NO_FACE, UNSURE, Vote, Votes, check_vote, now
from fer_core.collecting.queues import Order, list_next
from fer_core.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

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
    faces = frozenset(map(str, collection.load_faces()["face"]))
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
    table = collection.load_faces()
    waiting = list_next(table["face"].to_list(), votes, annotator, order)
    skipped = frozenset(skip)
    window = [face for face in waiting if face not in skipped][:WINDOW]
    own = [vote for (_, who), vote in votes.items() if who == annotator]
    return {
        "total": len(table),
        "left": len(waiting),
        "queue": _describe(table, window),
        "last": max(own, key=lambda vote: vote.time).face if own else "",
        "unsure": UNSURE,
        "noFace": NO_FACE,
    }


def _describe(table: "pd.DataFrame", faces: Sequence[str]) -> list[dict[str, Any]]:
    if not faces:
        return []
    rows = table[table["face"].isin(faces)]
    columns = [name for name in table.columns if name not in COLUMNS]
    found = {}
    for row in rows[["face", "clip", "person", "time_s", "track_id", *columns]].to_dict("records"):
        ranked = sorted(
            ((name, row[name]) for name in columns if row[name] == row[name]), key=lambda item: -item[1]
        )
        is_clip = row["track_id"] == row["track_id"] and row["track_id"] is not None
        found[row["face"]] = {
            "face": row["face"],
            "clip": row["clip"],
            "person": "" if row["person"].startswith(row["clip"]) else row["person"],
            "time": f"{row['time_s']:.1f} s" if is_clip else "",
            "guess": [(name, round(float(share), 3)) for name, share in ranked[:_GUESSES]],
        }
    return [found[face] for face in faces]
