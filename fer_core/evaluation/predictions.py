"""What a model said about each image of a split: the table that every figure is computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.errors import DataError

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

CHANCE_PREFIX: Final[str] = "p_"
SHARE_PREFIX: Final[str] = "annotators_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Truth, probabilities and annotators of N images, classes in one order."""

    classes: tuple[str, ...]
    """K names."""
    rows: Int64Array
    """Row of each image in its data set; distinct."""
    labels: Int64Array
    """True class, N."""
    probabilities: Float64Array
    """N x K; rows sum to 1."""
    annotators: Float64Array | None = None
    """Annotators' shares of the classes, N x K; NaN rows where nobody voted for a class."""
    agreement: Float64Array | None = None
    """Share of all annotators who chose the most chosen column, N; NaN without votes."""

    def __post_init__(self) -> None:
        num_images, num_classes = len(self.rows), len(self.classes)
        if num_images == 0 or self.probabilities.shape != (num_images, num_classes):
            raise DataError(
                f"predictions hold {num_images:,} rows and probabilities of shape "
                f"{self.probabilities.shape}; expected at least one row and {num_classes} classes"
            )
        if len(self.labels) != num_images or not _is_within(self.labels, num_classes):
            raise DataError("predictions hold labels that are no class; evaluate the model again")
        sums = self.probabilities.sum(axis=1)
        if not np.isfinite(self.probabilities).all() or np.abs(sums - 1).max() > 1e-3:
            raise DataError(
                "predictions hold probabilities that do not sum to 1, or are not finite; evaluate again"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def predicted(self) -> Int64Array:
        """Most probable class, N; ties go to the first."""
        predicted: Int64Array = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def confidence(self) -> Float64Array:
        """Probability of the predicted class, N."""
        confidence: Float64Array = self.probabilities.max(axis=1)
        return confidence

    @property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether the prediction is the truth, N."""
        right: npt.NDArray[np.bool_] = self.predicted == self.labels
        return right

    def take(self, places: Int64Array) -> "Predictions":
        """The predictions of some images.

        Args:
            places: at least one position, 0 to N - 1.
        """
        return Predictions(
            classes=self.classes,
            rows=self.rows[places],
            labels=self.labels[places],
            probabilities=self.probabilities[places],
            annotators=None if self.annotators is None else self.annotators[places],
            agreement=None if self.agreement is None else self.agreement[places],
        )

    def with_classes(self, classes: Sequence[str]) -> "Predictions":
        """The same predictions with the classes in another order.

        Raises:
            DataError: not the same classes.
        """
        if tuple(classes) == self.classes:
            return self
        if set(classes) != set(self.classes) or len(classes) != len(self.classes):
            raise DataError(f"classes {', '.join(self.classes)} are not {', '.join(classes)}")
        order = np.array([self.classes.index(name) for name in classes])
        places: Int64Array = np.argsort(order).astype(np.int64)
        labels: Int64Array = places[self.labels]
        return Predictions(
            classes=tuple(classes),
            rows=self.rows,
            labels=labels,
            probabilities=self.probabilities[:, order],
            annotators=None if self.annotators is None else self.annotators[:, order],
            agreement=self.agreement,
        )

    def to_frame(self) -> pd.DataFrame:
        """As in predictions.parquet: `row`, `truth`, `prediction`, `p_<class>`, annotators if known."""
        names = np.array(self.classes, dtype=object)
        columns: dict[str, npt.ArrayLike] = {
            "row": self.rows,
            "truth": names[self.labels],
            "prediction": names[self.predicted],
        }
        for index, name in enumerate(self.classes):
            columns[CHANCE_PREFIX + name] = self.probabilities[:, index]
        if self.annotators is not None:
            for index, name in enumerate(self.classes):
                columns[SHARE_PREFIX + name] = self.annotators[:, index]
        if self.agreement is not None:
            columns["agreement"] = self.agreement
        return pd.DataFrame(columns)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, classes: Sequence[str]) -> "Predictions":
        """Undo `to_frame`; the annotators' columns may be missing.

        Raises:
            DataError: a column is missing, or what is in them is no prediction.
        """
        chances = [CHANCE_PREFIX + name for name in classes]
        missing = [name for name in ("row", "truth", *chances) if name not in frame]
        if missing:
            raise DataError(f"predictions lack the columns {', '.join(missing)}; evaluate the model again")
        places = {name: index for index, name in enumerate(classes)}
        labels = frame["truth"].map(places)
        if labels.isna().any():
            raise DataError("predictions hold a truth that is no class; evaluate the model again")
        shares = [SHARE_PREFIX + name for name in classes]
        has_shares = all(name in frame for name in shares)
        return cls(
            classes=tuple(classes),
            rows=frame["row"].to_numpy(np.int64),
            labels=np.array(labels.tolist(), dtype=np.int64),
            probabilities=frame[chances].to_numpy(np.float64),
            annotators=frame[shares].to_numpy(np.float64) if has_shares else None,
            agreement=frame["agreement"].to_numpy(np.float64) if "agreement" in frame else None,
        )


def _is_within(labels: Int64Array, num_classes: int) -> bool:
    return bool(labels.min() >= 0 and labels.max() < num_classes)
