"""Fixtures for tests of pages: a workspace without shipped models, and small models for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

SMALL_NETWORK = {"stem_width": 8, "widths": "8-8-8", "depths": "1-1-1"}


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
        import torch

        from fer_core.models import build_model, save_checkpoint

        torch.manual_seed(seed)
        network = build_model("fer_resnet", num_classes=len(EMOTIONS), in_channels=1, arguments=SMALL_NETWORK)
        info = CheckpointInfo(
            name=name,
            architecture="fer_resnet",
            arguments=SMALL_NETWORK,
            classes=EMOTIONS,
            input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
            weights_sha256="0" * 64,
            num_parameters=1234567,
            metrics=({"protocol": "FER+ majority", "split": "valid", "n": 3199, "accuracy": 0.8123},),
        )
        folder = app_workspace.run(name) / "best"
        folder.mkdir(parents=True)
        save_checkpoint(folder, network, info)
        return folder

    return save
