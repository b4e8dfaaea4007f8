"""How long the evaluation report takes from stored predictions, bootstrap included.

`python benchmarks/report.py RUN [RUN ...]` with runs that have been evaluated (`fer evaluate RUN --save`).
"""

import sys
import time

from fer_core.evaluation.comparison import compare, find_evaluation
from fer_core.evaluation.report import build_report
from fer_core.workspace import Workspace


def main() -> None:
    workspace = Workspace.default()
    stored = [find_evaluation(key, workspace) for key in sys.argv[1:]]
    for item in stored:
        started = time.perf_counter()
        report = build_report(item.predictions, item.report.subject)
        seconds = time.perf_counter() - started
        print(f"{item.key}: {report.n:,} faces, {report.num_resamples:,} resamples: {seconds:.2f} s")
    if len(stored) > 1:
        started = time.perf_counter()
        compare(stored, workspace)
        print(f"comparison of {len(stored)} models: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
