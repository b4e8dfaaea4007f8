"""Data sets of frames or faces whose lists name clips, or several faces of a picture, in a way of their own.

Aff-Wild2: Kollias, 2022, arXiv:2202.10659 (ABAW): `EXPR*/Train_Set/<video>.txt`, a header of class names and
a number a frame, -1 where nobody annotated it; `cropped_aligned/<video>/00001.jpg`.
ExpW: Zhang, Luo, Loy and Tang, 2018, arXiv:1609.06426: `label/label.lst`, a face a line: picture, face, top,
left, right, bottom, confidence, class.
FERV39k: Wang et al., 2022, arXiv:2203.09463: `4_setups/All_scenes/train_All.csv`, as `Action/Happy/0267
Happy`; `2_ClipsforFaceCrop/Action/Happy/0267/*.jpg`.
DFEW: Jiang et al., 2020, arXiv:2008.05924: `EmoLabel_DataSplit/train(single-labeled)/set_1.csv`,
`video_name,label`; `Clip/clip_224x224_16f/00001/*.jpg`.
"""

import re
from collections.abc import Mapping
from typing import Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, split_of
from fer_core.data.importers.numberings import NUMBERINGS
from fer_core.data.importers.picture_index import PictureIndex, number_lines, read_text
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.provenance import research_only

_AFF_WILD: Final = re.compile(r"(?:^|/)(?P<split>train|validation|val)_set/(?P<video>[^/]+)\.txt$", re.I)
_AFF_WILD_CLASSES: Final = (
    "neutral",
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
    "other",
)
_EXPW_FIELDS: Final[int] = 8
_FERV: Final = re.compile(
    r"(?:^|/)(?:22_scenes/(?P<part>train|test)_\w+|(?P<split>train|test)_All)\.(?:csv|txt)$"
)
_FERV_LINE: Final = re.compile(r"(?P<clip>[^/\s,]+/[^/\s,]+/[^/\s,]+)[\s,]+(?P<label>[A-Za-z]+)")
_DFEW: Final = re.compile(r"(?:^|/)(?P<split>train|test)[^/]*/set_(?P<fold>\d)\.csv$", re.I)
_DFEW_LINE: Final = re.compile(r"(?P<clip>\d{1,5})\s*,\s*(?P<label>[1-7])")


def scan_aff_wild(tree: FileTree) -> Scan | None:
    """Read the annotated frames of every video."""
    lists = []
    for name in tree.names():
        if match := _AFF_WILD.search(name):
            lines = read_text(tree, name).splitlines()
            classes = [word.strip().lower() for word in lines[0].split(",")] if lines else []
            if classes[:7] == list(_AFF_WILD_CLASSES[:7]) and len(classes) <= len(_AFF_WILD_CLASSES):
                lists.append((name, match, classes, lines[1:]))
    if not lists:
        return None
    index, items, skipped = PictureIndex(tree.names()), [], []
    num_unannotated = num_beyond = 0
    for name, match, classes, lines in lists:
        clips = index.find_clips(match["video"])
        if not clips:
            skipped.append((name, f"there is no folder {match['video']} of its frames"))
        numbers = [
            _parse_frame_class(line, f"{name}, line {place}", len(classes))
            for place, line in enumerate(lines, 2)
        ]
        for path in (path for frames in clips.values() for path in frames):
            frame = _frame_number(path)
            if not 1 <= frame <= len(numbers):
                num_beyond += 1
            elif numbers[frame - 1] < 0:
                num_unannotated += 1
            else:
                items.append(
                    Item(
                        path=path,
                        label=classes[numbers[frame - 1]],
                        split=split_of(match["split"]),
                        group=re.sub(r"_(?:left|right)$", "", match["video"]),
                    )
                )
    if not items:
        raise DataError(
            f"{tree.name} holds {len(lists):,} lists of Aff-Wild2 but no annotated frame of theirs; give the "
            "folder that holds the lists and the frames, as cropped_aligned/<video>/00001.jpg"
        )
    notes = [
        f"{count:,} frames {why} are left out"
        for count, why in (
            (num_unannotated, "that nobody annotated (-1)"),
            (num_beyond, "without a line in the list"),
        )
        if count
    ]
    return Scan(tuple(items), tuple(skipped), {"other": ""}, notes=tuple(notes))


def _parse_frame_class(line: str, place: str, num_classes: int) -> int:
    try:
        number = int(line)
    except ValueError:
        number = -2
    if not -1 <= number < num_classes:
        raise DataError(f"{place}: {line[:40]!r}; expected -1 to {num_classes - 1}")
    return number


def _frame_number(path: str) -> int:
    stem = path.rpartition("/")[2].partition(".")[0]
    return int(stem) if stem.isascii() and stem.isdecimal() and len(stem) <= 9 else 0


def scan_expw(tree: FileTree) -> Scan | None:
    """Read a face a line, with its box."""
    lists = [name for name in tree.names() if name.rpartition("/")[2].lower() == "label.lst"]
    if not lists:
        return None
    index, items, skipped = PictureIndex(tree.names()), [], []
    for name in lists:
        for number, line in number_lines(read_text(tree, name)):
            picture, box, label = _parse_face(line.split(), f"{name}, line {number}")
            found = index.named(picture.rpartition("/")[2])
            if found:
                items.append(Item(path=found[0], label=label, box=box))
            else:
                skipped.append((picture, "listed, but there is no such file"))
    if not items:
        raise DataError(
            f"{tree.name}: none of the {len(skipped):,} pictures listed in {lists[0]} is there; give the "
            "folder that holds label/label.lst and image/origin"
        )
    return Scan(tuple(items), tuple(skipped), NUMBERINGS["expw"].meanings)


