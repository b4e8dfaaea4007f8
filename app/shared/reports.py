"""What the comparison page reads: models, their reports and comparisons. Never loads torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import streamlit as st

from app.shared.run_data import load_metrics, name_model
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.errors import FerError, RunError
from fer_core.evaluation.comparison import Comparison, compare, find_evaluation
from fer_core.evaluation.report import Report
from fer_core.evaluation.stored_reports import StoredEvaluation, check_conditions, load_report, locate_report
from fer_core.runs.cache import read_cached
from fer_core.runs.records import EpochRecord
from fer_core.runs.run_files import PREDICTIONS_FILE, REPORT_FILE
from fer_core.workspace import Workspace

TTA_TITLES: Final[Mapping[str, str]] = {"none": "as they are", "flip": "mean with the mirror image"}

Stamp = tuple[object, ...]


class Conditions(NamedTuple):
    """What models are put side by side under; reports of other conditions are never mixed in."""

    dataset: str
    split: str
    tta: str

    def describe(self) -> str:
        """In words: `ferplus, valid`."""
        tta = "" if self.tta == "none" else ", with flip averaging"
        return f"{self.dataset}, {self.split}{tta}"


def list_models(workspace: Workspace) -> dict[str, CheckpointEntry]:
    """Every model by the key that people know it by: a run's name, or a shipped checkpoint's."""
    found: dict[str, CheckpointEntry] = {}
    for entry in list_checkpoints(workspace):
        name = entry.key.removesuffix("/best")
        found[entry.key if name in found else name] = entry
    return found


def list_names(workspace: Workspace) -> dict[str, str]:
    """What people read for each key of `list_models`; no title that is another model's key."""
    names = {key: name_model(key, workspace) for key in list_models(workspace)}
    return {key: key if name in names and name != key else name for key, name in names.items()}


def find_key(name: str, workspace: Workspace) -> str:
    """The key of the model that `list_names` calls so; `name` itself if there is none."""
    return next((key for key, item in list_names(workspace).items() if item == name), name)


def locate(entry: CheckpointEntry, conditions: Conditions, workspace: Workspace) -> Path:
    """Folder in which a model's report of these conditions lies, or would."""
    return locate_report(entry, workspace, **conditions._asdict())


def load_summary(
    key: str, entry: CheckpointEntry, conditions: Conditions, workspace: Workspace
) -> Report | str:
    """A model's report, or why there is none that can be used; empty if there is none at all.

    Reads report.json only, once for as long as it stays the same.
    """

    def read(path: Path) -> Report | str:
        try:
            return load_report(path.parent)
        except RunError as error:
            return str(error)

    report = read_cached(locate(entry, conditions, workspace) / REPORT_FILE, read)
    if report is None:
        return ""
    if isinstance(report, str):
        return report
    if report.subject.weights_sha256 != entry.info.weights_sha256:
        return f"the report of {key!r} is about other weights than it has now; evaluate it again"
    try:
        check_conditions(report, key, **conditions._asdict())
    except RunError as error:
        return str(error)
    return report


def report_stamp(entry: CheckpointEntry, conditions: Conditions, workspace: Workspace) -> Stamp:
    """Changes when the report, its predictions or the weights do."""
    folder = locate(entry, conditions, workspace)
    stamp: list[object] = [entry.info.weights_sha256]
    for name in (REPORT_FILE, PREDICTIONS_FILE):
        try:
            stat = (folder / name).stat()
            stamp += [stat.st_ino, stat.st_mtime_ns, stat.st_size]
        except OSError:
            stamp.append(None)
    return tuple(stamp)


# Resources, not data: pages share one object, which nobody changes, instead of unpickling a copy a rerun.
@st.cache_resource(max_entries=32, show_spinner=False)
def load_stored(key: str, stamp: Stamp, conditions: Conditions, root: str) -> StoredEvaluation | str:
    """The evaluation of a model, or why there is none that can be used."""
    try:
        return find_evaluation(key, Workspace(Path(root)), **conditions._asdict())
    except FerError as error:
        return str(error)


@st.cache_resource(max_entries=8, show_spinner="Comparing on 2,000 resamples…")
def load_comparison(
    names: Mapping[str, str], stamps: tuple[Stamp, ...], conditions: Conditions, root: str
) -> Comparison:
    """Compare models that have reports, by key what they are called; the first is the baseline."""
    found = [load_stored(key, stamp, conditions, root) for key, stamp in zip(names, stamps, strict=True)]
    return compare([item for item in found if not isinstance(item, str)], Workspace(Path(root)), names=names)


def load_learning_curves(names: Sequence[str], workspace: Workspace) -> Mapping[str, Sequence[EpochRecord]]:
    """Records of each run's epochs, by what it is called; shipped checkpoints have none."""
    from fer_core.runs.reader import load_run

    records = {}
    for name in names:
        try:
            records[name] = load_metrics(load_run(workspace.run(find_key(name, workspace))))
        except FerError:  # a shipped checkpoint, or a run whose records are damaged: the others still count
            continue
    return {name: item for name, item in records.items() if item}
