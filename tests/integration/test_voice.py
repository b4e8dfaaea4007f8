"""Voices all the way: import, train, evaluate, export, predict without torch; and what refuses them."""

import json

import numpy as np
import pytest

from fer_core.checkpoint import load_checkpoint_info
from fer_core.cli import main
from fer_core.data.store import load_dataset
from fer_core.errors import CheckpointError, ConfigError
from fer_core.exported import list_exports
from fer_core.runs.reader import load_run
from fer_core.training import train_step
from fer_core.voice import load_voice_model
from fer_core.voice.model import MIN_BASELINE_WINDOWS, compute_baseline, take_off
from fer_core.workspace import Workspace
from tests.small_models import save_small_model
from tests.unit.data.pictures import write_tree
from tests.voices import emodb_files, make_sound

TRAIN = [
    *(
        "train",
        "--preset",
        "voice",
        "--name",
        "heard",
        "--epochs",
        "2",
        "--batch-size",
        "4",
        "--threads",
        "1",
    ),
    *("--model.arguments", "widths", "8-12-16", "--log.no-tensorboard", "--log.no-gradients"),
]
ANEW = ["train", "--preset", "voice", "--name", "anew", "--epochs", "1", "--batch-size", "4"]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A workspace with made-up EmoDB and a run that learnt a little of it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("voice")
        patch.setenv("FER_WORKSPACE", str(folder / "workspace"))
        source = write_tree(folder / "emodb", emodb_files())
        assert main(["import", str(source), "--window", "1", "--valid", "0.25", "--test", "0.25"]) == 0
        assert main(TRAIN) == 0
        assert main(["export", "heard"]) == 0
        yield Workspace.default()


@pytest.fixture
def here(heard, monkeypatch):
    monkeypatch.setenv("FER_WORKSPACE", str(heard.root))
    return heard


def test_the_run_says_what_it_hears(here):
    info = load_checkpoint_info(here.run("heard") / "best")
    assert info.input.kind == "sound" and info.input.sound.window_s == 1.0
    assert str(info.input) == "1 s of sound" and info.num_parameters <= 400_000
    assert "boredom" in info.classes and info.class_prior == pytest.approx([1 / 7] * 7, abs=0.03)
    assert info.terms[0].source == "EmoDB"


def test_onnxruntime_predicts_what_torch_does(here):
    windows = [
        make_sound(seconds, pitch=pitch) for seconds, pitch in ((1.0, 100.0), (0.4, 220.0), (0.0, 1.0))
    ]
    by_onnx, by_torch = (load_voice_model("heard", here, runtime=name) for name in ("onnx", "torch"))
    assert by_onnx.sample_rate == 16_000 and by_onnx.window_s == 1.0 and len(by_onnx.classes) == 7
    found = by_onnx.predict(windows)
    assert found.shape == (3, 7) and found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(found - by_torch.predict(windows)).max() <= 1e-4
    assert by_onnx.predict([]).shape == (0, 7)
    record = list_exports(here.run("heard") / "best")[0]
    assert record.parity.max_difference <= 1e-4
    file = load_voice_model(record.path, here)  # it describes itself
    assert file.spec == by_onnx.spec and np.array_equal(file.predict(windows), found)


def test_the_stored_pictures_are_what_prediction_sees(here):
    dataset = load_dataset(here.dataset("emodb"))
    model = load_voice_model("heard", here)
    found = model.predict([clip.astype(np.float32) / 32767 for clip in dataset.clips[:4]])
    assert np.abs(found - model._predictor.predict_crops(dataset.images[:4])).max() < 0.02


def test_a_speakers_baseline(here):
    model = load_voice_model("heard", here)
    own = [make_sound(0.8, pitch=100.0 + 5 * number) for number in range(MIN_BASELINE_WINDOWS)]
    baseline = model.measure_baseline(own)
    found = model.predict(own, baseline=baseline)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    # What a voice always sounds like is gone: its mean log odds are those of the prior.
    left = np.log(found).mean(axis=0) - np.log(model.class_prior)
    assert left == pytest.approx(np.full(7, left.mean()), abs=1e-3)
    with pytest.raises(ConfigError, match="baseline of 2 windows"):
        model.measure_baseline(own[:2])


def test_taking_off_by_hand():
    found = np.array([[0.8, 0.2], [0.2, 0.8]])
    assert compute_baseline(found) == pytest.approx([np.log(0.4), np.log(0.4)])
    assert take_off(found, np.log([0.8, 0.2])) == pytest.approx(np.array([[0.5, 0.5], [1 / 17, 16 / 17]]))


