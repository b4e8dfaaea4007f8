"""Submitting, resuming, stopping and deleting runs."""

import shutil
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from fer_core.config import TrainConfig, config_from_dict, dump_config
from fer_core.errors import RunError
from fer_core.io import remove_directory
from fer_core.jobs.devices import DeviceRequest, resolve_request
from fer_core.jobs.launch import start_detached
from fer_core.jobs.queue import queue_mutex
from fer_core.runs.log_tail import read_log_tail
from fer_core.runs.process import request_stop
from fer_core.runs.reader import Run, load_run, load_status
from fer_core.runs.records import QueueEntry, RunStatus
from fer_core.runs.run_files import LOG_FILE, RESUMABLE_STATES, STOP_FILE
from fer_core.runs.writer import RunWriter
from fer_core.titles import name_after
from fer_core.workspace import Workspace

WORKER_MODULE: Final[str] = "fer_core.jobs.worker"
"""What the process of a run executes; named and not imported, for it loads torch."""
_LAUNCH_POLL_S: Final[float] = 0.02
_LAUNCH_TIMEOUT_S: Final[float] = 60.0


def submit_run(
    config: TrainConfig,
    workspace: Workspace,
    *,
    name: str | None = None,
    device: str = "",
    num_processes: int = 1,
) -> Run:
    """Put a run into the queue and start its process, which outlives the caller.

    What needs torch or the pixels is checked by that process: then the run ends in state `failed`, with the
    cause in `status.message`.

    Args:
        config: the settings.
        workspace: where the run is written.
        name: what it is called; one that ends in `-#` gets the next free number there. If not given, it is
            called after the network.
        device: `cuda:0`, `cuda` (any GPU), `mps`, `cpu`; empty for the fastest kind there is.
        num_processes: processes that share the work: one GPU each, or all on the CPU.

    Returns:
        The run in state `queued` (or beyond: it may begin at once).

    Raises:
        ConfigError: a setting, the name or the device does not work; nothing was written.
        DataError: there is no such data set, or it has no such split; nothing was written.
        RunError: the name is taken, or the workspace can't be written; nothing was left behind.
    """
    writer = enqueue_run(config, workspace, name=name, device=device, num_processes=num_processes)
    try:
        return _launch(writer.folder, workspace)
    except RunError:
        shutil.rmtree(writer.folder, ignore_errors=True)
        raise


def enqueue_run(
    config: TrainConfig,
    workspace: Workspace,
    *,
    name: str | None = None,
    device: str = "",
    num_processes: int = 1,
    is_launched: bool = True,
) -> RunWriter:
    """Check a run and write its folder in state `queued`; `submit_run` also starts its process.

    Args:
        config: as in `submit_run`.
        workspace: as in `submit_run`.
        name: as in `submit_run`.
        device: as in `submit_run`.
        num_processes: as in `submit_run`.
        is_launched: another process takes up the run; otherwise the caller is its process.

    Raises:
        FerError: as in `submit_run`.
    """
    from fer_core.training.checks import check_settings  # brings pandas

    request = resolve_request(device, num_processes)
    check_settings(config, workspace, num_processes=num_processes)
    config = _with_absolute_weights(config)
    return RunWriter.create(
        workspace,
        name or name_after(config.model.name),
        config_toml=dump_config(config),
        meta={"seed": config.seed},
        status=RunStatus(queue=_enter_queue(request), num_epochs=config.epochs),
        is_launched=is_launched,
    )


def resume_run(name: str, workspace: Workspace) -> Run:
    """Put a stopped, failed or interrupted run back into the queue and start a process for it.

    It goes on from its last saved state, or from the beginning if it had saved none. Device and number of
    processes are those it was submitted with.

    Raises:
        ConfigError: its device is not on this machine.
        RunError: no such run, it is active or finished, or its folder can't be written.
    """
    writer = requeue_run(name, workspace)
    try:
        return _launch(writer.folder, workspace)
    except RunError as error:
        writer.set_state("failed", message=str(error))
        raise


