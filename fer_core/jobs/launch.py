"""Starting a process that lives on by itself."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fer_core.errors import RunError
from fer_core.io import read_json
from fer_core.runs.run_files import LOG_FILE, STATUS_FILE
from fer_core.workspace import PROJECT_ROOT, WORKSPACE_VARIABLE, Workspace

_POLL_S: Final[float] = 0.02
_TIMEOUT_S: Final[float] = 60.0
_DROPPED_PREFIXES: Final[tuple[str, ...]] = ("STREAMLIT_", "TORCHELASTIC_", "PYTEST_")
_DROPPED: Final[frozenset[str]] = frozenset(
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "ROLE_WORLD_SIZE"}
    | {"MASTER_ADDR", "MASTER_PORT"}
)


def build_environment(workspace: Workspace, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of a run's process: the caller's, without what belongs to a page or another training."""
    kept = {
        key: value
        for key, value in (os.environ if base is None else base).items()
        if key not in _DROPPED and not key.startswith(_DROPPED_PREFIXES)
    }
    return kept | {WORKSPACE_VARIABLE: str(workspace.root), "PYTHONUNBUFFERED": "1"}


def launch_run(folder: Path, workspace: Workspace) -> bool:
    """Start the process of a queued run and return when it has reported itself in the run's status.

    It has a session of its own and no terminal; what it prints goes to the run's log.

    Returns:
        False if it ended before that; why stands in the log.

    Raises:
        RunError: the system can't start it.
    """
    command = [sys.executable, "-m", "fer_core.cli.job", folder.name]
    process = start_detached(command, folder / LOG_FILE, workspace)
    return _wait_for_report(folder, process)


def start_detached(
    command: Sequence[str],
    log_path: Path,
    workspace: Workspace,
    *,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one; it has a session of its own and no terminal.

    Args:
        command: program and arguments.
        log_path: gets what it prints, behind what is there.
        workspace: the one that it works on.
        environment: variables beside those of `build_environment`.

    Raises:
        RunError: the system can't start it.
    """
    try:
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=PROJECT_ROOT,
                env=build_environment(workspace) | dict(environment or {}),
                start_new_session=True,
            )
    except OSError as cause:
        raise RunError(f"a process for {log_path.parent.name!r} can't be started: {cause}") from cause
    # A server lives for days: someone must wait for its children, or they stay behind as zombies.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return process


def _wait_for_report(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        if read_json(folder / STATUS_FILE, RunError).get("pid") is not None:
            return True
        if process.poll() is not None:
            # It may have reported and ended between the two looks.
            return read_json(folder / STATUS_FILE, RunError).get("pid") is not None
        time.sleep(_POLL_S)
    return process.poll() is None
