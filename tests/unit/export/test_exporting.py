"""Checkpoints become ONNX files that predict what torch predicts, or no file at all."""

import json
import shutil

import numpy as np
import onnxruntime
import pytest

from fer_core.checkpoint import find_checkpoint, load_checkpoint_info
from fer_core.data.builtin import open_dataset
from fer_core.errors import CheckpointError, ConfigError, DataError, ExportError
from fer_core.exchange.model_zip import list_files
from fer_core.exchange.removal import delete_model
from fer_core.export import ExportOptions, export_checkpoint, exporting, list_exports, parity
from fer_core.export.faces import load_faces
from fer_core.export.formats import EXPORTS, ExportFormat, Tolerance
from fer_core.exported import Parity, find_exports
from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.inference.predictor import find_export, load_predictor
from fer_core.io import sha256_file
from fer_core.models import build_model, load_checkpoint
from fer_core.onnx_file import METADATA_KEY, load_onnx_info
from fer_core.workspace import Workspace
from tests.small_models import save_small_model

FIGURES = {
    "dataset": "d",
    "split": "valid",
    "protocol": "single label",
    "num_images": 1000,
    "max_difference": 1e-5,
    "max_probability_difference": 1e-6,
    "label_agreement": 1.0,
    "accuracy": 0.9,
    "accuracy_torch": 0.9,
}


def random_crops(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("form", ["fp32", "raw", "two files"])
@pytest.mark.parametrize("count", [1, 3, 70])
def test_full_precision_predicts_what_torch_predicts(exported, form, count):
    by_torch = load_predictor("small", exported.workspace, runtime="torch").predict_crops(random_crops(count))
    by_onnx = OnnxPredictor(exported.records[form].path).predict_crops(random_crops(count))
    np.testing.assert_allclose(by_onnx, by_torch, atol=1e-5)
    np.testing.assert_allclose(by_onnx.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("form", "tolerance"), [("fp16", 0.01), ("int8", 0.1)])
def test_smaller_numbers_predict_nearly_the_same(exported, form, tolerance):
    by_torch = load_predictor("small", exported.workspace, runtime="torch").predict_crops(random_crops(20))
    found = OnnxPredictor(exported.records[form].path).predict_crops(random_crops(20))
    np.testing.assert_allclose(found, by_torch, atol=tolerance)


def test_nothing_of_this_machine_is_in_the_file(exported):
    for record in exported.records.values():
        assert b"/fer_core/" not in record.path.read_bytes()
        assert b"stack_trace" not in record.path.read_bytes()


def test_the_record_has_the_check(exported):
    faces = len(
        load_faces(open_dataset("schematic-faces", exported.workspace), "valid", info(exported)).crops
    )
    record = exported.records["fp32"]
    assert record.parity.num_images == faces > 10
    assert (record.parity.dataset, record.parity.split) == ("schematic-faces", "valid")
    assert record.parity.max_difference <= 1e-4
    assert record.parity.label_agreement == 1
    assert record.parity.accuracy == record.parity.accuracy_torch
    assert list_exports(exported.folder) == list(exported.records.values())
    assert list_exports(exported.folder, weights_sha256="1" * 64) == []
    assert not list(exported.folder.glob(".export-*"))


def info(exported):
    return load_checkpoint_info(exported.folder)


def test_the_file_alone_says_everything(exported):
    described = load_onnx_info(exported.records["raw"].path)
    assert described.checkpoint == info(exported)
    assert (described.precision, described.embedding, described.uint8_input) == ("fp32", True, True)
    session = onnxruntime.InferenceSession(exported.records["raw"].path, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert facts["checkpoint"]["classes"] == list(info(exported).classes)
    assert facts["sha256"] == exported.records["raw"].sha256


def test_the_embedding_is_the_networks(exported):
    import torch

    crops = random_crops(4)
    model, described = load_checkpoint(exported.folder)
    x = (torch.from_numpy(crops)[:, None].float() / 255 - described.input.mean[0]) / described.input.std[0]
    with torch.inference_mode():
        expected = model.forward_embedding(x).numpy()
    (found,) = OnnxPredictor(exported.records["raw"].path).run(crops, ("embedding",))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights_beside_the_file(exported):
    record = exported.records["two files"]
    data = record.path.with_name(record.path.name + ".data")
    assert data.is_file()
    assert record.num_bytes == record.path.stat().st_size + data.stat().st_size


@pytest.fixture
def small(workspace: Workspace, exported) -> Workspace:
    """A workspace of its own with `small`, not yet exported, and the faces to check it on."""
    shutil.copytree(exported.workspace.datasets, workspace.datasets)
    save_small_model(workspace, "small", always="happiness")
    return workspace


def test_what_ships_is_left_as_it_is(small, monkeypatch, tmp_path, known_graphs):
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    shipped = tmp_path / "shipped" / "mine"
    export_checkpoint("small", small)
    shutil.copytree(small.run("small") / "best", shipped)
    before = {path.name: path.read_bytes() for path in shipped.iterdir()}
    record = export_checkpoint("mine", small)
    assert record.path == small.exports / "mine" / "model-fp32.onnx"
    assert {path.name: path.read_bytes() for path in shipped.iterdir()} == before
    entry = find_checkpoint("mine", small)
    assert [item.path for item in find_exports(shipped, small)] == [record.path], (
        "in place of the shipped one"
    )
    assert find_export(entry, small).path == record.path
    record.path.unlink()
    assert find_export(entry, small).path == shipped / "model-fp32.onnx"
    delete_model(entry, small)
    assert not shipped.exists() and not record.path.parent.exists()


def test_a_file_that_predicts_otherwise_is_refused(small, monkeypatch):
    def shifted(predictor, faces):
        logits, probabilities = original(predictor, faces)
        return np.roll(logits, 1, axis=1), probabilities

    original = parity.compute_onnx_outputs
    monkeypatch.setattr(parity, "compute_onnx_outputs", shifted)
    with pytest.raises(ExportError, match="does not predict as the network does"):
        export_checkpoint("small", small)
    folder = small.run("small") / "best"
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]


@pytest.mark.parametrize(
    ("precision", "changes", "good"),
    [
        ("fp32", {}, True),
        ("fp32", {"max_difference": 1.1e-4}, False),
        ("fp32", {"label_agreement": 0.999}, False),
        ("fp32", {"max_difference": float("nan")}, False),
        ("fp16", {"max_difference": 0.1, "label_agreement": 0.996}, True),
        ("fp16", {"label_agreement": 0.99}, False),
        ("int8", {"accuracy": 0.895, "label_agreement": 0.98}, True),
        ("int8", {"accuracy": 0.894}, False),
        ("int8", {"accuracy": float("nan")}, False),
    ],
)
def test_how_much_may_differ(precision, changes, good):
    result = Parity(**{**FIGURES, **changes})
    if good:
        parity.require_parity(result, precision)
    else:
        with pytest.raises(ExportError, match="Nothing was written"):
            parity.require_parity(result, precision)


def test_an_interrupted_export_leaves_the_earlier_file(small, monkeypatch):
    before = export_checkpoint("small", small)

    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_checkpoint("small", small)
    assert list_exports(small.run("small") / "best") == [before]
    assert load_onnx_info(before.path)
    assert not list(before.path.parent.glob(".export-*"))


def test_a_folder_that_can_not_be_written(small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="can't be written"):
        export_checkpoint("small", small, out=tmp_path / "file")


def test_another_folder_gets_file_and_record(small, tmp_path):
    record = export_checkpoint("small", small, out=tmp_path / "out")
    assert record.path.parent == tmp_path / "out"
    assert list_exports(tmp_path / "out") == [record]
    assert list_exports(small.run("small") / "best") == []


def test_a_data_set_with_one_class_in_common_is_refused(small):
    import pandas as pd

    from fer_core.data.store import write_dataset

    write_dataset(
        small.dataset("two"),
        images=np.zeros((4, 48, 48), np.uint8),
        samples=pd.DataFrame(
            {"split": "valid", "label": ["happiness", "bored"] * 2, "source": "x", "image_name": ""}
        ),
        classes=("happiness", "bored"),
        importer="test",
        source="test",
    )
    with pytest.raises(DataError, match="at least two common classes"):
        export_checkpoint("small", small, data="two")


@pytest.mark.parametrize("changes", [{"format": "int4"}, {"num_faces": -1}, {"num_calibration_faces": 0}])
def test_wrong_options(changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        ExportOptions(**changes)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"files": [{}]}', '{"files": [{"path": "../x.onnx"}]}', '{"files": 3}', "{"]
)
def test_a_damaged_record(tmp_path, content):
    (tmp_path / "exports.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"exports\.json"):
        list_exports(tmp_path)


def test_transformers_are_quantised_dynamically(small):
    import torch

    from fer_core.checkpoint import CheckpointInfo, InputSpec
    from fer_core.labels import EMOTIONS
    from fer_core.models import save_checkpoint

    torch.manual_seed(0)
    arguments = {"width": 16, "depth": 1, "num_heads": 2}
    model = build_model("vit", num_classes=8, arguments=arguments)
    with torch.no_grad():
        model.classifier.bias[3] = 4.0
    spec = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))
    described = CheckpointInfo(
        name="vit", architecture="vit", arguments=arguments, classes=EMOTIONS, input=spec,
        weights_sha256="0" * 64, num_parameters=0,
    )  # fmt: skip
    save_checkpoint(small.run("vit") / "best", model, described)
    record = export_checkpoint("vit", small, ExportOptions(format="int8"))
    import onnx

    kinds = {node.op_type for node in onnx.load(record.path).graph.node}
    assert "MatMulInteger" in kinds
    assert "QuantizeLinear" not in kinds


