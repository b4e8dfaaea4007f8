"""Submitting the run that adapts a model to own faces."""

from fer_core.jobs.control import submit_run
from fer_core.runs.reader import Run
from fer_core.training.adapting import AdaptOptions, plan_adaptation
from fer_core.workspace import Workspace


def submit_adaptation(options: AdaptOptions, workspace: Workspace, *, device: str = "") -> Run:
    """Adapt a model in the background: an ordinary run, which `fer_core.runs.adaptation` tells the end of.

    Args:
        options: what is adapted to what.
        workspace: where models, data sets and runs are.
        device: as for `submit_run`.

    Raises:
        FerError: as for `plan_adaptation` and `submit_run`; no run was made.
    """
    plan = plan_adaptation(options, workspace)
    return submit_run(plan.config, workspace, name=plan.name, device=device)
