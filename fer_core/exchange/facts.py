"""What is known about each model of this machine, in one place for the page and the command."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fer_core.checkpoint import (
    CARD_FILE,
    INFO_FILE,
    CheckpointEntry,
    CheckpointInfo,
    get_default_key,
    list_checkpoint_folders,
    load_checkpoint_info,
)
from fer_core.data.store import list_datasets
from fer_core.errors import CheckpointError, RunError
from fer_core.evaluation.report import Report
from fer_core.evaluation.stored_reports import DEFAULT_SPLIT, load_report, locate_report
from fer_core.latency import Latency, find_latency
from fer_core.provenance import Terms
from fer_core.runs.cache import read_cached
from fer_core.runs.run_files import REPORT_FILE
from fer_core.titles import read_title
from fer_core.workspace import Workspace

FIGURES: Final[tuple[str, ...]] = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")
"""Figures that a listing shows, where they were measured."""
_BEST: Final[str] = "/best"


class ModelKind(StrEnum):
    """Where a model comes from."""

    SHIPPED = "shipped"
    IMPORTED = "imported"
    TRAINED = "trained"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What can be said about a model without loading it."""

    entry: CheckpointEntry
    kind: ModelKind
    num_bytes: int
    """Size of what predicts: the weights, or the largest ONNX file where there are no weights."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Some of `FIGURES`, as fractions."""
    protocol: str = ""
    """Data set, split and rule behind the figures."""
    n: int = 0
    """Images behind the figures; 0 if that is not said."""
    source: str = ""
    """Where the figures stand: `report` (measured on this machine's copy), `model.json`, or nowhere."""
    latency: Latency | None = None
    """Time for one face, where `fer benchmark` measured it."""
    terms: tuple[Terms, ...] = ()
    """Origin and terms of the training data, as far as they are known here."""
    has_card: bool = False
    is_default: bool = False
    """Whether it is the model that is used when nobody names one."""

    @property
    def key(self) -> str:
        """What a person types."""
        return self.entry.key

    @property
    def name(self) -> str:
        """The key without what every run's checkpoint has at its end."""
        return self.entry.key.removesuffix(_BEST)

    @property
    def title(self) -> str:
        """What people read: that of its run, or else the name; plain text, which a page must escape."""
        return read_title(self.entry.folder.parent) if self.kind is ModelKind.TRAINED else self.name

    @property
    def run(self) -> str:
        """The run whose best epoch this is, or that it was published from; empty if that is not said."""
        if self.kind is ModelKind.TRAINED:
            return self.name
        return str(self.entry.info.origin.get("run") or "")

    @property
    def licence(self) -> str:
        """Licences of the training data in one line; empty where nothing is known."""
        return "; ".join(item.describe() for item in self.terms)

    @property
    def has_weights(self) -> bool:
        """Whether torch can run it; an ONNX file alone can't be trained further."""
        return (self.entry.folder / self.entry.info.weights_file).is_file()


def get_kind(folder: Path, workspace: Workspace) -> ModelKind:
    """Where the checkpoint in `folder` comes from; a folder outside the workspace counts as imported."""
    parent = folder.resolve().parent
    if parent == workspace.checkpoints.resolve():
        return ModelKind.SHIPPED
    return ModelKind.TRAINED if parent.parent == workspace.runs.resolve() else ModelKind.IMPORTED


def list_models(workspace: Workspace) -> tuple[list[ModelFacts], dict[str, str]]:
    """Every model, and for those that can't be read the reason, by key.

    Args:
        workspace: where to look, beside the shipped ones.
    """
    known = {info.fingerprint: info.terms for info in list_datasets(workspace)}
    models, damaged = [], {}
    for key, folder in list_checkpoint_folders(workspace):
        try:
            info = read_cached(folder / INFO_FILE, _load_info_at)
            if info is None:  # removed meanwhile
                continue
            entry = CheckpointEntry(key, folder, info)
        except CheckpointError as error:
            damaged[key] = str(error)
            continue
        models.append(build_facts(entry, workspace, known=known))
    return models, damaged


def build_facts(
    entry: CheckpointEntry, workspace: Workspace, *, known: Mapping[str, tuple[Terms, ...]] | None = None
) -> ModelFacts:
    """Gather what is known about one model.

    Args:
        entry: the model.
        workspace: where its report and its data set may be.
        known: terms by fingerprint of data set; looked up if not given.
    """
    if known is None:
        known = {info.fingerprint: info.terms for info in list_datasets(workspace)}
    info = entry.info
    report = find_report(entry, workspace)
    common: dict[str, Any] = {
        "entry": entry,
        "kind": get_kind(entry.folder, workspace),
        "num_bytes": _measure_size(entry),
        "latency": find_latency(info.weights_sha256, workspace),
        "terms": info.terms or known.get(str(info.data.get("fingerprint") or ""), ()),
        "has_card": (entry.folder / CARD_FILE).is_file(),
        "is_default": entry.key == get_default_key(workspace),
    }
    if report is not None:
        return ModelFacts(
            **common,
            figures={
                name: report.figures[name].value
                for name in FIGURES
                if name in report.figures and report.figures[name].is_defined
            },
            protocol=report.subject.describe(),
            n=report.n,
            source="report",
        )
    stated = next((item for item in info.metrics if _is_number(item.get("accuracy"))), None)
    if stated is None:
        return ModelFacts(**common)
    rule = [str(stated.get(name) or "") for name in ("dataset", "split", "protocol")]
    return ModelFacts(
        **common,
        figures={name: float(stated[name]) for name in FIGURES if _is_number(stated.get(name))},
        protocol=", ".join(part for part in rule if part),
        n=stated["n"] if isinstance(stated.get("n"), int) else 0,
        source="model.json",
    )


def find_report(entry: CheckpointEntry, workspace: Workspace) -> Report | None:
    """The stored report of these weights on the validation split of their own data set, if there is one."""
    name = str(entry.info.data.get("name", ""))
    if not name:
        return None
    folder = locate_report(entry, workspace, dataset=name, split=DEFAULT_SPLIT)
    try:
        report = read_cached(folder / REPORT_FILE, _load_report_at)
    except RunError:  # damaged or of another version: as good as none, and evaluating again replaces it
        return None
    return report if report and report.subject.weights_sha256 == entry.info.weights_sha256 else None


def _load_info_at(path: Path) -> CheckpointInfo:
    return load_checkpoint_info(path.parent)


def _load_report_at(path: Path) -> Report:
    return load_report(path.parent)


def _measure_size(entry: CheckpointEntry) -> int:
    weights = entry.folder / entry.info.weights_file
    try:
        if weights.is_file():
            return weights.stat().st_size
        return max((path.stat().st_size for path in entry.folder.glob("*.onnx")), default=0)
    except OSError:  # removed meanwhile
        return 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
