"""Long recordings read in stretches: joined, they are what reading the whole gives."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from fer_core.inference import video
from fer_core.inference.detectors.turned import TurnedFaceDetector
from fer_core.studies import analyzing, create_study, read_state, stretches
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs
from fer_core.studies.study import SUMMARY_FILE, TABLE_FILE
from fer_core.types import FaceBox
from fer_core.workspace import Workspace
from tests.e2e.dashboard import write_clip

FPS = 10
SECONDS = 28
SIZE = (320, 120)


class Squares(TurnedFaceDetector):
    """Finds bright squares, and looks only round the known ones between two searches, as YuNet does."""

    name = "squares"
    clear_score = sure_score = 0.5

    def _find_upright(self, image_rgb):
        _, _, stats, _ = cv2.connectedComponentsWithStats((image_rgb[..., 0] > 110).astype(np.uint8))
        places = [row[:4].astype(float) for row in stats[1:] if row[4] > 200]
        return [FaceBox(x=x, y=y, width=w, height=h, score=0.9) for x, y, w, h in places]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """One square all the time, and one beside it now and then, also where stretches meet."""
    shown = [*range(30, 90), *range(100, 150), *range(180, 250)]
    texture = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (40, 120)), (0, 0), 4) * 300 + 180

    def draw():
        for number in range(FPS * SECONDS):
            frame = np.full((*SIZE[::-1], 3), 30, np.uint8)
            for left in (60, 220)[: 1 + (number in shown)]:
                x, y = left + round(20 * np.sin(number / 9 + left)), 40 + round(9 * np.cos(number / 7))
                shift = round(30 + 30 * np.sin(number / 23 + left))
                frame[y : y + 40, x : x + 40] = texture[:, shift : shift + 40, None].clip(140, 255)
            yield frame

    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", draw(), fps=FPS)


@pytest.fixture
def make(clip, tmp_path, monkeypatch):
    """A study of the clip, whose stretches are of 12 and 16 s."""

    build = analyzing.build_stream

    def build_stream(study, settings):
        stream = build(study, settings)
        stream.swap(detector=Squares(is_stream=True))
        return stream

    monkeypatch.setattr(stretches, "build_stream", build_stream)
    for module, name, value in (
        (video, "SEGMENT_S", 2.0),
        (stretches, "STRETCH_S", 12.0),
        (stretches, "_SETTLE_S", 4.0),
    ):
        monkeypatch.setattr(module, name, value)

    def make_study(name):
        settings = {"model": "fer-tiny", "detector": "whole-image", "detect_every": 1, "smoothing_s": 0.1}
        study = create_study(Workspace(tmp_path), name, **settings)
        add_recordings(study, [NewRecording(path=clip)])
        return study, list_jobs(study)[0]

    return make_study


def read(study):
    folder = study.result_folder("long")
    return pd.read_parquet(folder / TABLE_FILE), json.loads((folder / SUMMARY_FILE).read_text())


@pytest.mark.parametrize(
    ("told_s", "plan"),
    [
        (SECONDS, [(0, 12), (12, np.inf)]),
        (65, [(0, 12), (12, 24), (24, 36), (36, 48), (48, np.inf)]),  # it claims to be longer than it is
    ],
)
def test_stretches_make_the_same_as_the_whole(make, monkeypatch, told_s, plan):
    whole, job = make("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyzing, "build_stream", stretches.build_stream)
        assert analyze(job) == ""
    study, job = make("cut")
    job = stretches.replace(job, duration_s=told_s)
    assert stretches.plan_stretches(job) == plan
    numbers = range(len(plan))
    # in whatever order, and more than once
    assert not any(stretches.analyze_stretch(job, number) for number in (*reversed(numbers), 1))
    assert read_state(study).counts["waiting"] == 1
    monkeypatch.setattr(stretches, "analyze", None)  # it is not read once more
    assert stretches.join_stretches(job, [""] * len(plan)) == ""
    (expected, facts), (found, told) = read(whole), read(study)
    # away for 1.1 s from 8.9 s on the second one keeps its number, for 3.1 s it does not
    assert facts["num_faces"] == 3 and facts["num_frames"] == FPS * SECONDS
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)
    assert (told.pop("stretch_s"), facts.pop("stretch_s")) == (12.0, 0.0)
    assert told.pop("mean_shares") == pytest.approx(facts.pop("mean_shares"))
    assert told == facts
    assert not study.stretches_folder("long").exists()


@pytest.mark.parametrize("reasons", [["", ""], ["", "it failed"]])
def test_what_can_t_be_joined_is_read_as_a_whole(make, reasons):
    study, job = make("whole")
    assert stretches.analyze_stretch(job, 1) == ""  # the other one is missing
    assert stretches.join_stretches(job, reasons) == ""
    assert read(study)[1]["stretch_s"] == 0.0 and not study.stretches_folder("long").exists()


def test_short_recordings_and_long_smoothing_are_not_cut(make):
    _, job = make("short")
    for fields in ({"duration_s": 23.9}, {"settings": stretches.replace(job.settings, smoothing_s=0.2)}):
        assert stretches.plan_stretches(stretches.replace(job, **fields)) == []
