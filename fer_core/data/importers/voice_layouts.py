"""Data sets of voices whose names say everything: EmoDB, CREMA-D, RAVDESS, TESS, SAVEE.

Each is read as its authors publish it and as the usual copies hold it: some list every clip twice.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan, is_sound
from fer_core.data.importers.path_layouts import PathLayout, scan_paths
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.provenance import Terms, research_only

_CREMA_CODES: Final[Mapping[str, str]] = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness",
}  # fmt: skip
_CREMA_VOTES: Final[str] = "tabulatedvotes.csv"
_CREMA_PARTS: Final[Mapping[str, str]] = {"1": "voice", "2": "face", "3": "both"}
"""By the first digit of a row's number: what the raters were given."""
_CREMA_ACTORS: Final[tuple[str, ...]] = tuple(str(number) for number in range(1001, 1092))
_EMODB_RATES: Final[str] = "erkennung.txt"

VOICE_LAYOUTS: Final[Mapping[str, PathLayout]] = {
    "emodb": PathLayout(
        title="EmoDB's files, as 03a01Fa.wav",
        source="Burkhardt et al., 2005, A database of German emotional speech; emodb.bilderbar.info",
        pattern=re.compile(
            r"(?:^|/)(?P<group>\d\d)(?P<sentence>[ab]\d\d)(?P<label>[WLEAFTN])(?P<take>[a-z])\.\w+$"
        ),
        meanings={
            "W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness",
            "N": "neutral",
        },
        terms=Terms(
            source="EmoDB",
            pictures="ten actors in a laboratory, in German",
            unresolved="no source for EmoDB's licence has been verified",
            reference="emodb.bilderbar.info; Burkhardt et al., 2005",
        ),
    ),
    "crema-d": PathLayout(
        title="CREMA-D's files, as 1001_DFA_ANG_XX.wav",
        source="Cao et al., 2014; github.com/CheyneyComputerScience/CREMA-D",
        pattern=re.compile(
            r"(?:^|/)(?P<group>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<label>ANG|DIS|FEA|HAP|NEU|SAD)_"
            r"(?P<level>LO|MD|HI|XX?)\.\w+$"
        ),
        meanings=_CREMA_CODES,
        terms=Terms(
            source="CREMA-D",
            pictures="91 actors in a laboratory, in English",
            picture_licence="ODbL 1.0",
            label_licence="ODbL 1.0",
            commercial="yes",
            reference="github.com/CheyneyComputerScience/CREMA-D",
        ),
    ),
    "ravdess": PathLayout(
        title="RAVDESS's files, as 03-01-06-01-02-01-12.wav",
        source="Livingstone and Russo, 2018; zenodo.org/records/1188976",
        pattern=re.compile(
            r"(?:^|/)03-(?P<channel>0[12])-(?P<label>0[1-8])-(?P<intensity>0[12])-(?P<sentence>0[12])-"
            r"(?P<take>0[12])-(?P<group>\d\d)\.\w+$"
        ),
        meanings={
            "01": "neutral", "02": "calm", "03": "happiness", "04": "sadness", "05": "anger", "06": "fear",
            "07": "disgust", "08": "surprise",
        },
        terms=Terms(
            source="RAVDESS",
            pictures="24 actors in a laboratory, in English",
            picture_licence="CC BY-NC-SA 4.0",
            label_licence="CC BY-NC-SA 4.0",
            commercial="no",
            reference="zenodo.org/records/1188976",
        ),
    ),
    "tess": PathLayout(
        title="TESS's files, as OAF_back_angry.wav",
        source="Pichora-Fuller and Dupuis, 2020; doi.org/10.5683/SP2/E8H2MF",
        pattern=re.compile(
            r"(?:^|/)(?P<group>[OY]A)F?_(?P<word>[a-z]+)_(?P<label>angry|disgust|fear|happy|neutral|ps|sad)\.\w+$"
        ),
        meanings={
            "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness",
            "neutral": "neutral", "PS": "surprise", "sad": "sadness",
        },
        terms=Terms(
            source="TESS",
            pictures="two actresses in a laboratory, in English",
            picture_licence="CC BY-NC-ND 4.0",
            label_licence="CC BY-NC-ND 4.0",
            commercial="no",
            reference="doi.org/10.5683/SP2/E8H2MF",
        ),
    ),
    "savee": PathLayout(
        title="SAVEE's files, as DC/a01.wav or DC_a01.wav",
        source="Haq and Jackson, 2010; kahlan.eps.surrey.ac.uk/savee",
        pattern=re.compile(r"(?:^|/)(?P<group>DC|JE|JK|KL)[/_](?P<label>sa|su|a|d|f|h|n)(?P<sentence>\d\d)\.\w+$"),
        meanings={
            "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "SA": "sadness",
            "SU": "surprise",
        },
        terms=research_only(
            "SAVEE",
            pictures="four men in a laboratory, in English",
            reference="kahlan.eps.surrey.ac.uk/savee",
        ),
    ),
}  # fmt: skip
"""By the name of the importer."""


def scan_voices(layout: PathLayout, tree: FileTree, finish: Callable[[FileTree, Scan], Scan]) -> Scan | None:
    """Read the names; None unless most sounds are named as this data set names them."""
    scan = scan_paths(layout, tree)
    if scan is None or not all(is_sound(item.path) for item in scan.items):
        return None
    return finish(tree, _keep_once(scan))


