"""Fixtures that every kind of test shares."""

import os
from pathlib import Path

import pytest

# Trackers and hubs must not be reached from tests, whatever the machine is set up for.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout, where there is one."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no ../shared beside this checkout")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty workspace that the code under test finds as its default."""
    from fer_core.workspace import Workspace

    monkeypatch.setenv("FER_WORKSPACE", str(tmp_path / "workspace"))
    return Workspace.default()
