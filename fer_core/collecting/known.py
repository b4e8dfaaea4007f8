"""Which candidates a collection has already, and what the clips and people of the others are called.

Names are decided against the table of faces, under the collection's lock: a call that made them up by itself
would give different clips and people one name, or one of them two.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from fer_core.collecting.candidates import Candidate, Source
from fer_core.inference.tracker import compute_iou
from fer_core.types import FaceBox

if TYPE_CHECKING:
    import pandas as pd

_BOX: Final[tuple[str, ...]] = ("x", "y", "width", "height", "score")
_MIN_IOU: Final[float] = 0.5
"""Boxes of one picture that overlap so much are of one face. They differ a little from call to call, for what
was tracked before, and how, differs."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a new face is filed under."""

    clip: str
    person: str


def name_new(faces: "pd.DataFrame", found: Sequence[Candidate]) -> list[Names | None]:
    """Tell new faces from those that are there, and name their clips and people.

    A source that is there keeps the name of its clip. Another one of that name is called by its long name,
    or gets a number. A face without a name is the person whose faces it coincides with; else one that nobody
    in the collection is yet.

    Args:
        faces: those of the collection (`Collection.load_faces`).
        found: candidates.

    Returns:
        Of each candidate its names; None for one that is in the collection already.
    """
    known = _Known(faces)
    met = [known.find_person(item) for item in found]
    clips = _name_clips(known, found)
    people = _name_people(known, found, met, clips)
    return [
        None if person is not None else Names(clips[item.source.key], people[place])
        for place, (item, person) in enumerate(zip(found, met, strict=True))
    ]


class _Known:
    """The faces of a collection by what they are from, and when they were seen."""

    def __init__(self, faces: "pd.DataFrame") -> None:
        self.clips: dict[str, str] = {}
        self.people = set(map(str, faces["person"]))
        self._seen: dict[tuple[str, int], list[tuple[FaceBox, str]]] = defaultdict(list)
        facts = faces[["source", "origin", "clip", "person", "time_s", *_BOX]]
        for source, origin, clip, person, time_s, *values in facts.itertuples(index=False, name=None):
            key = source or _make_old_key(origin, clip)
            box = FaceBox(**dict(zip(_BOX, values, strict=True)))
            self.clips.setdefault(key, clip)
            self._seen[key, _to_ms(time_s)].append((box, person))

    def find_clip(self, source: Source) -> str | None:
        """What the clip of a source is called; None if there is none."""
        return next((self.clips[key] for key in _list_keys(source) if key in self.clips), None)

    def find_person(self, item: Candidate) -> str | None:
        """Who the collection says that a face is; None if it does not have the face."""
        moment = _to_ms(item.time_s)
        for key in _list_keys(item.source):
            if seen := self._seen.get((key, moment)):
                shares = compute_iou([item.box], [box for box, _ in seen])[0]
                if shares.max() >= _MIN_IOU:
                    return seen[int(shares.argmax())][1]
        return None


def _list_keys(source: Source) -> tuple[str, ...]:
    names = source.name, source.origin  # a clip was called by its path where files were called alike
    return source.key, *(_make_old_key(source.origin, name) for name in names)


def _make_old_key(origin: str, clip: str) -> str:
    """What stands for a source in tables that do not tell the sources of faces yet."""
    return f"{origin}\n{clip}"


def _to_ms(time_s: float) -> int:
    return round(round(time_s, 3) * 1000)  # the table has times to the millisecond


def _name_clips(known: _Known, found: Iterable[Candidate]) -> dict[str, str]:
    """Names of clips by the keys of their sources."""
    sources = {item.source.key: item.source for item in found}
    names = {key: clip for key, source in sources.items() if (clip := known.find_clip(source)) is not None}
    new = [source for key, source in sources.items() if key not in names]
    wished, taken = Counter(source.name for source in new), set(known.clips.values())
    for source in new:
        long = [source.long_name] if source.long_name else []
        short = [source.name] if wished[source.name] == 1 or not long else []  # else none says which it is
        numbered = (f"{source.name} ({number})" for number in count(2))
        names[source.key] = _take_free(chain(short, long, numbered), taken)
    return names


def _name_people(
    known: _Known, found: Sequence[Candidate], met: Sequence[str | None], clips: dict[str, str]
) -> list[str]:
    """Who each candidate is."""
    same: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for item, person in zip(found, met, strict=True):
        if person is not None and item.track_id is not None:
            same[item.source.key, item.track_id][person] += 1
    tracks = {track: people.most_common(1)[0][0] for track, people in same.items()}
    taken, names = set(known.people), []
    for item in found:
        clip = clips[item.source.key]
        if item.track_id is None:
            names.append(item.person or clip)
            continue
        track = item.source.key, item.track_id
        if not item.person and track not in tracks:  # numbers begin anew in every call
            tracks[track] = _take_free((f"{clip} #{number}" for number in count(item.track_id)), taken)
        names.append(item.person or tracks[track])
    return names


def _take_free(proposals: Iterator[str], taken: set[str]) -> str:
    name = next(name for name in proposals if name not in taken)
    taken.add(name)
    return name
