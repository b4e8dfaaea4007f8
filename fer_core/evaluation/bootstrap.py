"""All figures of many resamples of the same images at once.

A resample is a column of weights: how often each image was drawn. Almost every figure is a function of
weighted sums over images, so one matrix product gives them for all resamples; the areas under curves come
from `ranking`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.ranking import compute_areas

FloatArray = npt.NDArray[np.floating[Any]]

NUM_RESAMPLES: Final[int] = 2000
NUM_BINS: Final[int] = 15
"""Bins of the calibration error."""
AGREEMENT_BANDS: Final[tuple[tuple[str, float, float], ...]] = (
    ("up to 60 %", 0.0, 0.6),
    ("60 to 80 %", 0.6, 0.8),
    ("80 to 99 %", 0.8, 0.995),
    ("all agree", 0.995, 1.01),
)
"""Name, above, up to and with: share of annotators who chose the most chosen class."""
_BLOCK: Final[int] = 250
_TINY: Final[float] = float(np.finfo(np.float64).eps)
"""Least probability that a logarithm sees, as in scikit-learn: a certain miss costs 36 nats, not infinity."""


def iterate_resamples(num_images: int, num_resamples: int, *, seed: int = 0) -> Iterator[FloatArray]:
    """Yield blocks of resamples with replacement, N x up to 250 float32 weights; a function of the seed.

    Equal arguments give equal resamples: figures of two models over them are paired.
    """
    generator = np.random.default_rng([seed, num_images])
    for start in range(0, num_resamples, _BLOCK):
        width = min(_BLOCK, num_resamples - start)
        drawn = generator.integers(0, num_images, size=(num_images, width))
        flat = (drawn * width + np.arange(width)).ravel()
        counts = np.bincount(flat, minlength=num_images * width)
        yield counts.reshape(num_images, width).astype(np.float32)


class Terms:
    """What each image contributes to the sums, worked out once for a set of predictions."""

    def __init__(
        self,
        predictions: Predictions,
        calibrations: Mapping[str, FloatArray] | None = None,
        *,
        with_areas: bool = True,
    ) -> None:
        """Prepare.

        Args:
            predictions: of N images.
            calibrations: further N x K probabilities whose calibration error is wanted, by figure name.
            with_areas: also compute the areas under the curves, which take most of the time.
        """
        self.predictions = predictions
        self.with_areas = with_areas
        self._columns: list[FloatArray] = []
        self._places: dict[str, slice] = {}
        num_classes = len(predictions.classes)
        cells = predictions.labels * num_classes + predictions.predicted
        self._add("cells", _one_hot(cells, num_classes**2))
        true_chance = predictions.probabilities[np.arange(len(predictions)), predictions.labels]
        self._add("log_loss", -np.log(np.clip(true_chance, _TINY, 1))[:, None])
        if num_classes > 2:
            self._add("top2_accuracy", _is_in_top_two(predictions)[:, None])
        calibrated = {"ece": predictions.probabilities, **(calibrations or {})}
        self._calibrated = tuple(calibrated)
        for name, probabilities in calibrated.items():
            self._add(name, _bin_gaps(probabilities, predictions.labels))
        self._add_annotators()
        self._matrix = np.hstack(self._columns)
        self._matrix32 = self._matrix.astype(np.float32)

    def _add(self, name: str, columns: npt.NDArray[Any]) -> None:
        start = sum(item.shape[1] for item in self._columns)
        self._places[name] = slice(start, start + columns.shape[1])
        self._columns.append(columns.astype(np.float64))

    def _add_annotators(self) -> None:
        shares = self.predictions.annotators
        if shares is not None:
            known = ~np.isnan(shares[:, 0])
            self._add("annotated", known[:, None])
            self._add("kl_divergence", _compute_kl(shares, self.predictions.probabilities)[:, None])
            self._add("js_distance", _compute_js(shares, self.predictions.probabilities)[:, None])
        agreement = self.predictions.agreement
        if agreement is not None:
            bands = [(agreement > low) & (agreement <= high) for _, low, high in AGREEMENT_BANDS]
            inside = np.stack(bands, axis=1)
            self._add("band_images", inside)
            self._add("band_right", inside & self.predictions.is_right[:, None])

    def compute(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every figure of every weighting: name to R values, NaN where undefined.

        Args:
            weights: N x R; float32 for resamples, float64 where every digit counts.
        """
        matrix = self._matrix32 if weights.dtype == np.float32 else self._matrix
        sums = matrix.T @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = self._from_confusion(sums[self._places["cells"]].astype(np.float64))
            self._add_means(figures, sums, weights.sum(axis=0))
        if self.with_areas:
            self._add_areas(figures, weights)
        return figures

    def _from_confusion(self, cells: FloatArray) -> dict[str, FloatArray]:
        classes = self.predictions.classes
        confusion = cells.reshape(len(classes), len(classes), -1)
        total = confusion.sum(axis=(0, 1))
        right = np.einsum("kkr->kr", confusion)
        support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
        precision, recall = right / predicted, right / support
        f1 = 2 * right / (support + predicted)
        present = support > 0
        chance_agreement = (support * predicted).sum(axis=0)
        agreement = right.sum(axis=0)
        spread = np.sqrt((total**2 - (predicted**2).sum(axis=0)) * (total**2 - (support**2).sum(axis=0)))
        figures = {
            "accuracy": agreement / total,
            "balanced_accuracy": _mean_where(recall, present),
            "macro_f1": _mean_where(f1, present),
            "weighted_f1": np.where(present, support * np.nan_to_num(f1), 0).sum(axis=0) / total,
            "kappa": (agreement * total - chance_agreement) / (total**2 - chance_agreement),
            "mcc": (agreement * total - chance_agreement) / spread,
        }
        for index, name in enumerate(classes):
            figures |= {
                f"precision.{name}": precision[index],
                f"recall.{name}": recall[index],
                f"f1.{name}": f1[index],
            }
        return {name: _finite_or_nan(values) for name, values in figures.items()}

    def _add_means(self, figures: dict[str, FloatArray], sums: FloatArray, total: FloatArray) -> None:
        for name in ("log_loss", "top2_accuracy"):
            if name in self._places:
                figures[name] = sums[self._places[name]][0] / total
        for name in self._calibrated:
            figures[name] = np.abs(sums[self._places[name]]).sum(axis=0) / total
        if "annotated" in self._places:
            annotated = sums[self._places["annotated"]][0]
            for name in ("kl_divergence", "js_distance"):
                figures[name] = _finite_or_nan(sums[self._places[name]][0] / annotated)
        if "band_images" in self._places:
            images, right = sums[self._places["band_images"]], sums[self._places["band_right"]]
            for index, (name, _, _) in enumerate(AGREEMENT_BANDS):
                figures[f"agreement.{name}"] = _finite_or_nan(right[index] / images[index])

    def _add_areas(self, figures: dict[str, FloatArray], weights: FloatArray) -> None:
        areas = [
            compute_areas(self.predictions.probabilities[:, index], self.predictions.labels == index, weights)
            for index in range(len(self.predictions.classes))
        ]
        for kind in ("roc_auc", "average_precision"):
            values = np.stack([getattr(area, kind) for area in areas])
            figures[kind] = _mean_where(values, ~np.isnan(values))
            for index, name in enumerate(self.predictions.classes):
                figures[f"{kind}.{name}"] = values[index]


