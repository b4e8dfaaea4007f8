"""Evaluation reports on disk: where they lie, and reading them only when they can be trusted. No torch."""

import contextlib
import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from fer_core.checkpoint import CheckpointEntry
from fer_core.data.table_files import parse_frame
from fer_core.errors import DataError, RunError
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.report import Report
from fer_core.io import atomic_path, place_in, read_json, sha256_file, write_json
from fer_core.runs.run_files import PREDICTIONS_FILE, REPORT_FILE
from fer_core.workspace import Workspace

EVALUATIONS_FOLDER: Final[str] = "evaluations"
DEFAULT_SPLIT: Final[str] = "valid"


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """A report with the predictions that it was computed from."""

    key: str
    """What the model is called: a run's name or a shipped checkpoint's."""
    report: Report
    predictions: Predictions


def locate_report(
    entry: CheckpointEntry, workspace: Workspace, *, dataset: str, split: str, tta: str = "none"
) -> Path:
    """Folder of a report.

    A run's report on the validation split of its own data set lies in the run's folder, every other one in
    `evaluations/<data set>-<split>` of it. Reports of shipped checkpoints lie in the workspace, since what
    ships is not written to; those of a checkpoint folder elsewhere lie beside it.
    """
    is_own = dataset == entry.info.data.get("name") and split == DEFAULT_SPLIT and tta == "none"
    part = f"{dataset}-{split}" + ("" if tta == "none" else f"-{tta}")
    folder = entry.folder.resolve()
    if folder.parent.parent == workspace.runs.resolve():
        return folder.parent if is_own else place_in(folder.parent / EVALUATIONS_FOLDER, part)
    if folder.parent == workspace.checkpoints.resolve():
        return place_in(workspace.root / EVALUATIONS_FOLDER / folder.name, part)
    return folder if is_own else place_in(folder / EVALUATIONS_FOLDER, part)


def save_report(report: Report, predictions: Predictions, folder: Path) -> Report:
    """Write predictions.parquet and report.json, replacing both; returns the report as written.

    The report holds the checksum of the predictions, and replacing it is the step that counts. Until then
    the old predictions stay in reach under a name of their own: a reader, or a crash at any point, meets the
    old pair or the new one.

    Raises:
        StorageError: they can't be written; the old pair is still there.
    """
    kept = _keep_predictions(folder)
    with atomic_path(folder / PREDICTIONS_FILE) as temporary:
        predictions.to_frame().to_parquet(temporary, index=False)
        checksum = sha256_file(temporary)
    written = replace(report, predictions_sha256=checksum)
    write_json(folder / REPORT_FILE, written.to_dict())
    if kept is not None:
        kept.unlink(missing_ok=True)
    return written


def _keep_predictions(folder: Path) -> Path | None:
    """Copy the described predictions to where `load_evaluation` looks when they are replaced."""
    try:
        checksum = load_report(folder).predictions_sha256
    except RunError:
        return None  # no report yet, or one that nobody can read: there is nothing to keep
    path, kept = folder / PREDICTIONS_FILE, _name_kept(folder, checksum)
    if not kept.is_file() and path.is_file():
        with atomic_path(kept) as temporary:
            shutil.copyfile(path, temporary)
    return kept


def _read_described(folder: Path, checksum: str) -> pd.DataFrame | None:
    """The table with this checksum; None if there is none."""
    # The second one while they are being replaced, or where that was cut short.
    for path in (folder / PREDICTIONS_FILE, _name_kept(folder, checksum)):
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == checksum:
                return parse_frame(content, path, DataError)
    return None


def _name_kept(folder: Path, checksum: str) -> Path:
    return folder / f".predictions-{checksum[:12]}.parquet"


def load_report(folder: Path) -> Report:
    """Read report.json.

    Raises:
        RunError: missing, damaged, or of another version of the program.
    """
    path = folder / REPORT_FILE
    return Report.from_dict(read_json(path, RunError), source=str(path))


def check_conditions(report: Report, key: str, *, dataset: str, split: str, tta: str) -> None:
    """Make sure that a report is about what was asked for, wherever it was found.

    Raises:
        RunError: it is about another data set, split or test-time augmentation.
    """
    subject = report.subject
    seen, wanted = (subject.dataset, subject.split, subject.tta), (dataset, split, tta)
    if seen != wanted:
        raise RunError(
            f"the report found for {key!r} is about {', '.join(seen)}, but {', '.join(wanted)} was asked for "
            "(data set, split, test-time augmentation); evaluate it again"
        )


def load_evaluation(folder: Path, key: str, *, weights_sha256: str | None = None) -> StoredEvaluation:
    """Read report.json and predictions.parquet.

    Args:
        folder: where they lie.
        key: name of the model, for messages and tables.
        weights_sha256: checksum of the weights that it must be about; None to take any.

    Raises:
        RunError: missing or damaged, the two do not go together, or they are about other weights.
    """
    while True:
        report = load_report(folder)
        try:
            return _load_described(folder, key, report, weights_sha256)
        except RunError:
            if load_report(folder).predictions_sha256 == report.predictions_sha256:
                raise
            # They were replaced while we read; the new ones are whole.


def _load_described(folder: Path, key: str, report: Report, weights_sha256: str | None) -> StoredEvaluation:
    path = folder / PREDICTIONS_FILE
    if weights_sha256 is not None and report.subject.weights_sha256 != weights_sha256:
        raise RunError(
            f"the report of {key!r} is about weights {report.subject.weights_sha256[:12]}, but the model now "
            f"has {weights_sha256[:12]}; evaluate it again"
        )
    if not path.is_file():
        raise RunError(f"{path} is missing; evaluate {key!r} again")
    try:
        frame = _read_described(folder, report.predictions_sha256)
        if frame is None:
            raise RunError(
                f"{path} is not the file that {REPORT_FILE} beside it describes (one of them is damaged, or "
                f"was exchanged); evaluate {key!r} again"
            )
        predictions = Predictions.from_frame(frame, report.classes)
    except (TypeError, ValueError, DataError) as cause:
        raise RunError(f"{path} can't be used: {cause}; evaluate {key!r} again") from cause
    return StoredEvaluation(key, report, predictions)
