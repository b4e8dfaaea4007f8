"""The process of a run: it waits for its device, then trains.

`python -m fer_core.jobs.worker RUN` is what the detached process of a submitted run executes; `fer train`
does the same in the foreground. Of this package, this module alone loads torch.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from fer_core.config import TrainConfig
from fer_core.errors import FerError
from fer_core.jobs.control import WORKER_MODULE, get_request
from fer_core.jobs.devices import build_device_environment, resolve_request
from fer_core.jobs.launch import build_environment
from fer_core.jobs.queue import WaitObserver, WhenBusy, hold_devices
from fer_core.jobs.stopping import StopRequestedError, StopSignal
from fer_core.jobs.torchrun import build_torchrun_command, follow_parent, run_processes
from fer_core.redact import redact
from fer_core.runs.process import is_first_process
from fer_core.runs.reader import load_run
from fer_core.runs.run_files import STOP_FILE
from fer_core.runs.writer import RunWriter
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.training.trainer import Observer

_LOG: Final = logging.getLogger("fer_core.jobs.worker")  # by name: as a program this module is `__main__`
NICE: Final[int] = 10
"""How far training steps back for other programs by default, 0 to 19."""


def main(name: str) -> int:
    """Execute a submitted run to its end; log and status in its folder tell the rest."""
    workspace = Workspace.default()
    folder = workspace.run(name)
    with StopSignal(marker=folder / STOP_FILE) as stop:
        try:
            if "RANK" in os.environ:
                follow_parent()
                with suppress(StopRequestedError):
                    train_run(RunWriter.attach(folder), workspace, stop=stop)
            else:
                writer = RunWriter.attach(folder)
                writer.set_state("queued")  # with the identity of this process
                execute_run(writer, workspace, stop=stop)
        except FerError as error:
            sys.stderr.write(f"run {name}: {error}\n")
            return 1
    return 0


def execute_run(
    writer: RunWriter,
    workspace: Workspace,
    *,
    stop: StopSignal,
    observer: "Observer | None" = None,
    on_wait: WaitObserver | None = None,
    on_poll: Callable[[], None] | None = None,
    when_busy: WhenBusy = "wait",
    nice: int = NICE,
) -> str:
    """Wait for the devices of a queued run, train in this process or several, and return the final state.

    Whatever ends it before the training loop takes over is told in the run's status.

    Raises:
        FerError: the run failed; its message is in the status too.
    """
    with _failure_in_status(writer), ExitStack() as held:
        try:
            with _run_log(writer):
                request = get_request(load_run(writer.folder))
                holding = hold_devices(
                    writer, workspace, request, stop=stop, when_busy=when_busy, on_wait=on_wait
                )
                locks = held.enter_context(holding)
            writer.set_state("running", locks=list(locks), eta_s=None)
            if nice:  # only now: what waits has no reason to step back
                os.nice(nice)
            environment = build_device_environment(locks)
            if request.num_processes > 1:
                return _train_shared(writer, workspace, request.num_processes, environment, stop, on_poll)
            held.enter_context(_environment_variables(environment))
            return train_run(writer, workspace, stop=stop, observer=observer)
        except StopRequestedError as stopped:
            _LOG.info("%s", stopped)
            writer.set_state("stopped", eta_s=None)
            return "stopped"


def train_run(
    writer: RunWriter, workspace: Workspace, *, stop: StopSignal, observer: "Observer | None" = None
) -> str:
    """Train a run whose devices are held, as the only process or as one of several.

    Raises:
        FerError: the run failed.
    """
    with _failure_in_status(writer):
        with _run_log(writer):
            stop.check()
            from fer_core.training.trainer import attach_trainer

            trainer = attach_trainer(writer, workspace, observer=observer)
        stop.forward_to(trainer.request_stop)
        return trainer.run()


def _train_shared(
    writer: RunWriter,
    workspace: Workspace,
    num_processes: int,
    environment: Mapping[str, str],
    stop: StopSignal,
    on_poll: Callable[[], None] | None,
) -> str:
    from fer_core.data.builtin import open_dataset

    with _run_log(writer):
        # The built-in set is drawn on first use: by one process, not by all at once.
        open_dataset(load_run(writer.folder).config["data"]["dataset"], workspace)
        stop.check()
    command = build_torchrun_command(num_processes, WORKER_MODULE, writer.name)
    return run_processes(
        writer, command, build_environment(workspace) | dict(environment), stop=stop, on_poll=on_poll
    )


def train_under_launcher(
    config: TrainConfig,
    workspace: Workspace,
    *,
    name: str | None,
    resume: str | None,
    when_busy: WhenBusy,
    nice: int = NICE,
) -> str:
    """Train as one of the processes that another program (torchrun, accelerate) started; return the state.

    Raises:
        FerError: the run failed, or the device is in use.
    """
    from fer_core.training.trainer import create_trainer, resume_trainer

    with StopSignal((signal.SIGINT, signal.SIGTERM)) as stop:
        trainer = (
            resume_trainer(resume, workspace) if resume else create_trainer(config, workspace, name=name)
        )
        os.nice(nice)
        stop.forward_to(trainer.request_stop)
        if not is_first_process():
            return trainer.run()
        request = resolve_request("cpu" if trainer.device.type == "cpu" else "", _count_local_processes())
        with (
            _failure_in_status(trainer.writer),
            hold_devices(trainer.writer, workspace, request, stop=stop, when_busy=when_busy),
        ):
            return trainer.run()


def _count_local_processes() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def _failure_in_status(writer: RunWriter) -> Iterator[None]:
    """Write the cause of a failure into the status, unless that is told already."""
    try:
        yield
    except StopRequestedError:
        raise
    except BaseException as error:
        if is_first_process() and load_run(writer.folder).state != "failed":
            message = str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
            with _run_log(writer):
                # Whoever runs it in the foreground reads the message from the command itself.
                level = logging.INFO if isinstance(error, FerError) else logging.ERROR
                _LOG.log(level, "run %s failed: %s", writer.name, message, exc_info=level == logging.ERROR)
            RunWriter.attach(writer.folder).set_state("failed", message=redact(message), eta_s=None)
        raise


@contextmanager
def _run_log(writer: RunWriter) -> Iterator[None]:
    """Write records into the run's log; while the training loop runs, it does that itself."""
    logger = logging.getLogger("fer_core")
    handler = writer.open_log() if is_first_process() else logging.NullHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def _environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while: torch reads them when it first looks for devices."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
