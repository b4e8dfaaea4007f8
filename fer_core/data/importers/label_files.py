"""Data sets with a small file of labels for each picture or sequence: CK+ and AffectNet.

CK+: Lucey et al., 2010, "The Extended Cohn-Kanade Dataset (CK+)":
`cohn-kanade-images/S005/001/S005_001_00000011.png` and `Emotion/S005/001/S005_001_00000011_emotion.txt`, one
number; a third of the sequences have one. AffectNet: Mollahosseini, Hasani and Mahoor, 2017:
`train_set/images/0.jpg` and `train_set/annotations/0_exp.npy` (with `_aro`, `_val` and `_lnd` beside), each
an array of one number or of its text.
"""

import io
import re
from typing import Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_picture, split_of
from fer_core.data.importers.numberings import NUMBERINGS
from fer_core.data.importers.path_layouts import CK_PLUS_TERMS, keep_peaks
from fer_core.data.importers.picture_index import read_text
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.provenance import research_only

_CK_FRAME: Final = re.compile(r"(?:^|/)(?P<sequence>(?P<person>S\d{3})_\d{3})_\d{8}\.\w+$", re.I)
_CK_SEQUENCE: Final = re.compile(r"(?:^|/)(S\d{3})/(\d{3})/\1_\2_\d{8}\.\w+$", re.I)
_CK_LABEL: Final = re.compile(r"(?:^|/)(?P<sequence>S\d{3}_\d{3})_\d{8}_emotion\.txt$", re.I)
_AFFECTNET_LABEL: Final = re.compile(r"^(?P<set>(?:.*/)?)annotations/(?P<name>[^/]+)_exp\.npy$", re.I)
_AFFECTNET_OTHERS: Final = re.compile(r"(?:^|/)annotations/[^/]+_(?:aro|val|lnd)\.npy$", re.I)


def scan_ck_plus(tree: FileTree) -> Scan | None:
    """Read the last frames of every labelled sequence; the others have no label."""
    names = tree.names()
    labels: dict[str, str] = {}
    for name in names:
        if match := _CK_LABEL.search(name):
            labels[match["sequence"].upper()] = _parse_ck_label(tree, name)
    if not labels:
        if any(_CK_SEQUENCE.search(name) for name in names):
            raise DataError(
                f"{tree.name} holds sequences of CK+ but none of their labels; add the folder Emotion, as "
                "Emotion/S005/001/S005_001_00000011_emotion.txt"
            )
        return None
    items, skipped, num_unlabelled, found = [], [], 0, set()
    for name in filter(is_picture, names):
        match = _CK_FRAME.search(name)
        if match is None:
            skipped.append((name, "is not named as CK+'s frames, as S005_001_00000011.png"))
            continue
        sequence = match["sequence"].upper()
        if sequence not in labels:
            num_unlabelled += 1
            continue
        found.add(sequence)
        items.append(Item(path=name, label=labels[sequence], group=match["person"].upper()))
    if not items:
        raise DataError(
            f"{tree.name} holds {len(labels):,} labels of CK+ but none of the frames they are of; give the "
            "folder that holds both cohn-kanade-images and Emotion"
        )
    skipped += [
        (f"{name}_*.png", "labelled, but there is no such sequence") for name in labels if name not in found
    ]
    notes: list[str] = []
    items = keep_peaks(items, notes)
    if num_unlabelled:
        notes.append(f"{num_unlabelled:,} frames of sequences without a label are left out")
    return Scan(tuple(items), tuple(skipped), NUMBERINGS["ck+"].meanings, notes=tuple(notes))


def _parse_ck_label(tree: FileTree, name: str) -> str:
    """`   3.0000000e+00` is 3."""
    text = read_text(tree, name).strip()
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value not in range(8):
        raise DataError(f"{name} holds {text[:40]!r}; expected a number from 0 to 7")
    return str(int(value))


def scan_affectnet(tree: FileTree) -> Scan | None:
    """Read the `_exp.npy` of every picture."""
    names = tree.names()
    pictures = {name.rpartition(".")[0]: name for name in names if is_picture(name)}
    items, skipped, used = [], [], set()
    for name in names:
        match = _AFFECTNET_LABEL.match(name)
        if match is None:
            if name not in used and not is_picture(name) and not _AFFECTNET_OTHERS.search(name):
                skipped.append((name, "is neither a picture nor its label"))
            continue
        stem = f"{match['set']}images/{match['name']}"
        if stem not in pictures:
            skipped.append((name, f"there is no picture {stem}"))
            continue
        used.add(stem)
        splits = [split for part in match["set"].split("/") if (split := split_of(part))]
        items.append(
            Item(path=pictures[stem], label=_parse_npy(tree, name), split=splits[-1] if splits else "")
        )
    if not items:
        return None
    skipped += [(name, "has no label in annotations/") for stem, name in pictures.items() if stem not in used]
    return Scan(tuple(items), tuple(skipped), NUMBERINGS["affectnet"].meanings)


def _parse_npy(tree: FileTree, name: str) -> str:
    import numpy as np

    from fer_core.data.table_files import ARRAY_DAMAGE

    try:
        array = np.lib.format.read_array(io.BytesIO(tree.read(name)), allow_pickle=False)
        text = str(int(array.reshape(-1)[0])) if array.size == 1 else f"{array.size} values"
    except ARRAY_DAMAGE as cause:
        raise DataError(f"{name} holds no number: {str(cause)[:200]}; expected one from 0 to 10") from cause
    if text not in NUMBERINGS["affectnet"].meanings:
        raise DataError(f"{name} holds {text}; expected one number from 0 to 10")
    return text


IMPORTERS.register("ck-plus")(
    Importer(title="CK+'s sequences with Emotion/*.txt", scan=scan_ck_plus, priority=47, terms=CK_PLUS_TERMS)
)
IMPORTERS.register("affectnet")(
    Importer(
        title="AffectNet's images with annotations/*_exp.npy",
        scan=scan_affectnet,
        priority=45,
        terms=research_only(
            "AffectNet",
            pictures="faces found by web searches",
            reference="the agreement with its authors (Mollahosseini et al., 2017)",
        ),
    )
)