def compute_point(terms: Terms) -> dict[str, float]:
    """The figures themselves, every image once, in double precision."""
    figures = terms.compute(np.ones((len(terms.predictions), 1)))
    return {name: float(values[0]) for name, values in figures.items()}


def compute_samples(
    terms: Terms, num_resamples: int = NUM_RESAMPLES, *, seed: int = 0
) -> dict[str, FloatArray]:
    """The figures of each resample: name to R values."""
    blocks = [
        terms.compute(weights)
        for weights in iterate_resamples(len(terms.predictions), num_resamples, seed=seed)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]} if blocks else {}


def _one_hot(numbers: npt.NDArray[np.int64], count: int) -> FloatArray:
    hot = np.zeros((len(numbers), count))
    hot[np.arange(len(numbers)), numbers] = 1
    return hot


def _mean_where(values: FloatArray, wanted: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean over the first axis of what is wanted; NaN where nothing is."""
    count = wanted.sum(axis=0)
    total = np.where(wanted, values, 0).sum(axis=0)
    means: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def _finite_or_nan(values: FloatArray) -> FloatArray:
    finite: FloatArray = np.where(np.isfinite(values), values, np.nan)
    return finite


def _is_in_top_two(predictions: Predictions) -> npt.NDArray[np.bool_]:
    order = np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, :2]
    hit: npt.NDArray[np.bool_] = (order == predictions.labels[:, None]).any(axis=1)
    return hit


def assign_bins(confidence: FloatArray) -> npt.NDArray[np.int64]:
    """Bin of each confidence: equal widths over (0, 1], each with its upper end."""
    bins: npt.NDArray[np.int64] = np.clip(
        np.ceil(confidence * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1
    )
    return bins


def _bin_gaps(probabilities: FloatArray, labels: npt.NDArray[np.int64]) -> FloatArray:
    """N x bins: right minus confidence, in the column of the image's bin."""
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels) - confidence
    gaps: FloatArray = _one_hot(assign_bins(confidence), NUM_BINS) * gap[:, None]
    return gaps


def _compute_kl(shares: FloatArray, probabilities: FloatArray) -> FloatArray:
    """KL(annotators || model) of each image in nats; 0 for images without votes (they carry no weight)."""
    ratio = np.where(shares > 0, shares, 1) / np.clip(probabilities, _TINY, 1)
    terms = np.where(shares > 0, shares * np.log(ratio), 0)
    divergence: FloatArray = terms.sum(axis=1)
    return divergence


def _compute_js(shares: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Jensen-Shannon distance (base 2, 0 to 1) of each image; 0 for images without votes."""
    known = ~np.isnan(shares[:, :1])
    left = np.where(known, shares, probabilities)
    middle = (left + probabilities) / 2
    parts = [
        np.where(side > 0, side * np.log2(np.where(side > 0, side, 1) / np.where(side > 0, middle, 1)), 0)
        for side in (left, probabilities)
    ]
    divergence = (parts[0] + parts[1]).sum(axis=1) / 2
    distance: FloatArray = np.sqrt(np.maximum(divergence, 0))
    return distance
