"""Hyperparameter search: many ordinary runs, chosen by optuna. No torch in here."""

from fer_core.sweeps.space import Choice, Range, SearchSpace, load_space
from fer_core.sweeps.store import Sweep, SweepSettings, create_sweep, list_sweeps, load_sweep
from fer_core.sweeps.study import open_study, read_study
from fer_core.sweeps.worker import WorkerReport, launch_worker, run_worker, stop_workers

__all__ = [
    "Choice",
    "Range",
    "SearchSpace",
    "Sweep",
    "SweepSettings",
    "WorkerReport",
    "create_sweep",
    "launch_worker",
    "list_sweeps",
    "load_space",
    "load_sweep",
    "open_study",
    "read_study",
    "run_worker",
    "stop_workers",
]
