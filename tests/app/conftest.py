"""Fixtures for tests of pages: a workspace without shipped models, and small models for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st

from fer_core.workspace import Workspace
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
