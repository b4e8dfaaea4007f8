"""Statistics of a study, on plain tables as `docs/STUDIES.md` describes them."""

from fer_core.studies.statistics.agreement import (
    Agreement,
    compare_coders,
    compute_alpha,
    compute_kappa,
)
from fer_core.studies.statistics.bootstrap import Estimate, estimate_mean
from fer_core.studies.statistics.comparison import PairedTest, compare_conditions, compare_pairs
from fer_core.studies.statistics.series import (
    STEP_S,
    Baseline,
    Series,
    add_valence,
    build_series,
    take_baseline_off,
)
from fer_core.studies.statistics.summaries import (
    count_expressions,
    summarise_around,
    summarise_codes,
    summarise_conditions,
    summarise_expressions,
    summarise_persons,
)

__all__ = [
    "STEP_S",
    "Agreement",
    "Baseline",
    "Estimate",
    "PairedTest",
    "Series",
    "add_valence",
    "build_series",
    "compare_coders",
    "compare_conditions",
    "compare_pairs",
    "compute_alpha",
    "compute_kappa",
    "count_expressions",
    "estimate_mean",
    "summarise_around",
    "summarise_codes",
    "summarise_conditions",
    "summarise_expressions",
    "summarise_persons",
    "take_baseline_off",
]
