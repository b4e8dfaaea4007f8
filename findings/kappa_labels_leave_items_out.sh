#!/usr/bin/env bash
# Surprise: cohen_kappa_score(labels=...) reads like the order or the list of the classes. Items that one of the coders gave another
#   class are left out, so the disagreement goes: 0.67 becomes 1.0, perfect agreement, of coders who disagree on one of five.
# Guess before running: the same 0.67, or an error for a class that is not listed.
# Versions: scikit-learn 1.9.0. Source: it passes labels on to confusion_matrix, which drops pairs with other values.
# Seen: "all classes: 0.67; labels=['a', 'b']: 1.00"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet scikit-learn==1.9.0
env/bin/python - <<'PYTHON'
from sklearn.metrics import cohen_kappa_score

one, other = list("aabbc"), list("aabbb")
whole, listed = cohen_kappa_score(one, other), cohen_kappa_score(one, other, labels=["a", "b"])
print(f"all classes: {whole:.2f}; labels=['a', 'b']: {listed:.2f}")
assert round(whole, 2) == 0.67 and listed == 1.0
PYTHON
