"""Data sets whose paths say everything: class, split, person. A row of the table each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, guess_emotion, is_sample, split_of
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree
from fer_core.provenance import Terms, research_only

_CODES: Final[Mapping[str, str]] = {
    "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral", "SA": "sadness", "SU": "surprise",
}  # fmt: skip
_PEAK: Final[int] = 3
"""Frames at the end of a sequence that show the labelled expression, as most papers take them."""
CK_PLUS_TERMS: Final = research_only(
    "CK+",
    pictures="123 people in a laboratory",
    reference="the agreement with its authors (Lucey et al., 2010)",
)
_LEAST_SHARE: Final[float] = 0.75
"""Of the pictures, that must be named as the data set names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLayout:
    """How the paths of one data set are read."""

    title: str
    """What its pictures lie in, as in "20 pictures in ...". """
    source: str
    """Where the layout is described."""
    pattern: re.Pattern[str]
    """Found in the path of each picture. Groups: `label`, perhaps `split` and `group`; others are facts."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Emotion of each code; without it class names mean what they say."""
    better: re.Pattern[str] | None = None
    """Marks the cropped faces, where the same pictures are there as photographs, too."""
    terms: Terms | None = None
    """What its authors state; None where that could not be looked up."""
    only_peak: bool = False
    """Whether a folder is a sequence that begins neutral, of which only the end shows the expression."""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


PATH_LAYOUTS: Final[Mapping[str, PathLayout]] = {
    "jaffe": PathLayout(
        title="JAFFE's files, as KA.AN1.39.tiff",
        source="Lyons et al., 1998; zenodo.org/records/3451524",
        pattern=_pattern(r"(?:^|/)(?P<group>[A-Z]{2})\.(?P<label>AN|DI|FE|HA|NE|SA|SU)\d\.\d+\.\w+$"),
        meanings={**_CODES, "FE": "fear"},
        terms=research_only(
            "JAFFE", pictures="ten women in a laboratory", reference="zenodo.org/records/3451524"
        ),
    ),
    "kdef": PathLayout(
        title="KDEF's files, as AF01ANS.JPG",
        source="Lundqvist, Flykt and Öhman, 1998; kdef.se",
        pattern=_pattern(
            r"(?:^|/)(?P<session>[AB])(?P<group>[FM]\d\d)(?P<label>AF|AN|DI|HA|NE|SA|SU)"
            r"(?P<angle>S|HL|HR|FL|FR)\.\w+$"
        ),
        meanings={**_CODES, "AF": "fear"},
        terms=research_only("KDEF", pictures="70 people in a laboratory", reference="kdef.se"),
    ),
    "ck-plus-48": PathLayout(
        title="CK+48's class folders, as happy/S010_006_00000013.png",
        source="kaggle.com/datasets/shawon10/ckplus, from Lucey et al., 2010",
        pattern=_pattern(r"(?:^|/)(?P<label>[^/\d][^/]*)/(?P<group>S\d{3})_(?P<sequence>\d{3})_\d{8}\.\w+$"),
        terms=CK_PLUS_TERMS,
    ),
    "sfew": PathLayout(
        title="SFEW's folders, as Train/Angry/Airheads_000519240_00000005.png",
        source="Dhall et al., 2011 and 2015 (SFEW 2.0)",
        pattern=_pattern(
            r"(?:^|/)(?P<split>train|val)(?:_aligned_faces(?:_new)?)?/"
            r"(?:(?:train|val)_aligned_faces(?:_new)?/)?"
            r"(?P<label>[^/]+)/(?P<group>[^/]+_\d{9})_\d{8}\.\w+$"
        ),
        better=_pattern(r"_aligned_faces"),
        terms=research_only(
            "SFEW 2.0",
            pictures="stills of films",
            reference="the agreement with its authors (Dhall et al., 2015)",
        ),
    ),
    "oulu-casia": PathLayout(
        title="Oulu-CASIA's sequences, as VL/Strong/P001/Anger/000.jpeg",
        source="Zhao et al., 2011; oulu.fi/cmvs (NIR&VIS facial expression database)",
        pattern=_pattern(
            r"(?:^|/)(?P<camera>VL|NI)(?:_acropped)?/(?P<light>strong|weak|dark)/(?P<group>P\d{3})/"
            r"(?P<label>[^/]+)/\d{3}\.\w+$"
        ),
        better=_pattern(r"_acropped/|preprocess"),
        only_peak=True,
        terms=research_only(
            "Oulu-CASIA",
            pictures="80 people in a laboratory",
            reference="the agreement with its authors (Zhao et al., 2011)",
        ),
    ),
}
"""By the name of the importer."""
_FIELDS: Final[frozenset[str]] = frozenset({"label", "split", "group"})


