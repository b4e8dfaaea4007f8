"""Studies that listen, too: the voice beside the faces in tables, summaries, exports and statistics."""

from pathlib import Path

import numpy as np
import pytest

from fer_core.cli import main
from fer_core.errors import CheckpointError, StudyError
from fer_core.inference.timeline import voice_columns
from fer_core.studies import create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.faces import load_faces, to_voices
from fer_core.studies.formats import list_classes
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.report import write_report
from fer_core.studies.running import list_jobs
from fer_core.studies.state import read_summary
from fer_core.studies.statistics import build_series
from fer_core.studies.statistics.methods import ReportOptions
from fer_core.workspace import Workspace
from tests.small_models import save_small_voice
from tests.unit.sound.sounds import write_sound
from tests.unit.sound.voices import speak

SETTINGS = {"model": "fer-tiny", "detector": "whole-image"}
SAMPLES = np.concatenate([np.zeros(16_000), speak(2.0), np.zeros(8_000)]).astype(np.float32)


def test_a_study_hears_tables_and_sums_up_voices(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    save_small_voice(workspace, "ears", always="boredom")
    study = create_study(workspace, "talks", **SETTINGS, voice="ears")
    films = [write_sound(tmp_path / f"{name}.mp4", SAMPLES, flash_s=0.5) for name in ("a", "b")]
    facts = [{"participant": "p", "condition": name} for name in ("calm", "loud")]
    add_recordings(study, [NewRecording(path=p, facts=f) for p, f in zip(films, facts, strict=True)])
    assert [analyze(job) for job in list_jobs(study)] == ["", ""]
    heard = read_summary(study, "a").voice
    assert (heard.model, heard.speech_s) == ("ears", pytest.approx(2.0, abs=0.3))
    assert max(heard.mean_shares, key=heard.mean_shares.get) == "boredom"
    faces = load_faces(study, "a")
    assert voice_columns(faces) == ["voice: anger", "voice: boredom", "voice: happiness", "voice: neutral"]
    assert not any(name.startswith(("voice", "fused")) for name in list_classes(faces))
    voices = to_voices(faces)
    (series,) = build_series(study.load_recordings()[:1], voices)
    assert series.columns == ("anger", "boredom", "happiness", "neutral")
    middle = int(2.0 / (series.times_s[1] - series.times_s[0]))
    assert series.labels[middle] == "boredom"
    assert series.labels[1] == "", "nobody speaks at the beginning"
    # e^2 / (e^2 + 3): the network answers alike whatever it hears
    assert series.values[middle, 1] == pytest.approx(np.exp(2) / (np.exp(2) + 3), abs=1e-3)
    report = write_report(study, options=ReportOptions(of="voices", num_resamples=50))
    assert "Apparent vocal expressions were read in 2 recordings" in report
    assert "boredom" in report
    assert main(["study", "export", "talks", str(tmp_path / "faces.csv")]) == 0
    assert "voice: boredom" in (tmp_path / "faces.csv").read_text().splitlines()[0]


def test_a_study_that_does_not_listen_is_as_before(workspace: Workspace, tmp_path: Path) -> None:
    study = create_study(workspace, "silent", **SETTINGS)
    add_recordings(study, [NewRecording(path=write_sound(tmp_path / "a.mp4", SAMPLES[:8_000], flash_s=0.1))])
    assert [analyze(job) for job in list_jobs(study)] == [""]
    assert read_summary(study, "a").voice is None
    assert "speech" not in load_faces(study, "a")
    with pytest.raises(StudyError, match="without a model of voices"):
        to_voices(load_faces(study, "a"))


def test_a_model_of_faces_can_not_listen(workspace: Workspace) -> None:
    with pytest.raises(CheckpointError, match="reads"):
        create_study(workspace, "wrong", **SETTINGS, voice="fer-tiny")
