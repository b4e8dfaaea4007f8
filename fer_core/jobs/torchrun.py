"""One run shared by several processes: starting torchrun, passing on a stop, cleaning up after a crash."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from fer_core.errors import RunError
from fer_core.jobs.stopping import StopSignal
from fer_core.runs.process import ProcessIdentity
from fer_core.runs.reader import Run, load_run, load_status
from fer_core.runs.writer import RunWriter

_POLL_S: Final[float] = 0.2
_PR_SET_PDEATHSIG: Final[int] = 1


def build_torchrun_command(num_processes: int, module: str, *arguments: str) -> list[str]:
    """The command that runs a module in several processes of this machine.

    torchrun and not `accelerate launch --cpu`, which quietly starts one process.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*launcher, "--nproc_per_node", str(num_processes), "-m", module, *arguments]


def follow_parent() -> None:
    """Get SIGTERM when the parent dies, even by SIGKILL (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_processes(
    writer: RunWriter,
    command: list[str],
    environment: Mapping[str, str],
    *,
    stop: StopSignal,
    on_poll: Callable[[], None] | None = None,
) -> str:
    """Run the processes of a run to their end and return its final state.

    The first of them reports itself in the run's status and takes stops from there on; what is left to do
    here is to pass on a stop that came to this process, and to tell a crash that none of them could tell.

    Raises:
        RunError: they ended without finishing, stopping or telling why.
    """
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C comes here alone, and is passed on to the one that can save
        preexec_fn=follow_parent,  # noqa: PLW1509 - this process has one thread
    )
    told: ProcessIdentity | subprocess.Popen[bytes] | None = None
    try:
        while process.poll() is None:
            if stop.is_requested:
                target = _find_first(writer) or process
                if target != told:
                    told = target
                    target.terminate()
            if on_poll is not None:
                on_poll()
            time.sleep(_POLL_S)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    return _conclude(load_run(writer.folder), writer, process.returncode, stop)


def _find_first(writer: RunWriter) -> ProcessIdentity | None:
    """The first of the processes, once it has reported itself."""
    process = load_status(writer.folder).process
    if process is None or process.pid == os.getpid():
        return None
    process.check_is_ours(f"run {writer.name!r}")
    return process


def _conclude(run: Run, writer: RunWriter, exit_status: int, stop: StopSignal) -> str:
    if run.state in ("finished", "stopped"):
        return run.state
    if run.state == "failed":
        raise RunError(run.status.message or f"run {run.name!r} failed")
    facts = RunWriter.attach(writer.folder)
    if stop.is_requested:
        facts.set_state("stopped", eta_s=None)
        return "stopped"
    raise RunError(f"the processes of run {run.name!r} ended with status {exit_status}; the log says why")
