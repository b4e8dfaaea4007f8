"""Fixtures for tests of pages: a workspace without shipped models, and small models for it."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st

from fer_core import cli
from fer_core.jobs import task_process, tasks, torch_helper
from fer_core.workspace import TASK_VARIABLE, Workspace
from tests.small_models import save_small_model


@pytest.fixture
def app_workspace(workspace: Workspace, monkeypatch, tmp_path) -> Workspace:
    """An empty workspace, whichever models ship with the project."""
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    st.cache_resource.clear()
    st.cache_data.clear()
    return workspace


@pytest.fixture
def save_model(app_workspace: Workspace) -> Callable[[str], Path]:
    """Saves a small network with random weights as the best checkpoint of a run, and returns its folder."""

    def save(name: str, *, seed: int = 0) -> Path:
        metrics = [{"protocol": "FER+ majority", "split": "valid", "n": 3199, "accuracy": 0.8123}]
        return save_small_model(app_workspace, name, seed=seed, metrics=metrics)

    return save


@pytest.fixture
def tasks_at_once(monkeypatch) -> None:
    """Background tasks run in this process, and have ended when the page goes on: a process takes seconds."""

    def run(command, log_path, workspace, *, environment) -> None:
        with log_path.open("w") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            task_process.work_on_task(
                Path(environment[TASK_VARIABLE]), lambda: cli._run(command[3], command[4:])
            )

    # Pages run in threads of the test, and only the main one may catch signals.
    monkeypatch.setattr(task_process.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(tasks, "start_detached", run)


@pytest.fixture(autouse=True)
def patient_pages(monkeypatch) -> None:
    """Pages wait for what another process counts, so that one run of the script shows it."""
    monkeypatch.setattr(torch_helper, "PATIENCE_S", 120.0)
