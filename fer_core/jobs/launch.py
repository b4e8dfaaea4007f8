"""Starting a process that lives on by itself."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fer_core.errors import RunError
from fer_core.workspace import PROJECT_ROOT, WORKSPACE_VARIABLE, Workspace

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
