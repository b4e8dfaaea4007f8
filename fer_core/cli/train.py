"""`fer train`: train a model, with every setting of the configuration as an option."""

import os
import shlex
import signal
from dataclasses import dataclass, field
from typing import Annotated

from tyro.conf import arg

from fer_core.cli.base_config import BaseOptions, parse_options
from fer_core.cli.terminal import say
from fer_core.config import TrainConfig, list_presets
from fer_core.errors import ConfigError, FerError
from fer_core.registry import list_plugin_names
from fer_core.runs.run_files import CONFIG_FILE
from fer_core.titles import name_after
from fer_core.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class TrainCommand(BaseOptions):
    """Train a model. Settings come from the preset or file, then from the options given here."""

    name: str | None = None
    """Name of the run; if not given, that of the preset, file or network with a number: `quick-1`."""
    resume: str | None = None
    """Continue a stopped, failed or interrupted run; all other settings come from that run."""
    device: str = ""
    """Where to train: `cuda:0`, `cuda` (any GPU), `mps` or `cpu`; the fastest kind there is if not given."""
    num_processes: int = 1
    """Processes that share each batch: one GPU each, or all on the CPU."""
    detach: bool = False
    """Only put the run into the queue and return; it goes on by itself. `fer runs` shows and stops it."""
    wait: bool = True
    """Wait until no other run of this workspace is on the device; `--no-wait` starts beside it."""
    nice: int = 10
    """How far to step back for other programs, 0 to 19, so that a live stream beside it stays fluent."""
    config: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    """The training configuration."""


def parse(arguments: list[str]) -> int:
    """Read the command line (the preset first, since it changes every other default) and train."""
    command = parse_options(TrainCommand, arguments, prog="fer train", description=_describe())
    if "RANK" in os.environ:
        return _train_under_launcher(command)
    start(command)
    return 0


def start(command: TrainCommand) -> None:
    """Put a run into the queue, or train it while the command runs, and tell what came of it.

    Raises:
        FerError: a setting does not work, or the run failed.
    """
    if command.detach:
        _submit(command)
    else:
        _train(command)


def _describe() -> str:
    """Without loading torch, as the registry of networks would."""
    added = ", ".join(list_plugin_names("fer_workbench.models"))
    return (
        f"Train a model. Presets: {', '.join(list_presets())}. Networks: `fer summary` lists them"
        f"{f', with {added} of installed packages' if added else ''}."
    )


def _check(command: TrainCommand, workspace: Workspace) -> None:
    """Tell what can't work before the run waits for its turn and a data set is drawn."""
    if command.resume:
        return
    from fer_core.training.checks import check_settings
    from fer_core.training.task import check_network

    check_network(
        command.config,
        check_settings(command.config, workspace, num_processes=command.num_processes),
    )


def _choose_name(command: TrainCommand) -> str:
    """The name that was given; else one after the preset, the run or file of the settings, or the network."""
    path = command.config_file
    origin = path and (path.resolve().parent.name if path.name == CONFIG_FILE else path.stem)
    return command.name or name_after(command.preset or origin or command.config.model.name)


def _find_resumed(command: TrainCommand, workspace: Workspace) -> str:
    from fer_core.runs.reader import find_run

    return find_run(command.resume or "", workspace).name


def _submit(command: TrainCommand) -> None:
    from fer_core import jobs

    if not command.wait:
        raise ConfigError("--detach waits for its turn; leave out --no-wait, or train in the foreground")
    workspace = Workspace.default()
    _check(command, workspace)
    if command.resume:
        run = jobs.resume_run(_find_resumed(command, workspace), workspace)
    else:
        run = jobs.submit_run(
            command.config,
            workspace,
            name=_choose_name(command),
            device=command.device,
            num_processes=command.num_processes,
        )
    say(f"{run.state}: {run.folder}")
    say(f"watch it with: fer runs log {shlex.quote(run.name)} --follow")


def _train(command: TrainCommand) -> None:
    """Train while the command runs, with progress bars; Ctrl-C or SIGTERM stops it resumably."""
    from fer_core import jobs
    from fer_core.cli.train_bars import TrainBars
    from fer_core.jobs.stopping import StopSignal
    from fer_core.jobs.worker import execute_run
    from fer_core.runs.adaptation import load_adaptation
    from fer_core.runs.reader import load_run

    workspace = Workspace.default()
    _check(command, workspace)
    if command.resume:
        writer = jobs.requeue_run(_find_resumed(command, workspace), workspace, is_launched=False)
    else:
        writer = jobs.enqueue_run(
            command.config,
            workspace,
            name=_choose_name(command),
            device=command.device,
            num_processes=command.num_processes,
            is_launched=False,
        )
    with StopSignal((signal.SIGINT, signal.SIGTERM)) as stop, TrainBars(writer) as bars:
        stop.notify(
            lambda: bars.print("stopping after this step; resume with the command printed at the end")
        )
        try:
            state = execute_run(
                writer,
                workspace,
                stop=stop,
                observer=bars,
                on_wait=bars.print,
                on_poll=bars.look,
                when_busy="wait" if command.wait else "share",
                nice=command.nice,
            )
        except FerError:
            if not command.resume:
                jobs.discard_unbegun_run(writer.name, workspace)
            raise
    run = load_run(writer.folder)
    say(f"{state}: {run.folder}")
    if run.best is not None:
        say(f"best epoch {run.status.best_epoch}, validation {run.config['monitor']} {run.best:.4f}")
    if state == "stopped":
        say(f"continue with: fer train --resume {shlex.quote(run.name)}")
    adaptation = load_adaptation(run.folder)
    if adaptation is not None:
        say("\n".join(adaptation.describe()))


def _train_under_launcher(command: TrainCommand) -> int:
    """Train as one of the processes that torchrun or accelerate started, on this or many machines.

    The first holds the devices of its machine. It can't wait for them, for the others would give up on it.
    """
    from fer_core.jobs.worker import train_under_launcher

    if command.detach or command.num_processes > 1:
        raise ConfigError("--detach and --num-processes start processes themselves; use `fer train` for that")
    state = train_under_launcher(
        command.config,
        Workspace.default(),
        name=_choose_name(command),
        resume=command.resume,
        when_busy="refuse" if command.wait else "share",
        nice=command.nice,
    )
    if int(os.environ["RANK"]) == 0:
        say(state)
    return 0
