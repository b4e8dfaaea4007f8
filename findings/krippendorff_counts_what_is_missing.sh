#!/usr/bin/env bash
# Surprise: with names as codes, the library for Krippendorff's alpha counts what was not coded as a code of its own. A unit that both
#   left empty ("") is perfect agreement: alpha 0.30 where it is -0.25. None does the same once the table is a table of texts ("None").
# Guess before running: missing is missing, as NaN is with numbers; or an error.
# Versions: krippendorff 0.9.0. Source: alpha() takes every value but NaN ("nan") of the data for a value of the domain.
# Seen: "numbers with NaN: -0.25; names with '': 0.30"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet krippendorff==0.9.0
env/bin/python - <<'PYTHON'
import krippendorff
import numpy as np

numbers = [[0, 1, np.nan, 0], [0, 0, np.nan, 1]]
names = [["a", "b", "", "a"], ["a", "a", "", "b"]]
one, other = (krippendorff.alpha(data, level_of_measurement="nominal") for data in (numbers, names))
print(f"numbers with NaN: {one:.2f}; names with '': {other:.2f}")
assert round(one, 2) == -0.25 and round(other, 2) == 0.30
PYTHON
