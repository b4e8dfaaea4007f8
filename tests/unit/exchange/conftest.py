"""A small model, and zips of it that somebody tampered with."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fer_core.checkpoint import CARD_FILE, INFO_FILE, load_checkpoint_info
from fer_core.io import sha256_file
from tests.small_models import save_small_model


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Path:
    """A checkpoint folder that is only copied."""
    from fer_core.workspace import Workspace

    metrics = [{"protocol": "FER+ majority", "split": "valid", "n": 3199, "accuracy": 0.8123}]
    folder = save_small_model(Workspace(tmp_path_factory.mktemp("maker")), "made", metrics=metrics)
    (folder / CARD_FILE).write_text("# made\n")
    return folder


@pytest.fixture
def model_folder(made_once: Path, tmp_path: Path) -> Path:
    """A checkpoint that a test may damage."""
    return shutil.copytree(made_once, tmp_path / "foreign")


@pytest.fixture
def edit_info(model_folder: Path) -> Callable[..., None]:
    """Changes fields of model.json; a function as the value is given the old one."""

    def edit(**changes: object) -> None:
        value = json.loads((model_folder / INFO_FILE).read_text())
        for key, change in changes.items():
            value[key] = change(value[key]) if callable(change) else change
        (model_folder / INFO_FILE).write_text(json.dumps(value))

    return edit


@pytest.fixture
def exchange_weights(model_folder: Path, edit_info) -> Callable[[dict], Path]:
    """Puts other tensors in place of the weights, with a checksum that is right."""

    def exchange(tensors: dict) -> Path:
        from safetensors.torch import save_file

        old = model_folder / load_checkpoint_info(model_folder).weights_file
        new = model_folder / "model-new.safetensors"
        save_file(tensors, new)
        old.unlink()
        edit_info(weights_sha256=sha256_file(new))
        return new

    return exchange


@pytest.fixture
def zip_up(tmp_path: Path) -> Callable[..., Path]:
    """Makes a zip of names and contents."""

    def make(members: dict[str, bytes | Path], *, name: str = "model.zip", pack: bool = False) -> Path:
        target = tmp_path / name
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED) as archive:
            for member, content in members.items():
                data = content.read_bytes() if isinstance(content, Path) else content
                archive.writestr(member, data)
        return target

    return make
