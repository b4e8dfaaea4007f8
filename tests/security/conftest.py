"""A guard against outbound connections, a served dashboard, and a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st

from fer_core.workspace import Workspace
from tests.e2e.dashboard import serve_dashboard
from tests.small_models import save_small_model

GUARD = Path(__file__).parent / "guard"


class Outbound:
    """What processes tried to reach that is not this machine."""

    def __init__(self, log: Path) -> None:
        self.log = log
        path = os.pathsep.join(item for item in (str(GUARD), os.environ.get("PYTHONPATH", "")) if item)
        self.environment = {"PYTHONPATH": path, "FER_NETWORK_LOG": str(log)}
        """Variables that put a process and its children under the guard."""

    def read(self) -> str:
        """One entry an attempt, with its stack; empty if there was none."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def read_children(self) -> str:
        """Command lines of the processes that were started."""
        path = self.log.with_name(f"{self.log.name}.children")
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture(scope="session")
def outbound(tmp_path_factory: pytest.TempPathFactory) -> Outbound:
    """The guard's log and the variables that switch it on."""
    return Outbound(tmp_path_factory.mktemp("outbound") / "attempts.log")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, outbound: Outbound) -> Iterator[str]:
    """Address of a dashboard under the guard, with one small model in its workspace."""
    folder = tmp_path_factory.mktemp("served")
    workspace = Workspace(folder / "workspace")
    save_small_model(workspace, "small")
    # As on a newcomer's machine: nothing forbids asking the Hub.
    environment = {**outbound.environment, "HF_HUB_OFFLINE": ""}
    with serve_dashboard(workspace, folder / "server.log", environment=environment) as url:
        yield url


@pytest.fixture
def app_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """An empty workspace, whichever models ship with the project."""
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    st.cache_resource.clear()
    st.cache_data.clear()
    return workspace


@pytest.fixture
def save_model(app_workspace: Workspace) -> Callable[..., Path]:
    """Saves a small network as the best checkpoint of a run, and returns its folder."""
    return lambda name, **options: save_small_model(app_workspace, name, **options)
