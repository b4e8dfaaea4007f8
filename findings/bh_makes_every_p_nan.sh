#!/usr/bin/env bash
# Surprise: one test without a p-value (NaN) among many makes every Benjamini-Hochberg p of statsmodels NaN, while the first is
#   still rejected; Holm on the same values keeps the NaN to itself and counts it as a test (0.01 becomes 0.04, not 0.03).
# Guess before running: an error, or the NaN is left out by both; or NaN only for itself.
# Versions: statsmodels 0.15.0. Source: fdrcorrection takes the running minimum from the largest p down, and NaN sorts last.
# Seen: "holm: [0.04 nan 0.09 0.09]", "fdr_bh: [nan nan nan nan], rejected: [True False False False]"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet statsmodels==0.15.0
env/bin/python - <<'PYTHON'
import numpy as np
from statsmodels.stats.multitest import multipletests

values = [0.01, np.nan, 0.04, 0.03]
holm, (rejected, bh, *_) = multipletests(values, method="holm")[1], multipletests(values, method="fdr_bh")
print(f"holm: {holm.round(2)}", f"fdr_bh: {bh}, rejected: {rejected}", sep="\n")
assert np.isnan(holm).tolist() == [False, True, False, False] and round(holm[0], 2) == 0.04
assert np.isnan(bh).all() and rejected.tolist() == [True, False, False, False]
PYTHON