def _keep_once(scan: Scan) -> Scan:
    """Each clip once, rather as WAV or FLAC than as what was packed from it."""
    best: dict[str, Item] = {}
    for item in scan.items:
        stem = f"{item.group}/{PurePosixPath(item.path).stem}"
        if stem not in best or (
            best[stem].path.lower().endswith(".mp3") and not item.path.lower().endswith(".mp3")
        ):
            best[stem] = item
    kept = tuple(best.values())
    if len(kept) == len(scan.items):
        return scan
    note = f"{len(scan.items) - len(kept):,} files that hold a clip once more are left out"
    return replace(scan, items=kept, notes=(*scan.notes, note))


def _find_table(tree: FileTree, name: str) -> str | None:
    return next((path for path in tree.names() if PurePosixPath(path).name.lower() == name), None)


def _add_rates(tree: FileTree, scan: Scan) -> Scan:
    """EmoDB: which share of listeners recognised each clip; Latin-1, tabs, decimal comma."""
    path = _find_table(tree, _EMODB_RATES)
    if path is None:
        return scan
    rates: dict[str, float] = {}
    for number, line in enumerate(tree.read(path).decode("latin-1").splitlines()[1:], start=2):
        fields = [field.strip() for field in line.split("\t")]  # no-break spaces, too
        if not any(fields):
            continue
        try:
            rate = float(fields[2].replace(",", ".")) / 100
        except (IndexError, ValueError):
            rate = -1.0
        if not 0 <= rate <= 1:
            raise DataError(
                f"{path}, line {number}: {line[:60]!r}; expected number, clip and per cent with tabs"
            )
        rates[PurePosixPath(fields[1]).stem] = rate
    items = [replace(item, rate=rates.get(PurePosixPath(item.path).stem)) for item in scan.items]
    known = sum(item.rate is not None for item in items)
    if known < len(items):  # a column must say something of each row
        note = f"{path} says nothing of {len(items) - known:,} clips: the listeners' rates are left out"
        return replace(scan, notes=(*scan.notes, note))
    return replace(scan, items=tuple(items))


def _add_votes(tree: FileTree, scan: Scan) -> Scan:
    """CREMA-D: the speaker-disjoint split of TensorFlow Datasets, and raters' votes where there are some."""
    splits = split_crema_actors()
    items = [replace(item, split=splits.get(item.group, item.split)) for item in scan.items]
    path = _find_table(tree, _CREMA_VOTES)
    if path is None:
        return replace(scan, items=tuple(items))
    votes = _read_votes(path, tree.read(path).decode("utf-8-sig"))
    note = "labels are what most raters heard in the voice alone; what was acted is the column acted"
    voted = [_take_votes(item, votes.get(PurePosixPath(item.path).stem, {})) for item in items]
    unheard = [(item.path, f"{path} has no votes for its voice") for item in voted if not item.raters]
    kept = tuple(item for item in voted if item.raters)
    return replace(scan, items=kept, skipped=(*scan.skipped, *unheard), notes=(*scan.notes, note))


def _take_votes(item: Item, votes: Mapping[str, Mapping[str, int]]) -> Item:
    raters = tuple((code,) for code, count in votes.get("voice", {}).items() for _ in range(count))
    facts = {
        f"{part}_votes": " ".join(f"{code} {count}" for code, count in counts.items() if count)
        for part, counts in votes.items()
    }
    return replace(item, raters=raters, facts={**item.facts, "acted": _CREMA_CODES[item.label], **facts})


def _read_votes(path: str, text: str) -> dict[str, dict[str, dict[str, int]]]:
    """Votes by clip, by what the raters were given, by class code."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    rows = csv.DictReader(io.StringIO(text, newline=""))
    letters = {code[0]: code for code in _CREMA_CODES}
    if not {*letters, "fileName"} <= set(rows.fieldnames or ()):
        raise DataError(
            f"{path} lacks the columns {', '.join(letters)} and fileName; take CREMA-D's own file"
        )
    for number, row in enumerate(rows, start=2):
        part = _CREMA_PARTS.get(str(row[rows.fieldnames[0]])[:1])  # type: ignore[index]
        try:
            counts = {code: int(row[letter]) for letter, code in letters.items()}
        except (TypeError, ValueError):
            counts = {"": -1}
        if part is None or min(counts.values()) < 0:
            raise DataError(
                f"{path}, line {number}: expected a number that begins with 1, 2 or 3, and six counts"
            )
        found.setdefault(row["fileName"], {})[part] = counts
    return found


@cache
def split_crema_actors() -> Mapping[str, str]:
    """Split of each of CREMA-D's 91 actors as TensorFlow Datasets (`crema_d`) divides them: 63, 9 and 19."""
    actors = list(_CREMA_ACTORS)
    np.random.RandomState(0).shuffle(actors)  # NumPy keeps this stream for ever (NEP 19)
    ends = int(0.7 * len(actors)), int((0.7 + 0.1) * len(actors))
    return {
        actor: "train" if place < ends[0] else "valid" if place < ends[1] else "test"
        for place, actor in enumerate(actors)
    }


_FINISH: Final[Mapping[str, Callable[[FileTree, Scan], Scan]]] = {"emodb": _add_rates, "crema-d": _add_votes}


def _register(name: str, layout: PathLayout) -> None:
    finish = _FINISH.get(name, lambda _tree, scan: scan)
    IMPORTERS.register(name)(
        Importer(
            title=layout.title,
            scan=lambda tree: scan_voices(layout, tree, finish),
            priority=45,
            terms=layout.terms,
        )
    )


for _name, _layout in VOICE_LAYOUTS.items():
    _register(_name, _layout)
