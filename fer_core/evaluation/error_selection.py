"""Images that someone suspects of a wrong label, handed from the comparison to the data page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.data.suspected_labels import Suspect, note_suspects
from fer_core.errors import DataError
from fer_core.evaluation.predictions import Predictions
from fer_core.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which of the compared images are wanted; what is left empty does not narrow it."""

    truth: str = ""
    prediction: str = ""
    """Of the first model."""
    outcome: str = "all"
    """`all`, `wrong`, `right`, `only first right`, `only second right` or `both wrong`."""
    confidence: tuple[float, float] = (0.0, 1.0)
    """Of the first model, both ends included."""

    def find(self, first: Predictions, second: Predictions | None = None) -> npt.NDArray[np.int64]:
        """Positions in aligned predictions, the most confident mistakes of the first model on top.

        Raises:
            DataError: an outcome that needs a second model without one, or an unknown one.
        """
        keep = np.ones(len(first), dtype=bool)
        if self.truth:
            keep &= first.labels == first.classes.index(self.truth)
        if self.prediction:
            keep &= first.predicted == first.classes.index(self.prediction)
        low, high = self.confidence
        keep &= (first.confidence >= low) & (first.confidence <= high)
        keep &= self._match_outcome(first, second)
        positions = np.flatnonzero(keep)
        return positions[np.argsort(-first.confidence[positions], kind="stable")]

    def _match_outcome(self, first: Predictions, second: Predictions | None) -> npt.NDArray[np.bool_]:
        right = first.is_right
        if self.outcome in ("all", "wrong", "right"):
            return {"all": np.ones_like(right), "wrong": ~right, "right": right}[self.outcome]
        if second is None:
            raise DataError(f"{self.outcome!r} needs a second model; choose two runs")
        other = second.is_right
        outcomes = {
            "only first right": right & ~other,
            "only second right": ~right & other,
            "both wrong": ~right & ~other,
        }
        if self.outcome not in outcomes:
            raise DataError(f"unknown outcome {self.outcome!r}; expected all, wrong, right, {list(outcomes)}")
        return outcomes[self.outcome]

    def describe(self, first: str = "first", second: str = "second") -> str:
        """In words, for a table's caption or a suspect's origin; `first` and `second` name the models."""
        outcome = {
            "all": "",
            "wrong": f"{first} is wrong",
            "right": f"{first} is right",
            "only first right": f"only {first} is right",
            "only second right": f"only {second} is right",
            "both wrong": f"{first} and {second} are wrong",
        }.get(self.outcome, self.outcome)
        facts = {"truth": self.truth, "prediction": self.prediction}
        words = [f"{name} {value}" for name, value in facts.items() if value]
        words += [outcome] if outcome else []
        low, high = self.confidence
        if (low, high) != (0.0, 1.0):
            words.append(f"confidence {low:.2f} to {high:.2f}")
        return ", ".join(words) or "all images"


def add_suspects(
    workspace: Workspace, dataset: str, fingerprint: str, rows: Sequence[int], source: str
) -> int:
    """Add images to the suspects of a data set; returns how many there are now.

    Those of another version of the data set are dropped, since their row numbers mean other images.

    Raises:
        DataError: the file is damaged.
    """
    suspects = [Suspect(row=int(row), source=source) for row in rows]
    return note_suspects(workspace, dataset, fingerprint, suspects)
