"""How a source becomes a data set: its class names, size and colour, face crop, splits and name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from app.explore_data.import_questions import choose_groups, choose_mapping, choose_parts
from app.explore_data.import_source import Found
from app.shared.model_picker import choose_detector
from app.shared.uploads import Upload, ask_for_files
from app.shared.visitor import may_name_paths
from fer_core.checkpoint import ColorMode, SoundSpec
from fer_core.data.splits import SplitPlan
from fer_core.data.store import SPLITS
from fer_core.errors import ConfigError, FerError
from fer_core.escaping import escape_markdown
from fer_core.workspace import Workspace, expand_home

_OTHER: Final[str] = "other"
_FORMATS: Final[dict[str, tuple[int, int, ColorMode]]] = {
    "48 × 48 grey, as FER2013": (48, 48, "gray"),
    "88 × 66 grey": (88, 66, "gray"),
    "100 × 100 RGB, as RAF-DB": (100, 100, "rgb"),
    "112 × 112 RGB": (112, 112, "rgb"),
    "224 × 224 RGB, for pretrained networks": (224, 224, "rgb"),
}
"""Rows, columns and colour."""
_USES: Final[dict[str, str]] = {
    "": "as the licence's name says",
    "yes": "allowed",
    "no": "not allowed",
    "unresolved": "not settled",
}
_COLORS: Final[dict[str, ColorMode]] = {"grey": "gray", "RGB": "rgb"}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an import needs, as the user set it."""

    name: str
    options: tuple[str, ...]
    """Of `fer import`."""
    votes: tuple[Upload, ...] = ()
    """FER+ votes, for FER2013."""


def render_form(found: Found, workspace: Workspace) -> Plan | None:
    """Show the questions; returns the plan, or None while something is missing (which is said)."""
    facts = found.facts
    votes: list[Upload] | Path = []
    class_map: dict[str, str] | None = {}
    split_map: dict[str, str] | None = {}
    options = [f"--importer={facts.kind}"]
    if facts.takes_votes:
        votes = _choose_votes(found)
        options += [f"--votes={votes}"] if isinstance(votes, Path) else []
    if facts.has_pictures:
        class_map = choose_mapping(found)
        split_map = choose_parts(found)
        left, right = st.columns(2)
        with left:
            options += _choose_window() if facts.media == "sound" else _choose_format()
            options += _choose_splits(facts.splits, split_map or {})
        with right:
            if facts.media == "image":
                options += _choose_crop(workspace, has_boxes=facts.has_boxes)
            options += choose_groups(found)
    options += _state_terms(facts.terms)
    name, replace = _choose_name(found, workspace, with_votes=bool(votes))
    problem = _find_problem(class_map, split_map, name, replace, workspace)
    if problem or class_map is None or split_map is None:
        st.caption(f":material/pending: {escape_markdown(problem)}")
        return None
    options += [f"--name={name}", *(["--replace"] if replace else [])]
    options += [f"--map={label}={meaning}" for label, meaning in class_map.items()]
    options += [f"--split={part}={split}" for part, split in split_map.items()]
    return Plan(name, tuple(options), () if isinstance(votes, Path) else tuple(votes))


def _choose_votes(found: Found) -> list[Upload] | Path:
    """FER+ votes: those that lie beside the source, an upload, or a path on this machine."""
    beside = found.facts.votes
    if beside and st.checkbox(
        f"Use the FER+ votes of {escape_markdown(Path(beside).name)} that were found with it",
        value=True,
        key=f"import_votes_beside_{found.key}",
    ):
        return Path(beside)
    uploads = ask_for_files(
        "FER+ votes of the same rows, fer2013new.csv (if you have them)",
        types=["csv", "zip"],
        key="import_votes",
        help="MIT licence, from github.com/microsoft/FERPlus. With votes, targets come from ten annotators.",
    )
    if uploads or not may_name_paths():
        return uploads
    path = st.text_input(
        "or their path on this machine", key="import_votes_path", placeholder="/data/fer2013new.csv"
    ).strip()
    return expand_home(path).resolve() if path else []


def _choose_window() -> list[str]:
    seconds = st.slider(
        "Seconds of sound in each sample",
        1.0,
        3.0,
        SoundSpec().window_s,
        0.5,
        key="import_window",
        help="Longer clips give several samples; of a little longer ones the loudest part is taken.",
    )
    return [f"--window={seconds:g}"]


