"""Files of strangers are checked before anything is run."""

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer_core.errors import CheckpointError
from fer_core.onnx_file import BLANK_CHECKSUM, compute_checksum, load_onnx_info


@pytest.fixture
def copy(exported, tmp_path):
    """Copies of the exported files that a test may damage."""
    shutil.copytree(exported.folder, tmp_path / "copy")
    return tmp_path / "copy"


def rewrite(path, change):
    """Change graph and description, and sign the result again as a forger would."""
    proto = onnx.load(str(path), load_external_data=False)
    metadata = json.loads(proto.metadata_props[0].value)
    change(proto, metadata)
    proto.metadata_props[0].value = json.dumps({**metadata, "sha256": BLANK_CHECKSUM})
    path.write_bytes(proto.SerializeToString())
    checksum = compute_checksum(path, BLANK_CHECKSUM)
    path.write_bytes(path.read_bytes().replace(BLANK_CHECKSUM.encode(), checksum.encode(), 1))


def test_a_rewritten_file_is_accepted_when_nothing_is_wrong(copy):
    rewrite(copy / "model-fp32.onnx", lambda proto, metadata: None)
    assert load_onnx_info(copy / "model-fp32.onnx").precision == "fp32"


@pytest.mark.parametrize("kept", [0, 10, 1000, -1])
def test_truncated(copy, kept):
    path = copy / "model-fp32.onnx"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"model-fp32\.onnx"):
        load_onnx_info(path)


def test_every_cut_and_every_flipped_byte_is_noticed(copy):
    path = copy / "model-fp32.onnx"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:position])
        with pytest.raises(CheckpointError):
            load_onnx_info(path)
        changed = bytearray(whole)
        changed[position] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(changed)
        with pytest.raises(CheckpointError):
            load_onnx_info(path)


def test_other_files(tmp_path):
    for name, content in [("text.onnx", b"hello"), ("zip.onnx", b"PK\x03\x04"), ("zero.onnx", bytes(4096))]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            load_onnx_info(tmp_path / name)
    with pytest.raises(CheckpointError, match="is no file"):
        load_onnx_info(tmp_path / "absent.onnx")


def test_no_description(copy):
    path = copy / "model-fp32.onnx"
    proto = onnx.load(str(path))
    del proto.metadata_props[:]
    onnx.save(proto, str(path))
    with pytest.raises(CheckpointError, match="does not say which classes"):
        load_onnx_info(path)


def set_axis(name, axis, value):
    def change(proto, _metadata):
        for item in [*proto.graph.input, *proto.graph.output]:
            if item.name == name:
                item.type.tensor_type.shape.dim[axis].dim_value = value

    return change


def drop_axis(proto, _metadata):
    del proto.graph.input[0].type.tensor_type.shape.dim[1]


def make_integer(proto, _metadata):
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


def drop_class(_proto, metadata):
    metadata["checkpoint"]["classes"].pop()


def second_input(proto, _metadata):
    proto.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))


def no_probabilities(proto, _metadata):
    del proto.graph.output[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (drop_axis, "images is FLOAT of shape N x 48 x 48; .* N x 1 x 48 x 48"),
        (set_axis("images", 0, 1), "shape 1 x 1 x 48 x 48"),
        (set_axis("images", 1, 3), "N x 3 x 48 x 48"),
        (set_axis("images", 2, 64), "N x 1 x 64 x 48"),
        (make_integer, "images is INT64"),
        (drop_class, "logits is FLOAT of shape N x 8; .* N x 7"),
        (second_input, "has the inputs images, other"),
        (no_probabilities, "lacks the output probabilities"),
        (lambda _p, m: m.update(schema_version=2), "schema_version 2"),
        (lambda _p, m: m.update(precision="../int4"), "int4"),
        (lambda _p, m: m.pop("checkpoint"), "description is damaged"),
        (lambda _p, m: m.update(checkpoint=3), "description is damaged"),
        (lambda _p, m: m["checkpoint"].update(temperature=0), "temperature"),
        (lambda _p, m: m["checkpoint"]["input"].update(std=[0.0]), "std"),
        (lambda _p, m: m.update(uint8_input=True), "has the inputs images; expected 'pixels'"),
        (lambda _p, m: m.update(embedding=True), "lacks the output embedding"),
    ],
)
def test_a_description_that_is_not_true(copy, change, match):
    path = copy / "model-fp32.onnx"
    rewrite(path, change)
    with pytest.raises(CheckpointError, match=match):
        load_onnx_info(path)


@pytest.mark.parametrize(
    "location", ["../model.json", "/etc/passwd", "..", "", "a/b", "a\\b", "C:\\x", "absent.data"]
)
def test_weights_outside_the_folder(copy, location):
    path = copy / "model-fp32-embedding.onnx"

    def change(proto, _metadata):
        for tensor in proto.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location

    rewrite(path, change)
    with pytest.raises(CheckpointError, match=r"right beside it|is missing"):
        load_onnx_info(path)


def test_weights_behind_a_link_or_exchanged(copy, tmp_path):
    data = copy / "model-fp32-embedding.onnx.data"
    path = copy / "model-fp32-embedding.onnx"
    assert load_onnx_info(path)
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="no plain file"):
        load_onnx_info(path)
    data.unlink()
    data.write_bytes(bytes((tmp_path / "elsewhere").stat().st_size))
    with pytest.raises(CheckpointError, match="holds other weights"):
        load_onnx_info(path)