def test_a_teacher_never_hears_sound_backwards(here, monkeypatch):
    config = load_run(here.run("heard")).config
    assert config["augment"]["flip_probability"] > 0, "it is no matter of this setting"
    asked = []
    monkeypatch.setattr(train_step, "mix_answers", lambda labels, *_, **how: (asked.append(how), labels)[1])
    taught = ["--distill.teachers", "heard", "--distill.views", "original"]
    assert main([*TRAIN, "--name", "taught", "--epochs", "1", *taught]) == 0
    assert [how["mirrored"] for how in asked] == [False]


def test_what_is_learned_together_is_heard_alike(here, tmp_path, draw_faces, capsys):
    draw_faces(here, "faces", num_images=64)
    source = write_tree(tmp_path / "emodb", emodb_files())
    again = ["import", str(source), "--name", "longer", "--window", "2", "--valid", "0.25", "--test", "0.25"]
    assert main(again) == 0
    own = load_run(here.run("heard")).config["data"]["dataset"]
    for words, says in (
        (["--data.replay", "faces"], "data.replay 'faces' holds faces, but"),
        (["--data.replay", "longer"], "data.replay 'longer' has windows of 2 s, but"),
        (
            ["--data.dataset", "longer", "--distill.teachers", "heard"],
            "teacher 'heard' learned from windows of 1 s",
        ),
    ):
        assert main([*TRAIN, "--name", "together", *words]) == 1
        assert says in " ".join(capsys.readouterr().err.split()), (words, own)
        assert not here.run("together").exists()
    for command in (
        ["evaluate", "heard", "--dataset", "longer", "--split", "valid"],
        ["export", "heard", "--data", "longer", "--out", str(tmp_path / "exported")],
        ["datasets", "map", "longer", "--model", "heard"],
        ["datasets", "label-errors", "longer", "--model", "heard"],
    ):
        assert main(command) == 1, command
        assert "learned from windows of 1 s, but 'longer' has windows of 2 s" in " ".join(
            capsys.readouterr().err.split()
        ), command


def test_evaluation_and_lists(here, capsys):
    assert main(["evaluate", "heard", "--split", "test", "--save"]) == 0
    assert main(["models", "list", "--json"]) == 0
    text = capsys.readouterr().out
    listed = json.loads(text[text.rindex("\n[\n") :] if "\n[\n" in text else text)
    assert next(item for item in listed if item["key"] == "heard/best")["input"]["kind"] == "sound"
    assert main(["models", "list"]) == 0
    assert "1 s of sound" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["robustness", "heard"], "reads voices; expected one that reads faces"),
        (
            ["explain", "heard", "--rows", "0", "--output", "maps.npz"],
            "reads voices; expected one that reads faces",
        ),
        (["predict", "face.png", "--model", "heard"], "reads voices; expected one that reads faces"),
        (["browser-bundle", "page", "--models", "heard"], "reads voices; expected one that reads faces"),
        (["evaluate", "heard", "--tta", "flip"], "no mirror image"),
        (["evaluate", "heard", "--dataset", "faces", "--split", "valid"], "data set 'faces' holds faces"),
        ([*ANEW, "--model.height", "48", "--model.width", "48"], "leave height and width at 0"),
        ([*ANEW, "--model.color", "rgb"], "has one channel"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_made_for_faces_refuses_voices(
    command, says, here, draw_faces, tmp_path, capsys, monkeypatch
):
    from fer_core.inference.sample import sample_path

    if not here.dataset("faces").exists():
        draw_faces(here, "faces", num_images=40)
    monkeypatch.chdir(tmp_path)
    command = [str(sample_path()) if part == "face.png" else part for part in command]
    assert main(command) == 1
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_model_of_faces_hears_nothing(here):
    save_small_model(here, "face")
    with pytest.raises(CheckpointError, match="reads faces; expected one that reads voices"):
        load_voice_model("face", here)


def test_voices_on_both_sides_are_not_learnt_from(here, capsys):
    import shutil

    import pandas as pd

    folder = here.dataset("torn")
    shutil.copytree(here.dataset("emodb"), folder)
    samples = pd.read_parquet(folder / "samples.parquet")
    samples.loc[samples["split"] == "valid", "group"] = samples.loc[
        samples["split"] == "train", "group"
    ].iloc[0]
    samples.to_parquet(folder / "samples.parquet", index=False)
    assert main([*ANEW, "--data.dataset", "torn"]) == 1
    assert "learnt from and validated on" in " ".join(capsys.readouterr().err.split())