def requeue_run(name: str, workspace: Workspace, *, is_launched: bool = True) -> RunWriter:
    """Bring a run that is not active back into state `queued`, last in the queue.

    Args:
        name: the run.
        workspace: where it is.
        is_launched: another process takes up the run; otherwise the caller is its process.

    Raises:
        FerError: as in `resume_run`.
    """
    with queue_mutex(workspace):
        run = load_run(workspace.run(name))
        if run.state not in RESUMABLE_STATES:
            raise RunError(
                f"run {name!r} is {run.state}; only a stopped, failed or interrupted run can be resumed"
            )
        request = get_request(run)
        try:
            (run.folder / STOP_FILE).unlink(missing_ok=True)
            writer = RunWriter.attach(run.folder)
            writer.set_state(
                "queued", has_process=not is_launched, queue=_enter_queue(request), message=None, locks=()
            )
        except OSError as cause:
            raise RunError(f"run {name!r} can't be resumed: {cause}") from cause
    return writer


def get_request(run: Run) -> DeviceRequest:
    """Devices that a run asked for when it was submitted.

    Raises:
        ConfigError: this machine does not have them.
    """
    return resolve_request(run.status.queue.device, run.status.queue.num_processes)


def stop_run(name: str, workspace: Workspace) -> None:
    """Ask a run to finish its step, save and end; a queued one leaves the queue. Returns at once.

    Raises:
        RunError: no such run, it is not active, or its process belongs to another machine, container, program
            or person.
    """
    run = load_run(workspace.run(name))
    if not run.is_active:
        raise RunError(f"run {name!r} is {run.state}; there is nothing to stop")
    try:
        request_stop(run.status, run.folder / STOP_FILE, f"run {name!r}")
    except OSError as cause:
        raise RunError(f"run {name!r} can't be stopped: {cause}") from cause


def delete_run(name: str, workspace: Workspace) -> None:
    """Remove a run with everything in its folder: settings, scores, log and checkpoints.

    Raises:
        RunError: no such run, it is active, or its folder can't be removed.
    """
    folder = workspace.run(name)
    with queue_mutex(workspace):
        if not folder.is_dir():
            raise RunError(f"there is no run {name!r} in {workspace.runs}")
        if _is_active(folder):
            raise RunError(f"run {name!r} is active; stop it first")
        remove_directory(folder, f"run {name!r}", RunError)


def discard_unbegun_run(name: str, workspace: Workspace) -> None:
    """Remove a run that failed before its training began: a setting that does not work leaves no trace.

    Raises:
        RunError: it can't be removed.
    """
    run = load_run(workspace.run(name))
    if run.state == "failed" and run.meta.data_fingerprint is None:
        delete_run(name, workspace)


def _is_active(folder: Path) -> bool:
    """Whether a process works on it; a folder that can't be read has none."""
    try:
        return load_run(folder).is_active
    except RunError:
        return False


def clone_config(run: Run) -> TrainConfig:
    """The settings of a run, to start another one from.

    Raises:
        ConfigError: they are from another version of the program and can't be used; the message names which.
    """
    return config_from_dict(run.config)


def _launch(folder: Path, workspace: Workspace) -> Run:
    """Start the process of a queued run and return when it has reported itself in the run's status."""
    command = [sys.executable, "-m", WORKER_MODULE, folder.name]
    process = start_detached(command, folder / LOG_FILE, workspace)
    if not _wait_for_report(folder, process):
        lines = read_log_tail(load_run(folder), 20)
        message = "its process ended before it began: " + (lines[-1] if lines else "see the log")
        RunWriter.attach(folder).set_state("failed", message=message)
    return load_run(folder)


def _wait_for_report(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _LAUNCH_TIMEOUT_S
    while time.monotonic() < deadline:
        if load_status(folder).pid is not None:
            return True
        if process.poll() is not None:
            # It may have reported and ended between the two looks.
            return load_status(folder).pid is not None
        time.sleep(_LAUNCH_POLL_S)
    return process.poll() is None


def _enter_queue(request: DeviceRequest) -> QueueEntry:
    return QueueEntry(**asdict(request), submitted=time.time())


def _with_absolute_weights(config: TrainConfig) -> TrainConfig:
    """A file named relative to the caller's folder must be found from any other."""
    weights = config.transfer.weights
    if not weights or not Path(weights).is_file():
        return config
    return replace(config, transfer=replace(config.transfer, weights=str(Path(weights).resolve())))
