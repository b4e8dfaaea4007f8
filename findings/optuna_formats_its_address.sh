#!/usr/bin/env bash
# Surprise: optuna's storage address is a format string. A folder with braces in its name, {b} say, ends in KeyError before
#   the database is touched, and {} in IndexError; {SCHEMA_VERSION} is replaced by a number, so that the database is
#   made in another folder than the one named.
# Guess before running: an address is taken as it is, as SQLAlchemy takes it; all three open the file that they name.
# Versions: optuna 4.9.0. Source: RDBStorage calls str.format(SCHEMA_VERSION=...) on its url, for templates.
# Seen: "{b}: KeyError", "{}: IndexError", "{SCHEMA_VERSION}: made 12/x.db"; with braces doubled all files are where they
#   should be
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet optuna==4.9.0
env/bin/python - <<'PYTHON'
from pathlib import Path
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
print("optuna", optuna.__version__)
Path("12").mkdir()
seen = []
for name in ("{b}", "{}", "{SCHEMA_VERSION}"):
    Path(name).mkdir()
    try:
        optuna.create_study(storage=f"sqlite:///{name}/x.db")
        seen.append("made " + str(next(Path().glob("*/x.db"))))
    except (KeyError, IndexError) as cause:
        seen.append(type(cause).__name__)
    print(f"{name}: {seen[-1]}")
    doubled = name.replace("{", "{{").replace("}", "}}")
    optuna.create_study(storage=f"sqlite:///{doubled}/y.db")
    assert Path(name, "y.db").is_file()
raise SystemExit(seen != ["KeyError", "IndexError", "made 12/x.db"])
PYTHON
