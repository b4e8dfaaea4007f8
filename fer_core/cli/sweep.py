"""`fer sweep`: search for good settings by many short runs."""

import shlex
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.base_config import BaseOptions, parse_options
from fer_core.cli.terminal import say
from fer_core.config import TrainConfig
from fer_core.errors import ConfigError
from fer_core.progress import Progress, get_audience
from fer_core.sweeps.store import SWEEP_FILE, Pruner
from fer_core.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SweepCommand(BaseOptions):
    """Make a sweep, or continue one. Started several times, on one machine or many, it shares the work."""

    name: Annotated[Positional[str], arg(metavar="NAME")] = ""
    """Name of the sweep."""
    space: Path | None = None
    """TOML file with a `[space]` table of settings to vary; makes a new sweep."""
    trials: int = 20
    """Runs that this worker tries."""
    pruner: Pruner = "median"
    """Stop runs early that look bad: median, hyperband or none."""
    storage: str = ""
    """SQLAlchemy URL of the study, such as postgresql+psycopg://user@host/db; a local file if empty. A sweep
    that you did not make yourself needs it again: no address is contacted because a file names it."""
    device: str = ""
    """Where to train, as for `fer train`."""
    detach: bool = False
    """Let the worker go on by itself and return."""
    config: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    """Settings that every trial begins with."""


def parse(arguments: list[str]) -> int:
    """Read the command line and work on the sweep."""
    return sweep(parse_options(SweepCommand, arguments, prog="fer sweep"))


def sweep(command: SweepCommand) -> int:
    """Make or open the sweep, try settings and tell which were best."""
    from fer_core.jobs.stopping import StopSignal
    from fer_core.sweeps import (
        SweepSettings,
        create_sweep,
        launch_worker,
        load_space,
        load_sweep,
        read_study,
        run_worker,
    )
    from fer_core.sweeps.addresses import remember_address

    workspace = Workspace.default()
    if not command.name:
        raise ConfigError("name the sweep: fer sweep NAME --space FILE makes one, fer sweep NAME goes on")
    if command.space is not None:
        settings = SweepSettings(
            base=command.config,
            space=load_space(command.space),
            pruner=command.pruner,
            seed=command.config.seed,
            storage=command.storage,
        )
        chosen = create_sweep(command.name, settings, workspace)
    else:
        chosen = load_sweep(command.name, workspace)
        if command.storage:
            if command.storage != chosen.settings.storage:
                raise ConfigError(
                    f"--storage differs from the address in {chosen.folder / SWEEP_FILE}; give that one"
                )
            remember_address(command.storage)
    if command.detach:
        task = launch_worker(chosen, workspace, num_trials=command.trials, device=command.device)
        say(f"working on {chosen.folder}; see `fer tasks show {shlex.quote(task.name)}`")
        return 0
    audience = get_audience()
    num_done = 0

    def tell(number: int, state: str, score: float | None) -> None:
        nonlocal num_done
        num_done += 1
        text = f"trial {number:3d}  {state:<8}  {'' if score is None else f'{score:.4f}'}"
        say(text, flush=True)
        if audience is not None:
            audience.tell(Progress(num_done, command.trials, " ".join(text.split())))

    with StopSignal((signal.SIGINT, signal.SIGTERM)) as stop:
        report = run_worker(
            chosen,
            workspace,
            num_trials=command.trials,
            device=command.device,
            stop=stop,
            on_trial=tell,
        )
    counts = {"finished": report.num_finished, "pruned": report.num_pruned, "failed": report.num_failed}
    if report.num_stopped:
        counts["stopped"] = report.num_stopped
    say(", ".join(f"{count} {state}" for state, count in counts.items()))
    study = read_study(chosen)
    if any(trial.state.name == "COMPLETE" for trial in study.trials):
        best = study.best_trial
        say(f"best: {best.user_attrs['run']}, {chosen.settings.base.monitor} {best.value:.4f}")
        for name, value in best.params.items():
            say(f"  {name} = {value}")
    return 0
