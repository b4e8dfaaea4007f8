"""How often the 95 % intervals of a study hold the truth, on simulated repeated measures.

Each study has persons whose true means vary, and in each person an autocorrelated series (AR(1) of variance
1). The true mean is 0. Beside it: the naive interval, which takes all points for independent.

    python -m benchmarks.coverage            # the table of docs/STUDIES.md, about two minutes
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from fer_core.studies.statistics import estimate_mean

CASES = (
    *((5, 250, 0.9, 0.5), (10, 250, 0.9, 0.5), (20, 250, 0.9, 0.5), (40, 100, 0.9, 0.3)),
    *((20, 250, 0.9, 0.0), (20, 250, 0.0, 1.0), (3, 250, 0.9, 0.5)),
    *((1, 500, 0.5, 0.0), (1, 5000, 0.9, 0.0)),
)
"""Persons, points each, autocorrelation from point to point, standard deviation of the persons' means."""


@dataclass(frozen=True)
class Coverage:
    coverage: float
    naive: float
    refused: float
    """Share of studies without an interval."""


def measure_coverage(
    *,
    num_persons: int,
    num_points: int,
    phi: float,
    spread: float,
    num_studies: int,
    num_resamples: int,
    seed: int = 0,
) -> Coverage:
    """Share of studies whose interval holds 0."""
    hits, naive, intervals = 0, 0, 0
    for study in range(num_studies):
        generator = np.random.default_rng([seed, study, num_persons, num_points])
        noise = generator.normal(size=(num_persons, num_points)) * np.sqrt(1 - phi**2)
        noise[:, 0] = generator.normal(size=num_persons)
        values = lfilter([1], [1, -phi], noise, axis=1) + spread * generator.normal(size=(num_persons, 1))
        persons = {str(index): [row[:, None]] for index, row in enumerate(values)}
        found = estimate_mean(persons, num_values=1, num_resamples=num_resamples, seed=study)
        naive += abs(values.mean()) <= 1.96 * values.std(ddof=1) / np.sqrt(values.size)
        if not np.isnan(found.low[0]):
            intervals += 1
            hits += found.low[0] <= 0 <= found.high[0]
    return Coverage(hits / max(intervals, 1), naive / num_studies, 1 - intervals / num_studies)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    chosen = parser.parse_args()
    print("| persons | points | autocorrelation | spread of persons | coverage | naive | no interval |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for persons, points, phi, spread in CASES:
        found = measure_coverage(
            num_persons=persons, num_points=points, phi=phi, spread=spread,
            num_studies=chosen.studies, num_resamples=chosen.resamples,
        )  # fmt: skip
        figures = " | ".join(f"{100 * value:.1f} %" for value in (found.coverage, found.naive, found.refused))
        print(f"| {persons} | {points} | {phi} | {spread} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
