"""How a source becomes a data set: its class names, size and colour, face crop, splits and name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from app.explore_data.import_job import UploadedFile, keep_upload
from app.explore_data.import_source import MAX_UPLOAD_MB, Found
from app.shared.messages import escape_markdown
from app.shared.model_picker import choose_detector
from fer_core.checkpoint import ColorMode
from fer_core.data.importers.base import Scan
from fer_core.data.importers.pictures import PictureOptions
from fer_core.data.splits import SplitPlan
from fer_core.errors import ConfigError, FerError
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

LEAVE_OUT: Final[str] = "leave out"
_OTHER: Final[str] = "other"
_FORMATS: Final[dict[str, tuple[int, int, ColorMode]]] = {
    "48 × 48 grey, as FER2013": (48, 48, "gray"),
    "88 × 66 grey": (88, 66, "gray"),
    "100 × 100 RGB, as RAF-DB": (100, 100, "rgb"),
    "112 × 112 RGB": (112, 112, "rgb"),
    "224 × 224 RGB, for pretrained networks": (224, 224, "rgb"),
}
"""Rows, columns and colour."""
_COLORS: Final[dict[str, ColorMode]] = {"grey": "gray", "RGB": "rgb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that an import needs, as the user set it."""

    name: str
    replace: bool
    class_map: dict[str, str]
    """Class name -> emotion, or empty."""
    width: int
    height: int
    color: ColorMode
    detector: str
    """Empty: no face crop."""
    splits: SplitPlan
    votes: Path | None

    def build_options(self, workspace: Workspace) -> PictureOptions:
        """For `import_source`; builds the detector, so call it in the thread that will use it.

        Raises:
            ConfigError: the detector can't be had.
        """
        crop = None
        if self.detector:
            from fer_core.inference.face_import import build_cropper

            crop = build_cropper(self.detector, workspace, width=self.width, height=self.height)
        return PictureOptions(
            width=self.width,
            height=self.height,
            color=self.color,
            class_map=self.class_map,
            splits=self.splits,
            crop=crop,
        )


def render_form(found: Found, workspace: Workspace) -> Plan | None:
    """Show the questions; returns the plan, or None while something is missing (which is said)."""
    source, votes = found.source, None
    class_map: dict[str, str] | None = {}
    height, width, color = _FORMATS[next(iter(_FORMATS))]
    detector, splits = "", SplitPlan()
    if source.takes_votes:
        votes = _choose_votes()
    if source.scan is not None:
        class_map = _choose_mapping(found, source.scan)
        left, right = st.columns(2)
        with left:
            height, width, color = _choose_format()
            splits = _choose_splits(source.split_counts)
        with right:
            detector = _choose_crop(workspace, has_boxes=any(item.box for item in source.scan.items))
    name, replace = _choose_name(found, workspace, with_votes=votes is not None)
    problem = _find_problem(class_map, name, replace, workspace)
    if problem or class_map is None:
        st.caption(f":material/pending: {escape_markdown(problem)}")
        return None
    return Plan(
        name=name,
        replace=replace,
        class_map=class_map,
        width=width,
        height=height,
        color=color,
        detector=detector,
        splits=splits,
        votes=votes,
    )


def _choose_votes() -> Path | None:
    upload = st.file_uploader(
        "FER+ votes of the same rows, fer2013new.csv (if you have them)",
        type=["csv", "zip"],
        max_upload_size=MAX_UPLOAD_MB,
        key="import_votes",
        help="MIT licence, from github.com/microsoft/FERPlus. With votes, targets come from ten annotators.",
    )
    if upload is None:
        st.session_state.pop("import_votes_file", None)
        return None
    known: tuple[str, UploadedFile] | None = st.session_state.get("import_votes_file")
    if known is None or known[0] != upload.file_id:
        known = (upload.file_id, keep_upload(upload.name, upload.getbuffer()))
        st.session_state["import_votes_file"] = known
    return known[1].path


