"""`fer listen`, and `fer annotate --voice`: a real detector of speech, and a made model of voices."""

import json
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from fer_core.cli import main
from fer_core.inference.predictor import Predictor
from fer_core.sound.decode import open_sound
from tests.integration.test_cli_annotate import model, options  # noqa: F401 - a fixture
from tests.unit.inference.videos import make_video
from tests.unit.sound.sounds import FPS, beep, find_onset, write_sound
from tests.unit.sound.voices import Loudness, speak

RATE = 16_000
SAMPLES = np.concatenate([np.zeros(RATE), speak(2.0), np.zeros(RATE)]).astype(np.float32)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "talk.flac", SAMPLES)


@pytest.fixture(autouse=True)
def loudness(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("listen", "annotate"):
        monkeypatch.setattr(
            f"fer_core.cli.{module}.load_voice", lambda name: None if name is None else Loudness()
        )


def test_speech_alone_is_found_without_a_model(talk: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["listen", str(talk), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["model"], found["duration_s"]) == (None, pytest.approx(4.0))
    (stretch,) = found["speech"]
    assert (stretch["start_s"], stretch["end_s"]) == (
        pytest.approx(1.0, abs=0.2),
        pytest.approx(3.0, abs=0.2),
    )
    assert stretch["label"] is None


def test_several_sounds_are_labelled_and_tabled_and_a_bad_one_stops_none(
    talk: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    quiet = write_sound(tmp_path / "quiet.flac", 0.1 * SAMPLES)
    (tmp_path / "bad.wav").write_text("no sound")
    table = tmp_path / "voice.csv"
    command = ["listen", *(str(tmp_path / name) for name in ("talk.flac", "bad.wav")), str(quiet)]
    assert main([*command, "--model", "loudness", "--table", str(table)]) == 1
    said = capsys.readouterr()
    assert "bad.wav is not sound that can be read" in said.err
    assert "(model loudness)" in said.out
    rows = pd.read_csv(table)
    assert list(rows.columns) == ["source", "start_s", "end_s", "label", "confidence", "quiet", "loud"]
    assert rows.groupby("source")["label"].agg(set).to_dict() == {str(talk): {"loud"}, str(quiet): {"quiet"}}
    assert (rows["start_s"] > 0.8).all()
    assert (rows["end_s"] < 3.2).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no sound was named"),
        (["{talk}", "--table", "a.txt"], "expected .csv or .parquet"),
        (["{talk}", "--table", "{talk}/a.csv"], "can't be written"),
        (["{talk}", "--one-speaker"], "no voice model was named"),
        (["{talk}", "--max-minutes", "0.01"], "1 s are the most"),
        (["{folder}"], "a folder"),
        (["{silent}"], "holds no sound, only video"),
    ],
)
def test_what_can_not_be_heard_is_said(
    talk: Path, tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture
) -> None:
    silent = make_video(tmp_path / "silent.mp4", 3)
    places = {"talk": talk, "folder": tmp_path, "silent": silent}
    assert main(["listen", *(argument.format(**places) for argument in arguments)]) != 0
    printed, errors = capsys.readouterr()
    assert said in errors
    assert not printed, "told after the work"


def test_a_video_is_annotated_with_its_voice(
    tmp_path: Path,
    model: Predictor,  # noqa: F811
    capsys: pytest.CaptureFixture,
) -> None:
    source = write_sound(tmp_path / "film.mp4", SAMPLES, flash_s=0.5)
    command = ["annotate", str(source), str(tmp_path / "rows.csv"), "--voice", "loudness", *options(model)]
    assert main(command) == 0
    rows = pd.read_csv(tmp_path / "rows.csv")
    speech = rows.loc[rows["speech"], "time_s"]
    assert (speech.min(), speech.max()) == (pytest.approx(1.0, abs=0.2), pytest.approx(3.0, abs=0.2))
    assert set(rows.loc[rows["speech"], "voice_label"]) == {"loud"}
    assert rows.loc[~rows["speech"], "voice: loud"].isna().all()
    assert not rows["speaks"].any(), "a black picture has no mouth that moves"
    assert "s of speech; apparent vocal expressions: loud" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["mp4", "webm", "avi"])  # sound that is copied, and encoded anew
def test_the_voice_is_drawn_into_a_video_and_its_sound_stays_in_step(
    tmp_path: Path,
    suffix: str,
    model: Predictor,  # noqa: F811
) -> None:
    sound = np.clip(SAMPLES + beep(0.52, len(SAMPLES) / RATE), -1, 1)
    source = write_sound(tmp_path / f"film.{suffix}", sound, 48_000 // 3, flash_s=0.52)
    target = tmp_path / "drawn.mp4"
    command = ["annotate", str(source), str(target), "--voice", "loudness", "--top-k", "0"]
    assert main([*command, *options(model)]) == 0
    with av.open(str(target)) as film:
        frames = [(frame.time, frame.to_ndarray(format="gray")) for frame in film.decode(video=0)]
    assert len(frames) == 4 * FPS
    (flash_s,) = [time_s for time_s, picture in frames if picture.mean() > 200]
    with open_sound(target, RATE) as reader:
        heard = np.concatenate(list(reader.blocks()))
        onset_s = reader.start_s + find_onset(heard, RATE)
    assert onset_s == pytest.approx(flash_s, abs=0.02)
    silent = frames[-1][1][-12:].astype(int)
    written = [
        time_s
        for time_s, picture in frames
        if np.abs(picture[-12:] - silent).max() > 60 and time_s not in (0, flash_s)
    ]
    assert (written[0], written[-1]) == (pytest.approx(1.0, abs=0.2), pytest.approx(3.0, abs=0.2))
    assert len(written) == pytest.approx(FPS * (written[-1] - written[0]), abs=2), "without a gap"


def test_a_silent_video_is_annotated_and_says_so(
    tmp_path: Path,
    model: Predictor,  # noqa: F811
    capsys: pytest.CaptureFixture,
) -> None:
    source = make_video(tmp_path / "film.mp4", 5, size=(160, 120))
    command = ["annotate", str(source), str(tmp_path / "rows.csv"), "--voice", "loudness", *options(model)]
    assert main(command) == 0
    assert not pd.read_csv(tmp_path / "rows.csv")["speech"].any()
    assert "holds no sound" in capsys.readouterr().out
