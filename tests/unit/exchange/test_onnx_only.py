"""A model that is an ONNX file and nothing else: comes in, predicts, goes out, or is refused."""

import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from fer_core.checkpoint import find_checkpoint, verify_weights
from fer_core.cli import main
from fer_core.data.builtin import write_schematic_faces
from fer_core.errors import CheckpointError
from fer_core.exchange.facts import build_facts
from fer_core.exchange.model_import import import_model
from fer_core.exchange.model_zip import write_zip
from fer_core.export import ExportOptions, export_checkpoint
from fer_core.exported import list_exports
from fer_core.inference.predictor import load_predictor
from fer_core.workspace import Workspace


@pytest.fixture(scope="module")
def exported(made_once, tmp_path_factory, known_graphs):
    """A checkpoint folder with its fp32 file."""
    workspace = Workspace(tmp_path_factory.mktemp("exporter"))
    write_schematic_faces(workspace, "schematic-faces", num_images=80)
    folder = workspace.model("made")
    shutil.copytree(made_once, folder)
    export_checkpoint("made", workspace, ExportOptions(num_faces=16))
    return folder


def test_it_comes_in_predicts_and_goes_on_as_a_zip(exported, workspace, tmp_path):
    done = import_model([exported / "model-fp32.onnx"], workspace, name="friend")
    crops = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    expected = load_predictor(str(exported), workspace, runtime="torch").predict_crops(crops)
    assert load_predictor("friend", workspace).predict_crops(crops) == pytest.approx(expected, abs=1e-4)
    facts = build_facts(find_checkpoint("friend", workspace), workspace)
    assert not facts.has_weights and facts.num_bytes > 10_000
    assert list_exports(done.entry.folder)[0].parity.num_images == 0, "nobody compared it with torch"
    again = import_model([write_zip(done.entry, tmp_path / "friend.zip")], workspace, name="again")
    assert load_predictor("again", workspace).predict_crops(crops) == pytest.approx(expected, abs=1e-4)
    assert again.ignored == ()


def test_weights_in_a_second_file_come_in_and_go_out(exported, workspace, tmp_path):
    made = Workspace(exported.parent.parent)
    record = export_checkpoint(
        "made", made, ExportOptions(num_faces=16, external_data=True), out=tmp_path / "large"
    )
    data = record.path.with_name(f"{record.path.name}.data")
    with pytest.raises(CheckpointError, match="missing"):
        import_model([record.path], workspace, name="friend")
    done = import_model([record.path, data], workspace, name="friend")
    with zipfile.ZipFile(write_zip(done.entry, tmp_path / "friend.zip")) as archive:
        assert f"friend/{data.name}" in archive.namelist()
    data.write_bytes(data.read_bytes()[::-1])
    with pytest.raises(CheckpointError, match="other weights"):
        import_model([record.path, data], workspace, name="other")


def test_the_example_in_the_readme_names_faces_as_the_workbench_does(exported, workspace, tmp_path):
    entry = find_checkpoint(str(exported), workspace)
    with zipfile.ZipFile(write_zip(entry, tmp_path / "out.zip")) as archive:
        readme = archive.read("made/README.md").decode()
        archive.extractall(tmp_path)
    code = readme.partition("```python\n")[2].partition("```")[0]
    crops = np.random.default_rng(1).integers(0, 256, (8, 48, 48), dtype=np.uint8)
    np.save(tmp_path / "made" / "faces.npy", crops[..., None])
    script = f"import numpy\nfaces = numpy.load('faces.npy')\n{code}\nprint(*names)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path / "made")
    expected = load_predictor(str(exported), workspace, runtime="torch").predict_crops(crops)
    assert done.stdout.split() == [entry.info.classes[index] for index in expected.argmax(axis=1)]


def test_beside_weights_a_strangers_onnx_is_left_out(exported, workspace):
    done = import_model([exported], workspace, name="friend")
    assert (done.ignored, done.left_out) == ((), ("model-fp32.onnx",))
    assert done.explain_left_out().endswith("fer export friend")
    assert list(done.entry.folder.glob("*.onnx")) == [] and list_exports(done.entry.folder) == []


def test_without_torch_the_onnx_file_of_a_zip_is_the_model(
    exported, workspace, tmp_path, monkeypatch, capsys
):
    made = Workspace(exported.parent.parent)
    export_checkpoint("made", made, ExportOptions(num_faces=16, format="int8", num_calibration_faces=16))
    path = write_zip(find_checkpoint("made", made), tmp_path / "made.zip")
    assert len([name for name in zipfile.ZipFile(path).namelist() if name.endswith(".onnx")]) == 2
    monkeypatch.setattr("fer_core.exchange.model_import.find_spec", lambda name: None)
    assert main(["models", "import", str(path), "--name", "friend"]) == 0
    assert "torch is not installed here" in capsys.readouterr().out
    entry = find_checkpoint("friend", Workspace.default())
    assert [item.precision for item in list_exports(entry.folder)] == ["fp32"]
    assert list(entry.folder.glob("*.safetensors")) == []
    crops = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    expected = load_predictor(str(exported), workspace, runtime="torch").predict_crops(crops)
    assert load_predictor("friend", Workspace.default()).predict_crops(crops) == pytest.approx(
        expected, abs=1e-4
    )


def test_what_needs_weights_says_that_an_onnx_file_has_none(exported, workspace):
    done = import_model([exported / "model-fp32.onnx"], workspace, name="friend")
    with pytest.raises(CheckpointError, match="friend holds an ONNX file without weights"):
        verify_weights(done.entry.folder, done.entry.info)


def test_an_onnx_file_of_any_name_is_not_called_left_out(exported, workspace, tmp_path):
    path = shutil.copyfile(exported / "model-fp32.onnx", tmp_path / "from a colleague.onnx")
    done = import_model([path], workspace, name="friend")
    assert (done.ignored, done.left_out) == ((), ())


def test_an_onnx_file_without_our_description_or_changed_is_refused(exported, workspace, tmp_path):
    import onnx

    path = tmp_path / "other.onnx"
    proto = onnx.load(str(exported / "model-fp32.onnx"))
    proto.graph.doc_string = "changed"
    onnx.save(proto, str(path))
    with pytest.raises(CheckpointError, match="checksum differs"):
        import_model([path], workspace, name="friend")
    del proto.metadata_props[:]
    onnx.save(proto, str(path))
    with pytest.raises(CheckpointError, match="does not say which classes"):
        import_model([path], workspace, name="friend")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="can't be read as ONNX"):
        import_model([path], workspace, name="friend")
    assert list(workspace.models.iterdir()) == []