def _choose_format() -> list[str]:
    name = st.selectbox("Size and colour", [*_FORMATS, _OTHER], key="import_format")
    if name != _OTHER:
        height, width, color = _FORMATS[name]
    else:
        rows, columns, colors = st.columns(3)
        height = int(rows.number_input("Rows, px", 24, 1024, 64, key="import_height"))
        width = int(columns.number_input("Columns, px", 24, 1024, 64, key="import_width"))
        color = _COLORS[colors.selectbox("Colour", list(_COLORS), key="import_color")]
    return ["--size", str(height), str(width), f"--color={color}"]


def _choose_splits(counts: dict[str, int], split_map: dict[str, str]) -> list[str]:
    totals = dict.fromkeys(SPLITS, 0)
    for name, count in counts.items():
        if (split := split_map.get(name, name)) in totals:
            totals[split] += count
    own = ", ".join(f"{escape_markdown(split)} {count:,}" for split, count in totals.items() if count)
    if not counts.get(""):
        st.caption(f"The source divides its pictures itself ({own}); that stays.")
        return []
    if own:
        st.caption(f"The source divides some itself ({own}); the other {counts['']:,} are divided here.")
    valid, test, seed = st.columns(3)
    shares = [
        valid.number_input("Share of valid", 0.0, 0.9, 0.1, 0.05, key="import_valid"),
        test.number_input("Share of test", 0.0, 0.9, 0.1, 0.05, key="import_test"),
    ]
    number = int(seed.number_input("Seed", 0, key="import_seed"))
    try:
        SplitPlan(valid=shares[0], test=shares[1], seed=number)
    except ConfigError as error:
        st.caption(f":material/error: {escape_markdown(str(error))}; 0.1 each is taken")
        shares = [0.1, 0.1]
    return [f"--valid={shares[0]}", f"--test={shares[1]}", f"--seed={number}"]


def _choose_crop(workspace: Workspace, *, has_boxes: bool) -> list[str]:
    options = []
    if has_boxes and not st.checkbox(
        "Cut out the face boxes of the source",
        value=True,
        key="import_boxes",
        help="In the framing that detected faces get. Several boxes on a picture are several images.",
    ):
        options = ["--no-boxes"]
    wanted = st.toggle(
        "Find the face on each picture and cut it out",
        key="import_crop",
        help="For photographs. Those of FER2013, RAF-DB (aligned) or AffectNet are cut already. Pictures "
        "on which no face is found are left out; their share is reported.",
    )
    if not wanted:
        st.caption("Pictures that are not square are not stretched: the middle of them is taken.")
        return options
    return [*options, f"--detector={choose_detector(workspace, key='import_detector')}"]


def _state_terms(known: list[str]) -> list[str]:
    """Origin and licence in the user's words; what its authors state stands, where nothing is entered."""
    with st.expander("Where the pictures come from", icon=":material/copyright:"):
        st.caption(
            f"Its authors state: {escape_markdown('; '.join(known))}"
            if known
            else "The source does not say. Every model that learns from these pictures carries what you say."
        )
        licence = st.text_input(
            "Licence of pictures and labels", key="import_licence", placeholder="CC BY 4.0, own pictures, ..."
        )
        pictures = st.text_input(
            "Where they come from", key="import_pictures_from", placeholder="own photographs, everyone agreed"
        )
        use = st.selectbox(
            "Commercial use",
            _USES,
            format_func=_USES.__getitem__,
            key="import_commercial",
        )
    stated = {"licence": licence.strip(), "pictures-from": pictures.strip(), "commercial": use}
    return [f"--{name}={value}" for name, value in stated.items() if value]


def _choose_name(found: Found, workspace: Workspace, *, with_votes: bool) -> tuple[str, bool]:
    suggested = found.facts.name_with_votes if with_votes else found.facts.name
    name = st.text_input(
        "Name of the data set", suggested, key=f"import_name_{found.key}_{with_votes}"
    ).strip()
    try:
        exists = workspace.dataset(name).exists()
    except ConfigError:
        return name, False
    replace = exists and st.checkbox(
        f"There is a data set {escape_markdown(name)} already: exchange it", key="import_replace"
    )
    return name, bool(replace)


def _find_problem(
    class_map: dict[str, str] | None,
    split_map: dict[str, str] | None,
    name: str,
    replace: bool,
    workspace: Workspace,
) -> str:
    """What keeps the import from starting, in words; empty if nothing does."""
    if class_map is None:
        return "Say what every class name means, or leave it out."
    if split_map is None:
        return "Say which split every part of the source is, or leave it out."
    if class_map and len({emotion for emotion in class_map.values() if emotion}) < 2:
        return "A data set needs pictures of two emotions or more."
    try:
        exists = workspace.dataset(name).exists()
    except FerError as error:
        return str(error)
    return "Choose another name, or exchange the existing data set." if exists and not replace else ""
