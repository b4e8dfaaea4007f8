"""`import fer_core as fer`: whatever holds a picture is read the same; the rest is refused in words."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import fer_core as fer
from fer_core.images import load_image
from fer_core.inference.sample import load_sample, sample_path
from fer_core.labels import EMOTIONS
from tests.unit.inference.videos import make_video


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from fer_core.workspace import Workspace

    return fer.load("fer-tiny", workspace=Workspace(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def expected(model):
    return fer.read(sample_path(), model=model)


def test_a_face_has_all_that_is_known_of_it(expected):
    (face,) = expected
    assert face.label == next(iter(face.probabilities)) == "happiness"
    assert set(face.probabilities) == set(EMOTIONS)
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert face.confidence == face.probabilities["happiness"]
    assert face.quality.height_px == pytest.approx(face.box.height)


def as_tensor(pixels):
    import torch

    return torch.from_numpy(pixels).permute(2, 0, 1)


SOURCES = {
    "text": lambda: str(sample_path()),
    "bytes": lambda: sample_path().read_bytes(),
    "bytearray": lambda: bytearray(sample_path().read_bytes()),
    "memory": lambda: memoryview(sample_path().read_bytes()),
    "file": lambda: io.BytesIO(sample_path().read_bytes()),
    "PIL": lambda: Image.open(sample_path()),
    "PIL palette": lambda: Image.fromarray(np.dstack([load_sample(), np.full((512, 512), 255, np.uint8)])),
    "array": load_sample,
    "float array": lambda: load_sample().astype(np.float32) / 255,
    "strided": lambda: load_sample()[:, ::-1][:, ::-1],
    "RGBA array": lambda: np.dstack([load_sample(), np.full((512, 512), 255, np.uint8)]),
    "tensor": lambda: as_tensor(load_sample()),
    "float tensor": lambda: as_tensor(load_sample()).float() / 255,
    "tensor, channels last": lambda: as_tensor(load_sample()).permute(1, 2, 0),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_reads_the_same(kind, model, expected):
    assert fer.read(SOURCES[kind](), model=model) == expected


def test_bgr_only_when_it_is_said(model, expected):
    swapped = load_sample()[..., ::-1]
    assert fer.read(swapped, model=model, color="bgr") == expected
    assert fer.read(swapped, model=model) != expected


def test_bfloat16_is_read_though_numpy_lacks_it(model):
    tensor = (as_tensor(load_sample()).float() / 255).bfloat16()
    assert fer.read(tensor, model=model) == fer.read(tensor.float(), model=model)


def test_batches_are_lists_of_lists(model, expected):
    sample = load_sample()
    assert fer.read([sample_path(), sample], model=model) == [expected] * 2
    assert fer.read(np.stack([sample] * 2), model=model) == [expected] * 2
    assert fer.read(as_tensor(sample)[None], model=model) == [expected]
    assert fer.read([], model=model) == []
    assert fer.read(np.zeros((64, 64), np.uint8), model=model) == []


def touch(folder, name, data=b""):
    (folder / name).write_bytes(data)
    return folder / name


def closed_file():
    file = io.BytesIO(b"x")
    file.close()
    return file


REFUSED = {
    "address": (lambda _: "https://example.org/a.jpg", "allow_url=True"),
    "missing": (lambda folder: folder / "no.jpg", "does not exist"),
    "folder": (lambda folder: folder, "is a folder"),
    "empty": (lambda folder: touch(folder, "e.jpg"), "is empty"),
    "no picture": (lambda _: b"hello", "no picture that can be read"),
    "a number": (lambda _: 3, "int is no picture"),
    "text file": (lambda _: io.StringIO("x"), "mode 'rb'"),
    "channels first": (lambda _: np.zeros((3, 64, 64), np.uint8), r"transpose\(1, 2, 0\)"),
    "float out of range": (lambda _: np.full((64, 64, 3), 2.0), "expected 0 to 1"),
    "NaN": (lambda _: np.full((64, 64, 3), np.nan), "expected 0 to 1"),
    "wrong type": (lambda _: np.zeros((64, 64, 3), np.int64), "int64"),
    "too small": (lambda _: np.zeros((8, 8, 3), np.uint8), "at least 16 px"),
    "no pixels": (lambda _: np.zeros((0, 64, 3)), "at least 16 px"),
    "two channels": (lambda _: [np.zeros((64, 64, 2), np.uint8)], "64 x 64 x 2"),
    "closed file": (lambda _: closed_file(), "open file can't be read"),
    "file for writing": (lambda folder: (folder / "w").open("wb"), "open file can't be read"),
    "sparse tensor": (lambda _: as_tensor(load_sample()).to_sparse(), "no plain pixels"),
    "tensor without data": (lambda _: as_tensor(load_sample()).to("meta"), "no plain pixels"),
    "second of a batch": (lambda _: [load_sample(), b"hello"], "picture 1 of 2"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_refused_in_words(kind, model, tmp_path):
    make, words = REFUSED[kind]
    with pytest.raises(fer.FerError, match=words):
        fer.read(make(tmp_path), model=model)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"color": "hsv"}, "rgb, bgr"), ({"detector": "no"}, "whole-image"), ({"model": "no"}, "no checkpoint")],
)
def test_a_wrong_option_is_told(options, words, model, workspace):
    with pytest.raises(fer.FerError, match=words):
        fer.read(sample_path(), **{"model": model, **options})


def test_an_address_is_fetched_if_asked(model, expected):
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    handler = partial(SimpleHTTPRequestHandler, directory=str(sample_path().parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert fer.read(f"{address}/{sample_path().name}", model=model, allow_url=True) == expected
        with pytest.raises(fer.FerError, match="be fetched"):
            fer.read(f"{address}/no.jpg", model=model, allow_url=True)
        with pytest.raises(fer.FerError, match="be fetched"):
            fer.read("http://[/no.jpg", model=model, allow_url=True)
        server.shutdown()


def test_cropped_faces_are_predicted_as_they_are(model):
    """Crops of the model's own size go to it pixel by pixel."""
    crops = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)
    found = model.predict_proba(crops)
    np.testing.assert_allclose(found, model.predictor.predict_crops(crops), atol=1e-6)
    assert found.shape == (40, 8)
    assert model.predict(crops).tolist() == [EMOTIONS[index] for index in found.argmax(axis=1)]
    np.testing.assert_array_equal(model(crops[0]), found[:1])
    assert model.predict_proba([]).shape == (0, 8)


