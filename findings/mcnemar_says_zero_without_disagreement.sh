#!/usr/bin/env bash
# Surprise: two coders who agree on every item differ significantly, says the corrected McNemar test of statsmodels: p = 0.
#   Without the correction it is NaN, exact it is 1, which is right: there is nothing to tell them apart by.
# Guess before running: 1, or NaN, from all three.
# Versions: statsmodels 0.15.0. Source: the statistic is (|b - c| - 1)^2 / (b + c), which is 1 / 0 where b and c are 0.
# Seen: "corrected: 0.0, uncorrected: nan, exact: 1.0"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet statsmodels==0.15.0
env/bin/python - <<'PYTHON'
import warnings

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

warnings.simplefilter("ignore")
table = [[10, 0], [0, 10]]
corrected, plain = (mcnemar(table, exact=False, correction=flag).pvalue for flag in (True, False))
exact = mcnemar(table, exact=True).pvalue
print(f"corrected: {corrected}, uncorrected: {plain}, exact: {exact}")
assert corrected == 0 and np.isnan(plain) and exact == 1
PYTHON
