"""Slow-to-make things that several unit tests use."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fer_core.data.builtin import write_schematic_faces
from fer_core.export import ExportOptions, ExportRecord, export_checkpoint
from fer_core.registry import Registry
from fer_core.workspace import Workspace
from tests.small_models import save_small_model


@dataclass(frozen=True)
class Exported:
    workspace: Workspace
    folder: Path
    records: dict[str, ExportRecord]


OPTIONS = {
    "fp32": ExportOptions(),
    "fp16": ExportOptions(format="fp16"),
    "int8": ExportOptions(format="int8", num_calibration_faces=64),
    "raw": ExportOptions(embedding=True, uint8_input=True),
    "two files": ExportOptions(embedding=True, external_data=True),
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory, known_graphs) -> Exported:
    """`small`, exported in every form. Read only: tests that change files copy the folder first."""
    workspace = Workspace(tmp_path_factory.mktemp("exported"))
    write_schematic_faces(workspace, num_images=240)
    folder = save_small_model(workspace, "small", always="happiness")
    records = {name: export_checkpoint("small", workspace, options) for name, options in OPTIONS.items()}
    return Exported(workspace, folder, records)


AddPlugin = Callable[[Registry[Any], str, Any], None]


@pytest.fixture
def add_plugin(monkeypatch) -> AddPlugin:
    """Puts an entry into a registry as if a package `fer-foreign` had registered it."""

    def add(registry: Registry[Any], name: str, entry: Any) -> None:
        monkeypatch.setitem(registry._entries, name, entry)
        monkeypatch.setitem(registry._packages, name, "fer-foreign")

    return add