def test_a_folder_is_scored_as_scikit_learn_would(model, tmp_path):
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    rng = np.random.default_rng(1)
    for number, name in enumerate(("Happy", "3_sad", "neutral")):
        (tmp_path / name).mkdir()
        for index in range(number + 2):
            pixels = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    faces, labels = fer.load_folder(tmp_path)
    assert labels == ["sadness"] * 3 + ["happiness"] * 2 + ["neutral"] * 4
    guesses = model.predict(faces)
    scores = model.evaluate(faces, labels)
    assert scores.n == 9
    assert model.score(faces, labels) == scores.accuracy == accuracy_score(labels, guesses)
    assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, guesses))
    for wrong, words in ((labels[1:], "9 pictures and 8 labels"), (["bliss"] * 9, "bliss")):
        with pytest.raises(fer.FerError, match=words):
            model.evaluate(faces, wrong)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(fer.FerError, match="named after no expression"):
        fer.load_folder(tmp_path)
    with pytest.raises(fer.FerError, match="is no folder"):
        fer.load_folder(tmp_path / "absent")
    with pytest.raises(fer.FerError, match="holds no pictures"):
        fer.load_folder(tmp_path / "holiday")


def test_a_video_is_read_as_the_command_reads_it(model, tmp_path):
    import pandas as pd

    from fer_core.cli import main

    source = make_video(tmp_path / "in.mp4", 7, fps=10)
    command = ["annotate", str(source), str(tmp_path / "t.parquet"), "--model", "fer-tiny"]
    assert main([*command, "--detector", "whole-image"]) == 0
    written = pd.read_parquet(tmp_path / "t.parquet")
    video = fer.read_video(source, model=model, detector="whole-image")
    assert [round(frame.time_s, 3) for frame in video] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    pd.testing.assert_frame_equal(video.to_pandas(), written, check_dtype=False, rtol=1e-5)
    empty = fer.read_video(source, model=model, detector="haar").to_pandas()
    assert (empty["num_faces"] == 0).all() and empty["label"].isna().all()
    for bad, words in ((tmp_path / "no.mp4", "no.mp4"), (b"x", "by its path")):
        with pytest.raises(fer.FerError, match=words):
            fer.read_video(bad, model=model)
    for options in ({"detect_every": 2.5}, {"detect_every": "5"}, {"smoothing_s": None}):
        with pytest.raises(fer.FerError, match=next(iter(options))):
            fer.read_video(source, model=model, detector="haar", **options)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, fer_core as fer; assert 'numpy' not in sys.modules; fer.read; fer.FerError; dir(fer);"
        + (
            "heavy = {'torch', 'pandas', 'scipy', 'sklearn', 'streamlit', 'cv2', 'onnxruntime', 'pyarrow'};"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
            "faces = fer.read(sys.argv[1], model='fer-tiny');"
            "assert not (heavy - {'cv2', 'onnxruntime'}) & set(sys.modules)"
        )
    )
    subprocess.run([sys.executable, "-c", code, sample_path()], check=True, env=os.environ)


def test_a_lesser_detector_is_told_once(workspace, monkeypatch, caplog):
    monkeypatch.setenv("FER_OFFLINE", "1")
    model = fer.load("fer-tiny", workspace=workspace)
    for _ in range(2):
        model.read(sample_path())
    assert sum("fer fetch yunet" in record.message for record in caplog.records) == 1


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="nothing"):
        fer.nothing  # noqa: B018


def test_files_are_turned_by_their_exif(model, tmp_path):
    sample = Image.fromarray(load_sample())
    exif = Image.Exif()
    exif[0x0112] = 3
    sample.rotate(180).save(tmp_path / "turned.png", exif=exif)
    assert (load_image(tmp_path / "turned.png") == load_sample()).all()
    with Image.open(tmp_path / "turned.png") as turned:
        assert fer.read(turned, model=model) == fer.read(sample, model=model)