def _parse_face(fields: list[str], place: str) -> tuple[str, tuple[float, float, float, float], str]:
    try:
        top, left, right, bottom = (float(int(value)) for value in fields[2:6])
        label = fields[_EXPW_FIELDS - 1]
    except (ValueError, IndexError, OverflowError) as cause:
        raise DataError(
            f"{place}: {' '.join(fields)[:80]!r}; expected picture, face, top, left, right, bottom, "
            "confidence, class"
        ) from cause
    if (
        len(fields) != _EXPW_FIELDS
        or label not in NUMBERINGS["expw"].meanings
        or right <= left
        or bottom <= top
    ):
        raise DataError(
            f"{place}: {' '.join(fields)[:80]!r}; expected 8 fields, a box and a class from 0 to 6"
        )
    return fields[0], (left, top, right - left, bottom - top), label


def scan_ferv39k(tree: FileTree) -> Scan | None:
    """Read the frames of every listed clip; the lists of all scenes, where they are there."""
    lists = {name: match for name in tree.names() if (match := _FERV.search(name))}
    lists = {name: match for name, match in lists.items() if match["split"]} or lists
    rows = []
    for name, match in lists.items():
        lines = [
            (number, line, _FERV_LINE.fullmatch(line)) for number, line in number_lines(read_text(tree, name))
        ]
        if not any(found for *_, found in lines):
            continue
        for number, line, found in lines:
            if found is None:
                if number == 1:
                    continue  # some copies have a header
                raise DataError(
                    f"{name}, line {number}: {line[:80]!r}; expected as `Action/Happy/0267 Happy`"
                )
            rows.append((found["clip"], found["label"], split_of(match["split"] or match["part"])))
    return _read_clips(tree, rows, meanings=None, notes=[]) if rows else None


def scan_dfew(tree: FileTree) -> Scan | None:
    """Read the frames of the clips of one fold: the first, of five."""
    lists = {name: match for name in tree.names() if (match := _DFEW.search(name))}
    fold = min((match["fold"] for match in lists.values()), default="")
    rows = []
    for name, match in lists.items():
        if match["fold"] != fold:
            continue
        for number, line in number_lines(read_text(tree, name)):
            found = _DFEW_LINE.fullmatch(line)
            if found is None and number == 1 and "label" in line.lower():
                continue
            if found is None:
                raise DataError(
                    f"{name}, line {number}: {line[:80]!r}; expected video_name,label with a label 1 to 7"
                )
            rows.append((found["clip"].zfill(5), found["label"], split_of(match["split"])))
    folds = sorted({match["fold"] for match in lists.values()})
    notes = [] if len(folds) < 2 else [f"DFEW has {len(folds)} folds: fold {fold} is read (set_{fold}.csv)"]
    return _read_clips(tree, rows, meanings=NUMBERINGS["dfew"].meanings, notes=notes) if rows else None


def _read_clips(
    tree: FileTree, rows: list[tuple[str, str, str]], *, meanings: Mapping[str, str] | None, notes: list[str]
) -> Scan:
    """All frames of listed clips: (end of the folder's path, label, split)."""
    index, items, skipped = PictureIndex(tree.names()), [], []
    seen: set[str] = set()
    num_versions = 0
    for clip, label, split in rows:
        if clip in seen:
            skipped.append((clip, "listed twice"))
            continue
        seen.add(clip)
        folders = index.find_clips(clip)
        if not folders:
            skipped.append((clip, "listed, but there is no folder of its frames"))
            continue
        # DFEW ships 16 frames of each clip beside all of them: the 16 are what papers use.
        chosen = min(folders, key=lambda folder: ("16f" not in folder, folder))
        num_versions += len(folders) - 1
        items += [Item(path=path, label=label, split=split, group=clip) for path in folders[chosen]]
    if not items:
        raise DataError(
            f"{tree.name}: there are frames of none of the {len(rows):,} listed clips, for example "
            f"{rows[0][0]!r}; give the folder that holds the lists and the clips' folders of frames"
        )
    if num_versions:
        notes.append(f"{num_versions:,} further folders with frames of the same clips are left out")
    return Scan(tuple(items), tuple(skipped), meanings, notes=tuple(notes))


_AFF_WILD_TERMS: Final = research_only(
    "Aff-Wild2",
    pictures="videos from YouTube",
    reference="its agreement; ibug.doc.ic.ac.uk",
)
_EXPW_TERMS: Final = research_only(
    "ExpW",
    pictures="faces found by a web image search",
    reference="mmlab.ie.cuhk.edu.hk",
)
_DFEW_TERMS: Final = research_only(
    "DFEW", pictures="clips of films", reference="its agreement; dfew-dataset.github.io"
)
for _name, _title, _scan, _terms in (
    ("aff-wild2", "Aff-Wild2's frames and EXPR lists", scan_aff_wild, _AFF_WILD_TERMS),
    ("expw", "ExpW's pictures and label.lst", scan_expw, _EXPW_TERMS),
    ("ferv39k", "FERV39k's clips and lists", scan_ferv39k, None),  # its terms could not be looked up
    ("dfew", "DFEW's clips and lists", scan_dfew, _DFEW_TERMS),
):
    IMPORTERS.register(_name)(Importer(title=_title, scan=_scan, priority=45, terms=_terms))