def _choose_mapping(found: Found, scan: Scan) -> dict[str, str] | None:
    """What each class name of the source means; None while one is open."""
    suggested, counts = scan.suggest_mapping(), scan.label_counts
    st.markdown("**What the class names mean.** Check the guesses; nothing is read in before you do.")
    options = [*EMOTIONS, LEAVE_OUT]
    columns = st.columns(4)
    chosen: dict[str, str | None] = {}
    for index, (label, count) in enumerate(counts.items()):
        guess = suggested[label]
        with columns[index % 4], st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            if label in found.samples:
                st.image(found.samples[label], width=56, alt=f"A picture of {label}")
            chosen[label] = st.selectbox(
                f"{escape_markdown(label or '(empty)')} ({count:,})",
                options,
                index=None if guess is None else options.index(guess or LEAVE_OUT),
                placeholder="means…",
                key=f"import_map_{found.key}_{label}",
            )
    totals = {
        name: sum(counts[label] for label, meaning in chosen.items() if meaning == name) for name in EMOTIONS
    }
    st.caption(
        "Gives " + (", ".join(f"{name} {count:,}" for name, count in totals.items() if count) or "nothing")
    )
    if any(meaning is None for meaning in chosen.values()):
        return None
    return {label: "" if meaning == LEAVE_OUT else str(meaning) for label, meaning in chosen.items()}


def _choose_format() -> tuple[int, int, ColorMode]:
    name = st.selectbox("Size and colour", [*_FORMATS, _OTHER], key="import_format")
    if name != _OTHER:
        return _FORMATS[name]
    rows, columns, color = st.columns(3)
    height = rows.number_input("Rows, px", 24, 1024, 64, key="import_height")
    width = columns.number_input("Columns, px", 24, 1024, 64, key="import_width")
    return int(height), int(width), _COLORS[color.selectbox("Colour", list(_COLORS), key="import_color")]


def _choose_splits(counts: dict[str, int]) -> SplitPlan:
    own = ", ".join(f"{split} {count:,}" for split, count in counts.items() if split)
    if not counts.get(""):
        st.caption(f"The source divides its pictures itself ({own}); that stays.")
        return SplitPlan()
    if own:
        st.caption(f"The source divides some itself ({own}); the other {counts['']:,} are divided here.")
    valid, test, seed = st.columns(3)
    shares = [
        valid.number_input("Share of valid", 0.0, 0.9, 0.1, 0.05, key="import_valid"),
        test.number_input("Share of test", 0.0, 0.9, 0.1, 0.05, key="import_test"),
    ]
    number = int(seed.number_input("Seed", 0, key="import_seed"))
    try:
        return SplitPlan(valid=shares[0], test=shares[1], seed=number)
    except ConfigError as error:
        st.caption(f":material/error: {escape_markdown(str(error))}; 0.1 each is taken")
        return SplitPlan(seed=number)


def _choose_crop(workspace: Workspace, *, has_boxes: bool) -> str:
    wanted = st.toggle(
        "Find the face on each picture and cut it out",
        key="import_crop",
        help="For photographs. Those of FER2013, RAF-DB (aligned) or AffectNet are cut already. Pictures "
        "on which no face is found are left out; their share is reported.",
    )
    if not wanted:
        if has_boxes:
            st.caption("The source has face boxes; they are used only with this switched on.")
        return ""
    return choose_detector(workspace, key="import_detector")


def _choose_name(found: Found, workspace: Workspace, *, with_votes: bool) -> tuple[str, bool]:
    suggested = found.source.suggest_name(with_votes=with_votes)
    name = st.text_input(
        "Name of the data set", suggested, key=f"import_name_{found.key}_{with_votes}"
    ).strip()
    try:
        exists = workspace.dataset(name).exists()
    except ConfigError:
        return name, False
    replace = exists and st.checkbox(f"There is a data set {name} already: exchange it", key="import_replace")
    return name, bool(replace)


def _find_problem(class_map: dict[str, str] | None, name: str, replace: bool, workspace: Workspace) -> str:
    """What keeps the import from starting, in words; empty if nothing does."""
    if class_map is None:
        return "Say what every class name means, or leave it out."
    if class_map and len({emotion for emotion in class_map.values() if emotion}) < 2:
        return "A data set needs pictures of two emotions or more."
    try:
        exists = workspace.dataset(name).exists()
    except FerError as error:
        return str(error)
    return "Choose another name, or exchange the existing data set." if exists and not replace else ""