def scan_paths(layout: PathLayout, tree: FileTree) -> Scan | None:
    """Read the paths; None unless most pictures are named as this data set names them."""
    matches = {name: layout.pattern.search(name) for name in tree.names() if is_sample(name)}
    found = {name: match for name, match in matches.items() if match}
    if not found or len(found) < _LEAST_SHARE * len(matches):
        return None
    if layout.meanings and sum(map(_lies_in_class_folder, found)) > _LEAST_SHARE * len(found):
        return None  # somebody sorted them: the folders hold what they decided
    split_names = SplitNames(name.split("/")[:-1] for name in found)
    items = [_read(name, match, split_names) for name, match in found.items()]
    strangers = [(name, f"is not named as in {layout.title}") for name, match in matches.items() if not match]
    notes: list[str] = []
    if layout.better is not None:
        items = _keep_better(items, layout.better, notes)
    if layout.only_peak:
        items = keep_peaks(items, notes)
    return Scan(tuple(items), tuple(strangers), layout.meanings or None, notes=tuple(notes))


def _lies_in_class_folder(name: str) -> bool:
    return any(guess_emotion(folder) for folder in name.split("/")[:-1])


def _read(name: str, match: re.Match[str], split_names: SplitNames) -> Item:
    said = {key: value for key, value in match.groupdict().items() if value is not None}
    label = said["label"]
    return Item(
        path=name,
        label=label.upper() if len(label) == 2 else label,  # codes of two letters, whatever their case
        split=split_of(said.get("split", "")) or split_names.find(name.split("/")[:-1])[0],
        group=said.get("group", ""),
        facts={key: value.lower() for key, value in said.items() if key not in _FIELDS},
    )


def _keep_better(items: list[Item], better: re.Pattern[str], notes: list[str]) -> list[Item]:
    """The cropped faces alone, in every split that has some."""
    splits = {item.split for item in items if better.search(item.path)}
    kept = [item for item in items if item.split not in splits or better.search(item.path)]
    if len(kept) < len(items):
        notes.append(
            f"the {len(kept):,} cropped or aligned faces are read; the {len(items) - len(kept):,} whole "
            "pictures they are from are left out"
        )
    return kept


def keep_peaks(items: list[Item], notes: list[str]) -> list[Item]:
    """The last frames of each folder, which show the expression at its peak; sequences begin neutral."""
    sequences: dict[str, list[Item]] = {}
    for item in items:
        sequences.setdefault(item.path.rpartition("/")[0], []).append(item)
    kept = [
        item
        for sequence in sequences.values()
        for item in sorted(sequence, key=lambda item: item.path)[-_PEAK:]
    ]
    if len(kept) < len(items):
        notes.append(
            f"of each of the {len(sequences):,} sequences the last {_PEAK} frames are read, at the peak of "
            f"the expression; the {len(items) - len(kept):,} frames before are left out"
        )
    return kept


for _name, _layout in PATH_LAYOUTS.items():
    IMPORTERS.register(_name)(
        Importer(title=_layout.title, scan=partial(scan_paths, _layout), priority=45, terms=_layout.terms)
    )
