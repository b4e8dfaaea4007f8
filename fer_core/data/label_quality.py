"""What is wrong with a data set's labels: annotators who disagree, and labels that a model doubts."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.ferplus import compute_distributions
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.labels import EMOTIONS

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


def compute_vote_entropy(votes: Float64Array) -> Float64Array:
    """Entropy in bits of each image's votes, N; 0 where all agree, NaN without a vote."""
    total = votes.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = votes / total
        terms = np.where(shares > 0, shares * np.log2(shares), 0.0)
    return np.asarray(np.where(total[:, 0] > 0, -terms.sum(axis=1), np.nan))


def name_majority(dataset: Dataset) -> npt.NDArray[np.object_]:
    """Class of each image by FER+ majority, N; empty where the protocol discards it.

    Raises:
        DataError: the data set has no votes.
    """
    distributions = compute_distributions(dataset.votes, "majority", dataset.info.classes)
    kept = ~np.isnan(distributions[:, 0])
    majority = np.full(len(kept), "", object)
    majority[kept] = np.array(dataset.info.classes, object)[distributions[kept].argmax(axis=1)]
    return majority


def name_classes(dataset: Dataset) -> npt.NDArray[np.object_]:
    """What each image counts as, N: the majority of its votes where there are votes, else its label."""
    return name_majority(dataset) if dataset.info.has_votes else dataset.samples["label"].to_numpy(object)


def compute_label_flow(dataset: Dataset) -> pd.DataFrame:
    """Images of each source label (rows) by FER+ majority (columns; `discarded` where there is none).

    Raises:
        DataError: the data set has no votes.
    """
    majority = np.where((found := name_majority(dataset)) == "", "discarded", found)
    table = pd.crosstab(dataset.samples["label"], majority)
    rows = [name for name in EMOTIONS if name in table.index]
    return table.reindex(index=rows, columns=[*EMOTIONS, "discarded"], fill_value=0)


def find_label_errors(labels: Int64Array, probabilities: Float64Array) -> Int64Array:
    """Positions of likely label errors, most suspicious first (confident learning, cleanlab).

    Args:
        labels: given class of each image, N.
        probabilities: a model's that has not been trained on these images, N x K.

    Raises:
        DataError: the shapes do not go together.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels) or len(labels) == 0:
        raise DataError(f"{len(labels):,} labels but probabilities of shape {probabilities.shape}")
    from cleanlab.filter import find_label_issues

    return np.asarray(
        find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1),
        np.int64,
    )
