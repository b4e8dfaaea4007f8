"""Binary files: pictures, videos, weights, ONNX, stored data sets and caches."""

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer_core.checkpoint import CheckpointInfo, InputSpec, load_checkpoint_info
from fer_core.data.decisions import decisions_path, load_decisions
from fer_core.data.flaws import flaws_path, load_flaws
from fer_core.data.store import load_dataset, write_dataset
from fer_core.data.suspected_labels import load_suspects, suspects_path
from fer_core.evaluation.embedding_map import load_map
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.report import Subject, build_report
from fer_core.evaluation.stored_reports import load_evaluation
from fer_core.exchange.checking import check_weights, read_header
from fer_core.images import load_image
from fer_core.inference.video_reader import VideoLimits, open_video
from fer_core.io import sha256_file, write_json
from fer_core.onnx_file import METADATA_KEY, build_metadata, load_onnx_info, parse_graph
from fer_core.workspace import Workspace
from tests.e2e.dashboard import write_clip
from tests.fuzz.harness import attempt, changed, damaged, inputs, json_files
from tests.small_models import save_small_model


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("fuzz"))


def _encode(kind: str, mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 32, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
PICTURES = (
    _encode("JPEG"), _encode("JPEG", exif=EXIF.tobytes(), progressive=True), _encode("JPEG", "CMYK"),
    _encode("PNG"), _encode("PNG", "P"), _encode("PNG", "RGBA"), _encode("PNG", "L"),
    _encode("WEBP"), _encode("BMP"), _encode("TIFF"), _encode("TIFF", compression="tiff_lzw"), _encode("GIF"),
)  # fmt: skip


@given(data=damaged(*PICTURES), color=st.sampled_from(("rgb", "gray")), target_px=st.sampled_from((None, 24)))
@inputs(3)
def test_pictures(data, color, target_px):
    def check(image):
        assert image.dtype == np.uint8
        assert image.ndim == (3 if color == "rgb" else 2)

    attempt("picture", lambda: load_image(data, color=color, target_px=target_px), check=check)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """The same short clip in several containers."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (32, 48, 3), np.uint8) for _ in range(5)]
    first, *others = (Image.fromarray(frame) for frame in frames)
    for kind in ("webp", "png", "avif"):
        first.save(folder / f"clip.{kind}", save_all=True, append_images=others, duration=100)
    for kind in ("mp4", "mkv", "ts", "avi"):
        write_clip(folder / f"clip.{kind}", iter(frames))
    return tuple(path.read_bytes() for path in sorted(folder.iterdir()))


@given(choice=st.data())
@inputs(2)
def test_videos(workspace, clips, choice):
    workspace.root.mkdir(exist_ok=True)
    path = workspace.root / "clip.mp4"
    path.write_bytes(choice.draw(damaged(*clips)))

    def work():
        with open_video(path, VideoLimits(max_side_px=4096, max_duration_s=600)) as reader:
            info = reader.info
            for frame, _ in zip(reader.frames(), range(8), strict=False):
                assert frame.image_rgb.shape[2] == 3
            return info

    attempt("video", work, check=lambda info: f"{info.fps:.2f} {info.duration_s} {info.codec}".encode())


@pytest.fixture(scope="module")
def checkpoint(workspace) -> Path:
    return save_small_model(workspace, "small")


@given(choice=st.data())
@inputs(2)
def test_safetensors(workspace, checkpoint, choice):
    info = load_checkpoint_info(checkpoint)
    valid = (checkpoint / info.weights_file).read_bytes()
    size = int.from_bytes(valid[:8], "little")
    header = json.loads(valid[8 : 8 + size])

    def rebuild(value):
        text = json.dumps(value).encode()
        return len(text).to_bytes(8, "little") + text + valid[8 + size :]

    files = st.one_of(damaged(valid), changed(header).map(rebuild), damaged(valid[: 8 + size]))
    path = workspace.root / "stranger.safetensors"
    path.write_bytes(choice.draw(files))
    attempt("safetensors", lambda: read_header(path))
    stated = replace(info, weights_sha256=sha256_file(path))
    attempt("safetensors", lambda: check_weights(path, stated))


@given(choice=st.data())
@inputs(0.5)
def test_weights_to_start_from(workspace, checkpoint, choice):
    import torch

    from fer_core.models.pretrained import read_state_dict

    info = load_checkpoint_info(checkpoint)
    stream = io.BytesIO()
    torch.save({"state_dict": {"a.weight": torch.zeros(3, 4), "b": torch.ones(2)}}, stream)
    files = {".pt": stream.getvalue(), ".safetensors": (checkpoint / info.weights_file).read_bytes()}
    suffix = choice.draw(st.sampled_from(sorted(files)))
    path = workspace.root / f"start{suffix}"
    path.write_bytes(choice.draw(damaged(files[suffix])))
    attempt("weights to start from", lambda: read_state_dict(path), check=lambda found: [*found])


@pytest.fixture(scope="module")
def onnx_file() -> bytes:
    """A small network that describes itself, with a right checksum."""
    from onnx import TensorProto, helper

    info = CheckpointInfo(
        name="tiny",
        architecture="fer_resnet",
        arguments={},
        classes=("anger", "neutral"),
        input=InputSpec(height=8, width=8, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="ab" * 32,
        num_parameters=128,
    )
    floats, kind = TensorProto.FLOAT, helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "tiny",
        [kind("images", floats, ["N", 1, 8, 8])],
        [kind("logits", floats, ["N", 2]), kind("probabilities", floats, ["N", 2])],
        [helper.make_tensor("weight", floats, [64, 2], np.zeros(128, np.float32))],
    )
    proto = helper.make_model(graph)
    words = build_metadata(info, precision="fp32", embedding=False, uint8_input=False)
    helper.set_model_props(proto, {METADATA_KEY: words})
    return _stamp(proto.SerializeToString())


def test_the_seed_is_valid(onnx_file, tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(onnx_file)
    assert load_onnx_info(tmp_path / "tiny.onnx").checkpoint.classes == ("anger", "neutral")


def _stamp(data: bytes) -> bytes:
    """Write the right checksum into a changed file, as a stranger with ill intent would."""
    found = re.search(rb'"sha256": "([0-9a-f]{64})"', data)
    if found is None:
        return data
    blank = data.replace(found[1], b"0" * 64, 1)
    return data.replace(found[1], hashlib.sha256(blank).hexdigest().encode(), 1)


@given(choice=st.data())
@inputs(2)
def test_onnx(workspace, onnx_file, choice):
    path = workspace.root / "stranger.onnx"
    data = choice.draw(damaged(onnx_file))
    path.write_bytes(_stamp(data))
    attempt("ONNX graph", lambda: parse_graph(path))
    attempt("ONNX file", lambda: load_onnx_info(path))


@given(choice=st.data())
@inputs()
def test_what_an_onnx_file_says(workspace, onnx_file, choice):
    import onnx

    proto = onnx.load_model_from_string(onnx_file)
    entry = next(item for item in proto.metadata_props if item.key == METADATA_KEY)
    text = choice.draw(json_files(json.loads(entry.value))).decode("utf-8", "replace")
    entry.value = text
    path = workspace.root / "words.onnx"
    path.write_bytes(_stamp(proto.SerializeToString()))
    attempt("ONNX description", lambda: load_onnx_info(path))


@pytest.fixture(scope="module")
def dataset(workspace) -> Path:
    folder = workspace.dataset("small")
    samples = pd.DataFrame(
        {
            "split": ["train"] * 8 + ["valid"] * 4,
            "label": ["anger", "neutral"] * 6,
            "source": "x",
            "image_name": "",
        }
    )
    images = np.random.default_rng(0).integers(0, 255, (12, 48, 48), np.uint8)
    write_dataset(
        folder,
        images=images,
        samples=samples,
        classes=["anger", "neutral"],
        importer="test",
        source="x",
    )
    return folder


@given(choice=st.data(), name=st.sampled_from(("dataset.json", "samples.parquet", "images.npy")))
@inputs(3)
def test_stored_data_sets(workspace, dataset, choice, name):
    path = dataset / name
    valid = path.read_bytes()
    try:
        if name == "dataset.json":
            path.write_bytes(choice.draw(json_files(json.loads(valid))))
        else:
            path.write_bytes(choice.draw(damaged(valid, valid[:200])))

        def use(found):
            assert len(found.images) == len(found.samples)
            np.asarray(found.images[0])
            for split in found.info.split_counts:
                if split in set(found.samples["split"]):
                    found.split_indices(split)
            json.dumps([found.info.name, found.info.source, *found.info.classes]).encode()
            f"{found.info.num_images:,} {found.info.height} {found.info.fingerprint[:12]}".encode()

        attempt(name, lambda: load_dataset(dataset), check=use)
    finally:
        path.write_bytes(valid)


@given(choice=st.data())
@inputs()
def test_decisions_and_suspects(workspace, dataset, choice):
    opened = load_dataset(dataset)
    facts = {"schema_version": 1, "dataset": "small", "fingerprint": opened.info.fingerprint}
    for path, rows in (
        (decisions_path(opened, workspace), {"3": {"action": "relabel", "label": "anger", "reason": "x"}}),
        (
            suspects_path(workspace, "small"),
            [{"row": 3, "source": "x: y", "suggestion": "anger", "confidence": 0.5}],
        ),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(choice.draw(json_files({**facts, "rows": rows})))
    attempt("decisions", lambda: load_decisions(opened, workspace))
    attempt(
        "suspects",
        lambda: load_suspects(opened, workspace),
        check=lambda found: [item.finder for item in found],
    )


@given(choice=st.data())
@inputs()
def test_caches(workspace, dataset, choice):
    opened = load_dataset(dataset)
    stream = io.BytesIO()
    np.savez(
        stream, rows=np.arange(5), points=np.zeros((5, 2)), explained=np.ones(2), predicted=np.array(["a"]),
        group_rows=np.arange(4), group_ends=np.array([2, 4]), near_pairs=np.zeros((0, 2), int),
        near_correlation=np.zeros(0), blank=np.zeros(0, int), constant=np.zeros(0, int),
    )  # fmt: skip
    pickled = io.BytesIO()
    np.savez(pickled, rows=np.array([object], dtype=object))
    path = flaws_path(opened, workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(choice.draw(damaged(stream.getvalue(), pickled.getvalue())))
    attempt("cached flaws", lambda: load_flaws(opened, workspace))
    attempt("cached map", lambda: load_map(path))


@given(choice=st.data())
@inputs()
def test_predictions(workspace, choice):
    """The report is made to say that the damaged file is the right one."""
    folder = workspace.root / "evaluated"
    chances = np.random.default_rng(0).dirichlet(np.ones(2), 12)
    predictions = Predictions(
        classes=("anger", "neutral"), rows=np.arange(12), labels=np.array([0, 1] * 6), probabilities=chances
    )
    subject = Subject(
        model="x", weights_sha256="ab" * 32, architecture="x", num_parameters=1, weights_bytes=4, dataset="x",
        data_fingerprint="x", split="valid", protocol="x",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "predictions.parquet"
    predictions.to_frame().to_parquet(path, index=False)
    path.write_bytes(choice.draw(damaged(path.read_bytes())))
    report = replace(
        build_report(predictions, subject, num_resamples=0), predictions_sha256=sha256_file(path)
    )
    write_json(folder / "report.json", report.to_dict())
    attempt("predictions.parquet", lambda: load_evaluation(folder, "x"))
