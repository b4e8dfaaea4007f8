"""Working on one run: waiting for its device, then training.

`python -m fer_core.cli.job RUN` is what the detached process of a submitted run executes; `fer train` does
the same in the foreground.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from fer_core.errors import FerError
from fer_core.jobs.control import get_request
from fer_core.jobs.devices import build_device_environment
from fer_core.jobs.launch import build_environment
from fer_core.jobs.queue import WaitObserver, hold_devices
from fer_core.jobs.stopping import StopRequestedError, StopSignal
from fer_core.jobs.torchrun import build_torchrun_command, follow_parent, run_shared
from fer_core.runs.layout import STOP_FILE
from fer_core.runs.reader import load_run
from fer_core.runs.writer import RunWriter
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.training.loop import Observer

_LOG: Final = logging.getLogger(__name__)
_MODULE: Final[str] = "fer_core.cli.job"
NICE: Final[int] = 10
"""How far training steps back for other programs by default, 0 to 19."""


def main(name: str) -> int:
    """Work on a submitted run to its end; everything worth telling goes into its folder."""
    workspace = Workspace.default()
    folder = workspace.run(name)
    with StopSignal(marker=folder / STOP_FILE) as stop:
        try:
            if "RANK" in os.environ:
                follow_parent()
                with suppress(StopRequestedError):
                    train_here(RunWriter.attach(folder), workspace, stop=stop)
            else:
                writer = RunWriter.attach(folder)
                writer.set_state("queued")  # with the identity of this process
                work(writer, workspace, stop=stop)
        except FerError as error:
            print(f"run {name}: {error}", file=sys.stderr)
            return 1
    return 0


def work(
    writer: RunWriter,
    workspace: Workspace,
    *,
    stop: StopSignal,
    observer: "Observer | None" = None,
    on_wait: WaitObserver | None = None,
    is_patient: bool = True,
    nice: int = NICE,
) -> str:
    """Wait for the devices of a queued run, train in this process or several, and return the final state.

    Whatever ends it before the training loop takes over is told in the run's status.

    Raises:
        FerError: the run failed; its message is in the status too.
    """
    with _telling(writer), ExitStack() as held:
        try:
            with _logging(writer):
                request = get_request(load_run(writer.folder))
                holding = hold_devices(
                    writer, workspace, request, stop=stop, is_patient=is_patient, on_wait=on_wait
                )
                locks = held.enter_context(holding)
            writer.set_state("running", locks=list(locks), eta_s=None)
            if nice:  # only now: what waits has no reason to step back
                os.nice(nice)
            environment = build_device_environment(locks)
            if request.num_processes > 1:
                return _train_shared(writer, workspace, request.num_processes, environment, stop)
            held.enter_context(_environment(environment))
            return train_here(writer, workspace, stop=stop, observer=observer)
        except StopRequestedError as stopped:
            _LOG.info("%s", stopped)
            writer.set_state("stopped", eta_s=None)
            return "stopped"


def train_here(
    writer: RunWriter, workspace: Workspace, *, stop: StopSignal, observer: "Observer | None" = None
) -> str:
    """Train a run whose devices are held, as the only process or as one of several.

    Raises:
        FerError: the run failed.
    """
    with _telling(writer):
        with _logging(writer):
            stop.check()
            from fer_core.training.start import open_run

            trainer = open_run(writer, workspace, observer=observer)
        stop.hand_over(trainer.request_stop)
        return trainer.run()


def _train_shared(
    writer: RunWriter,
    workspace: Workspace,
    num_processes: int,
    environment: Mapping[str, str],
    stop: StopSignal,
) -> str:
    from fer_core.data.builtin import open_dataset

    with _logging(writer):
        # The built-in set is drawn on first use: by one process, not by all at once.
        open_dataset(load_run(writer.folder).config["data"]["dataset"], workspace)
        stop.check()
    command = build_torchrun_command(num_processes, _MODULE, writer.name)
    return run_shared(writer, command, build_environment(workspace) | dict(environment), stop=stop)


def _is_first() -> bool:
    """Whether this is the only process of the run, or the first of several."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def _telling(writer: RunWriter) -> Iterator[None]:
    """Write the cause of a failure into the status, unless that is told already."""
    try:
        yield
    except StopRequestedError:
        raise
    except BaseException as error:
        if _is_first() and load_run(writer.folder).state != "failed":
            message = str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
            with _logging(writer):
                _LOG.error(
                    "run %s failed: %s", writer.name, message, exc_info=not isinstance(error, FerError)
                )
            RunWriter.attach(writer.folder).set_state("failed", message=message, eta_s=None)
        raise


@contextmanager
def _logging(writer: RunWriter) -> Iterator[None]:
    """Write records into the run's log; while the training loop runs, it does that itself."""
    logger = logging.getLogger("fer_core")
    handler = writer.open_log() if _is_first() else logging.NullHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
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
