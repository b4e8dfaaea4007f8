#!/usr/bin/env bash
# Surprise: optuna.load_study on a database that holds no study raises KeyError, and has by then made its thirteen tables
#   in it; on a file that does not exist, listing the studies makes the file. A viewer that opens what a settings file
#   names writes into other programs' databases.
# Guess before running: load_study and get_all_study_summaries only read; the first raises, the second returns [].
# Versions: optuna 4.9.0. Source: optuna's RDBStorage creates its schema in its constructor.
# Seen: "load_study: KeyError; tables before 1, after 14", "get_all_study_summaries: []; file made: True"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet optuna==4.9.0
env/bin/python - <<'PYTHON'
import sqlite3
from pathlib import Path
import optuna

def count_tables():
    with sqlite3.connect("other.db") as database:
        return database.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0]

print("optuna", optuna.__version__)
with sqlite3.connect("other.db") as database:
    database.execute("create table recordings (name text)")
before, error = count_tables(), ""
try:
    optuna.load_study(study_name="any", storage="sqlite:///other.db")
except KeyError as cause:
    error = type(cause).__name__
print(f"load_study: {error}; tables before {before}, after {count_tables()}")
studies = optuna.get_all_study_summaries("sqlite:///absent.db")
print(f"get_all_study_summaries: {studies}; file made: {Path('absent.db').exists()}")
raise SystemExit((error, before, count_tables() > 10, Path("absent.db").exists()) != ("KeyError", 1, True, True))
PYTHON
