"""`fer runs`: list training runs."""

import json
from typing import Annotated

from tyro.conf import arg

from fer_core.workspace import Workspace


def main(json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the training runs of the workspace, newest first.

    Args:
        json_output: Print JSON instead of a table.
    """
    from rich.console import Console
    from rich.table import Table

    from fer_core.runs.reader import list_runs

    workspace = Workspace.default()
    runs = list_runs(workspace)
    if json_output:
        print(json.dumps([{"name": run.name, **run.status, "state": run.state} for run in runs], indent=2))
        return 0
    if not runs:
        print(f"no runs in {workspace.runs}; start one with: fer train --preset quick")
        return 0
    table = Table("run", "state", "epoch", "best", "in epoch")
    for run in runs:
        status = run.status
        best = status.get("best_score")
        table.add_row(
            run.name,
            run.state,
            f"{status.get('epoch', 0)}/{status.get('num_epochs', '?')}",
            "" if best is None else f"{best:.4f}",
            str(status.get("best_epoch") or ""),
        )
    Console().print(table)
    return 0
