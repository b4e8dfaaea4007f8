"""`fer app`: open the dashboard."""

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from fer_core.cli.terminal import say
from fer_core.workspace import PROJECT_ROOT, START_VARIABLE, WORKSPACE_VARIABLE, Workspace


def main(*, port: int | None = None, browser: bool = True) -> int:
    """Open the dashboard in the browser. It listens on this machine only; Ctrl-C ends it.

    Streamlit's other settings are environment variables, such as STREAMLIT_SERVER_ADDRESS.

    Args:
        port: Where it listens; 8501, or the next that is free, if not given.
        browser: Open a browser.
    """
    return open_dashboard(port=port, browser=browser)


def open_dashboard(*, port: int | None, browser: bool, page: str = "") -> int:
    """Serve the dashboard in place of this program.

    Args:
        port: where it listens; 8501, or the next that is free, if not given.
        browser: open a browser.
        page: where a visitor begins, as in a link: `label?collection=smiles`.
    """
    if find_spec("streamlit") is None:
        raise ModuleNotFoundError("the dashboard needs streamlit", name="streamlit")
    from fer_core.inference.detectors import prepare_detector

    workspace = Workspace.default()
    choice = prepare_detector(workspace, say)
    if choice.note:
        say(choice.note)
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT_ROOT / "app" / "Home.py")]
    command += [] if port is None else ["--server.port", str(port)]
    command += [] if browser else ["--server.headless", "true"]
    return _become(command, {**build_environment(workspace), START_VARIABLE: page})


def build_environment(workspace: Workspace) -> dict[str, str]:
    """Variables of the server, which runs in `PROJECT_ROOT` for its settings are there."""
    path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, WORKSPACE_VARIABLE: str(workspace.root)}


def _become(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a program in place of this one, so that signals reach it."""
    if os.name == "posix":
        os.chdir(PROJECT_ROOT)
        sys.stdout.flush()
        os.execve(command[0], command, environment)
    return subprocess.call(command, cwd=PROJECT_ROOT, env=environment)
