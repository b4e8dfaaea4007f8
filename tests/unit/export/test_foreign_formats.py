"""Export formats of installed packages that do not work: who is named, and that nothing is left."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_core.errors import ConfigError, ExportError
from fer_core.export import ExportOptions, export_checkpoint, list_exports
from fer_core.export.formats import EXPORTS, ExportFormat, Tolerance
from fer_core.io import sha256_file
from fer_core.workspace import Workspace
from tests.small_models import save_small_model


@pytest.fixture(scope="module")
def small(tmp_path_factory, exported) -> Workspace:
    """A workspace with `small`, in which no export of this file may leave anything."""
    workspace = Workspace(tmp_path_factory.mktemp("foreign"))
    shutil.copytree(exported.workspace.datasets, workspace.datasets)
    save_small_model(workspace, "small", always="happiness")
    return workspace


def write(source, content=b"a file"):
    source.target.write_bytes(content)
    return sha256_file(source.target)


def write_half(source):
    write(source)
    raise RuntimeError("half way")


def write_folder(source):
    source.target.mkdir()
    return "0" * 64


def fail(*_given):
    raise KeyError("x")


def leave(*_given):
    raise SystemExit("no licence")


def open_elsewhere(_source):
    Path("/no/such/folder/file").read_bytes()


def make(count, value):
    return lambda _path, _faces: (np.full((count, 8), value), np.full((count, 8), value))


BROKEN_WRITERS = {
    "fails": (fail, "failed to write model-foreign.bin: KeyError: 'x'. Update or uninstall"),
    "leaves": (leave, "failed to write model-foreign.bin: SystemExit: no licence"),
    "elsewhere": (open_elsewhere, "failed to write model-foreign.bin: FileNotFoundError"),
    "half": (write_half, "failed to write model-foreign.bin: RuntimeError: half way"),
    "nothing": (lambda source: "0" * 64, "wrote no file; expected model-foreign.bin"),
    "empty": (lambda source: write(source, b""), "wrote an empty file"),
    "folder": (write_folder, "wrote no file"),
    "no checksum": (lambda source: write(source) and None, "gives None as checksum; expected what"),
    "other checksum": (lambda source: write(source) and "0" * 64, "gives '0000.* as checksum"),
}
BROKEN_PREDICTORS = {
    "fails": (fail, "failed to predict by model-foreign.bin: KeyError: 'x'"),
    "nothing": (lambda path, faces: None, "predicts None; expected logits and probabilities, finite"),
    "words": (lambda path, faces: ("a", "b"), "failed to predict by .*: ValueError"),
    "other shape": (make(3, 0.1), "predicts 3 x 8; expected .* of shape 5 x 8 each"),
    "NaN": (make(5, np.nan), "predicts NaN or infinity; expected"),
}
LAX = Tolerance(min_agreement=0.0)


def add(add_plugin, **facts):
    made = ExportFormat(**{"summary": "x", "write": write, "tolerance": LAX, "suffix": ".bin", **facts})
    add_plugin(EXPORTS, "foreign", made)


def refuse(small, message):
    """Export, see the package named, and nothing beside the model."""
    folder = small.run("small") / "best"
    before = sorted(folder.iterdir())
    with pytest.raises(
        ExportError, match=f"^the export format 'foreign' of the package fer-foreign {message}"
    ):
        export_checkpoint("small", small, ExportOptions(format="foreign", num_faces=5))
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("fault", BROKEN_WRITERS)
def test_a_packages_format_that_can_not_write_is_named(small, add_plugin, fault):
    writer, message = BROKEN_WRITERS[fault]
    add(add_plugin, write=writer, predict=make(5, 0.1))
    refuse(small, message)


@pytest.mark.parametrize("fault", BROKEN_PREDICTORS)
def test_a_packages_format_that_can_not_predict_is_named(small, add_plugin, fault):
    predict, message = BROKEN_PREDICTORS[fault]
    add(add_plugin, predict=predict)
    refuse(small, message)


def test_a_packages_file_that_is_no_onnx_file_is_named(small, add_plugin):
    made = ExportFormat(summary="x", write=write, tolerance=LAX)
    add_plugin(EXPORTS, "foreign", made)
    refuse(small, "wrote a file that can't be used: .*model-foreign.onnx can't be read as ONNX")


def test_our_own_broken_format_is_a_bug(small, monkeypatch):
    monkeypatch.setitem(EXPORTS._entries, "ours", ExportFormat(summary="x", write=fail, tolerance=LAX))
    with pytest.raises(KeyError):
        export_checkpoint("small", small, ExportOptions(format="ours"))


def test_a_package_that_changes_the_network_is_compared_with_what_it_was(small, add_plugin, tmp_path):
    def write_changed(source):
        source.model.requires_grad_(False)
        source.model.classifier.bias.fill_(9.0)
        return write(source)

    add(add_plugin, write=write_changed, predict=make(5, 9.0))
    options = ExportOptions(format="foreign", num_faces=5)
    record = export_checkpoint("small", small, options, out=tmp_path)
    assert record.parity.max_difference > 1
    assert list_exports(tmp_path) == [record]


def test_an_extension_or_a_name_by_which_no_file_is_found_is_refused():
    with pytest.raises(ConfigError, match=r"suffix is 'x/../y'; expected a file extension such as .onnx"):
        ExportFormat(summary="x", write=write, tolerance=LAX, suffix="x/../y")
    with pytest.raises(ConfigError, match=r"'a b' can't be part of a file name"):
        EXPORTS.register("a b")
