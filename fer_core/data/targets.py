"""From stored labels or votes to what a model is trained on and scored against."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer_core.config import LabelMode
from fer_core.data.ferplus import compute_distributions
from fer_core.data.store import RATE_COLUMN, Dataset
from fer_core.errors import DataError
from fer_core.types import Float32Array


@dataclass(frozen=True, slots=True)
class Targets:
    """The images of a split that the protocol keeps, with their label distributions."""

    indices: npt.NDArray[np.int64]
    """Row numbers in the data set, ascending; M of them."""
    distributions: Float32Array
    """M x K; rows sum to 1."""
    protocol: str
    """The rule in words, to print beside every figure."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Most probable class of each row, M."""
        labels: npt.NDArray[np.int64] = self.distributions.argmax(axis=1)
        return labels


def compute_targets(dataset: Dataset, split: str, mode: LabelMode) -> Targets:
    """Targets of a split by a label mode; images that the protocol discards are left out.

    A data set without votes gives its labels as one-hot rows. Where it says how many listeners chose the
    label, the modes `crossentropy` and `probability` spread the rest evenly over the other classes.

    Raises:
        DataError: the split does not exist, or nothing of it is kept.
    """
    rows = dataset.split_indices(split)
    if dataset.info.has_votes:
        distributions = compute_distributions(dataset.votes[rows], mode, dataset.info.classes)
        kept = ~np.isnan(distributions[:, 0])
        rows, distributions = rows[kept], distributions[kept]
        protocol = f"FER+ {mode}"
    else:
        positions = {name: index for index, name in enumerate(dataset.info.classes)}
        labels = dataset.samples["label"].iloc[rows].map(positions).to_numpy(np.int64)
        distributions = np.eye(len(positions))[labels]
        protocol = "single label"
        if RATE_COLUMN in dataset.samples and mode in ("crossentropy", "probability"):
            distributions = _soften(distributions, dataset.samples[RATE_COLUMN].to_numpy(np.float64)[rows])
            protocol = "label by the share of listeners"
    if len(rows) == 0:
        raise DataError(f"the protocol {protocol} keeps no image of split {split!r} of {dataset.name!r}")
    return Targets(rows, distributions.astype(np.float32), protocol)


def match_classes(targets: Targets, classes: Sequence[str], wanted: Sequence[str]) -> Targets:
    """Targets over other classes, matched by name; images whose own class is none of them are left out.

    Args:
        targets: over `classes`.
        classes: names of the columns.
        wanted: names of the columns that are returned; those that `classes` lacks get no share.
    """
    if tuple(wanted) == tuple(classes):
        return targets
    shares = np.zeros((len(targets), len(wanted)), np.float32)
    for place, name in enumerate(wanted):
        if name in classes:
            shares[:, place] = targets.distributions[:, list(classes).index(name)]
    kept = np.isin(targets.labels, [place for place, name in enumerate(classes) if name in wanted])
    shares = shares[kept]
    return Targets(targets.indices[kept], shares / shares.sum(axis=1, keepdims=True), targets.protocol)


def _soften(labels: npt.NDArray[np.float64], rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One-hot rows with the share `rates` on the label; no less than chance, which would mean "not this"."""
    num_classes = labels.shape[1]
    rates = np.clip(rates, 1 / num_classes, 1)[:, None]
    softened: npt.NDArray[np.float64] = labels * rates + (1 - labels) * (1 - rates) / (num_classes - 1)
    return softened


def mix_labels(dataset: Dataset, targets: Targets, weight: float) -> Targets:
    """Targets in which the images' own single labels have a share beside the votes.

    Args:
        dataset: the data; unchanged targets if it has no votes, for then these are the labels already.
        targets: made of its votes. An image whose label is none of the classes keeps them.
        weight: share of the labels, 0 to 1.
    """
    if weight == 0 or not dataset.info.has_votes:
        return targets
    positions = {name: index for index, name in enumerate(dataset.info.classes)}
    places = dataset.samples["label"].iloc[targets.indices].map(positions)
    known = places.notna().to_numpy()
    mixed = targets.distributions.copy()
    mixed[known] *= 1 - weight
    mixed[known, places[known].astype(int)] += weight
    protocol = f"{targets.protocol}, with {weight:.0%} of the data set's own label"
    return replace(targets, distributions=mixed, protocol=protocol)


def temper_targets(targets: Targets, temperature: float) -> Targets:
    """Targets with every distribution raised to the power 1 / temperature and brought to sum 1 again.

    Args:
        targets: distributions t.
        temperature: below 1 sharpens, above 1 evens out what is above 0; 1 leaves them as they are.
    """
    if temperature == 1:
        return targets
    powers = (targets.distributions / targets.distributions.max(axis=1, keepdims=True)) ** (1 / temperature)
    return replace(targets, distributions=powers / powers.sum(axis=1, keepdims=True))


def compute_class_prior(
    targets: Targets, classes: Sequence[str], *, is_balanced: bool = False
) -> dict[str, float]:
    """The share of each class in what is learnt, by name; sums to 1.

    Args:
        targets: what is learnt.
        classes: names, in the order of the distributions' columns.
        is_balanced: each most probable class is drawn equally often.
    """
    if is_balanced:
        means = [targets.distributions[targets.labels == label].mean(axis=0) for label in set(targets.labels)]
        shares = np.mean(means, axis=0)
    else:
        shares = targets.distributions.mean(axis=0)
    return {name: round(float(share), 6) for name, share in zip(classes, shares, strict=True)}


def compute_pixel_statistics(
    dataset: Dataset, indices: npt.NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation a channel of the pixels of some images, in units of [0, 1]."""
    num_channels = 1 if dataset.images.ndim == 3 else 3
    total = np.zeros(num_channels)
    total_squares = np.zeros(num_channels)
    num_pixels = 0
    for start in range(0, len(indices), 4096):
        pixels = dataset.images[indices[start : start + 4096]].reshape(-1, num_channels) / np.float32(255)
        total += pixels.sum(axis=0, dtype=np.float64)
        total_squares += np.square(pixels).sum(axis=0, dtype=np.float64)
        num_pixels += len(pixels)
    mean = total / num_pixels
    # A data set of constant images has no spread; one keeps the division harmless.
    std = np.sqrt(np.maximum(total_squares / num_pixels - mean**2, 0))
    std[std < 1e-3] = 1.0
    return tuple(mean.tolist()), tuple(std.tolist())