def test_a_format_that_is_no_onnx_file(small, monkeypatch):
    """It says itself how its file is written and run; the check against torch is the same."""

    def write(source):
        source.target.write_text("always happiness")
        return sha256_file(source.target)

    def predict(path, faces):
        assert path.read_text() == "always happiness"
        return by_torch

    made = ExportFormat(
        summary="words", write=write, tolerance=Tolerance(min_agreement=1.0), suffix=".txt", predict=predict
    )
    monkeypatch.setitem(EXPORTS._entries, "words", made)
    folder = small.run("small") / "best"
    model, described = load_checkpoint(folder)
    faces = load_faces(open_dataset("schematic-faces", small), "valid", described)
    by_torch = parity.compute_torch_outputs(model, described, faces)
    record = export_checkpoint("small", small, ExportOptions(format="words", num_faces=0))
    assert record.path == folder / "model-words.txt"
    assert (record.parity.max_difference, record.num_bytes) == (0, len("always happiness"))
    assert list_exports(folder) == [record]
    assert [path.name for path in list_files(find_checkpoint("small", small))] == [
        "model.json",
        described.weights_file,
    ]
    by_torch = np.roll(by_torch[0], 1, axis=1), by_torch[1]
    with pytest.raises(ExportError, match=r"at least 100.0% of the labels the same"):
        export_checkpoint("small", small, ExportOptions(format="words"))
