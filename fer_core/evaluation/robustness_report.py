"""What a model keeps of its accuracy on corrupted images: on disk, beside its evaluation report. No torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.errors import RunError
from fer_core.evaluation.corruptions import CORRUPTIONS
from fer_core.io import read_record, write_json

SCHEMA_VERSION: Final[int] = 1
ROBUSTNESS_FILE: Final[str] = "robustness.json"
CLEAN: Final[str] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRow:
    """Scores of a model on a split whose pictures were all corrupted in one way."""

    corruption: str
    """Name of the corruption; `none` for the pictures as they are."""
    severity: int
    """1 to 3; 0 for the pictures as they are."""
    strength: float
    """In the corruption's own unit."""
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessReport:
    """All rows of one model, and what they are about."""

    weights_sha256: str
    dataset: str
    data_fingerprint: str
    split: str
    rows: tuple[RobustnessRow, ...]
    protocol: str = ""
    """The rule that chose images and labels, and over which classes; empty in older files."""

    def describe(self) -> str:
        """Data set, split, protocol and number of images in one phrase."""
        return ", ".join(filter(None, (self.dataset, self.split, self.protocol, f"n = {self.clean.n:,}")))

    @property
    def clean(self) -> RobustnessRow:
        """The pictures as they are."""
        return next(row for row in self.rows if row.corruption == CLEAN)

    def of(self, corruption: str) -> tuple[RobustnessRow, ...]:
        """The rows of one corruption, weakest first."""
        return tuple(
            sorted((row for row in self.rows if row.corruption == corruption), key=lambda row: row.severity)
        )


def compute_mean_accuracy(rows: Sequence[RobustnessRow]) -> float:
    """Mean accuracy over all corruptions and severities, the clean pictures left out."""
    return float(np.mean([row.accuracy for row in rows if row.severity]))


def save_robustness(report: RobustnessReport, folder: Path) -> None:
    """Write robustness.json into the folder of the evaluation report."""
    write_json(folder / ROBUSTNESS_FILE, {"schema_version": SCHEMA_VERSION, **asdict(report)})


def load_robustness(folder: Path, key: str, *, weights_sha256: str) -> RobustnessReport | None:
    """Read robustness.json; None if there is none.

    Args:
        folder: of the evaluation report.
        key: name of the model, for messages.
        weights_sha256: checksum of the weights that it must be about.

    Raises:
        RunError: it is damaged, of another version of the program, or about other weights.
    """
    path = folder / ROBUSTNESS_FILE
    if not path.is_file():
        return None
    advice = "measure it again"
    report = read_record(path, RobustnessReport, RunError, advice=advice, schema_version=SCHEMA_VERSION)
    found = [(row.corruption, row.severity) for row in report.rows]
    known = {CLEAN, *(item.name for item in CORRUPTIONS)}
    if (CLEAN, 0) not in found or not {name for name, _ in found} <= known:
        raise RunError(f"{path} lacks the plain pictures, or names unknown corruptions; {advice}")
    if report.weights_sha256 != weights_sha256:
        raise RunError(
            f"the robustness of {key!r} was measured with weights {report.weights_sha256[:12]}, but the "
            f"model now has {weights_sha256[:12]}; measure it again"
        )
    return report
