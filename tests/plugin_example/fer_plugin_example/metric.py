"""A metric: the Brier score, as a plain function that is called once per resample."""

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.metrics import METRICS, Metric, each_resample


def compute_brier(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> float:
    """Mean squared distance of the probabilities, N x K, from the truth, N; 0 is perfect, 2 the worst."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


METRICS.register("example_brier")(
    Metric(
        title="Brier score (example)",
        prepare=each_resample(compute_brier),
        reference="Brier, 1950",
        lower_is_better=True,
    )
)
