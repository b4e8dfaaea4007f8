"""The browser hears what Python hears and sees the same mouths move: in Node, with the real detector."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest

from fer_core.browser.modules import ASSETS
from fer_core.browser.runtime import require_runtime
from fer_core.checkpoint import InputSpec, SoundSpec
from fer_core.inference.frames import RgbFrame
from fer_core.inference.fusion import fuse
from fer_core.inference.live_voice import LiveVoice
from fer_core.inference.mouths import MouthWatcher
from fer_core.inference.voices import find_speaker
from fer_core.log_mel import compute_log_mel
from fer_core.sound.activity import SAMPLE_RATE, find_network
from fer_core.types import Prediction
from fer_core.workspace import PROJECT_ROOT
from tests.node import find_node
from tests.unit.inference.test_voices import FACES, VOICES, draw, face, result
from tests.unit.sound.voices import speak

BLOCK = 2048
SPEC = SoundSpec(window_s=1.5)
WINDOWS = ((16_000, 40_000), (16_000, 25_001), (20_000, 44_000), (0, 8_000))
PEOPLE = (face(7), face(8, x=104))
HEIGHTS = [(0, 1), (1, 8), (1, 2), (3, 9), (2, 1), (2, 7)]
FUSIONS = ((0.6, 0.3, 0.1), (0.2, 0.2, 0.6))


class Bright:
    """Answers with how bright its picture is."""

    name, classes, class_prior = "bright", ("bright", "dark"), None
    window_s, sample_rate = SPEC.window_s, SAMPLE_RATE

    def predict(self, windows):
        means = [compute_log_mel(window, SPEC).mean() / 255 for window in windows]
        return np.array([(mean, 1 - mean) for mean in means], np.float32)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    silence = 0.002 * rng.standard_normal(SAMPLE_RATE)
    return np.concatenate([silence, speak(3.1), silence]).astype(np.float32)


@pytest.fixture(scope="module")
def frames():
    """Face 7 talks while its head moves, face 8 beside it only moves."""
    pairs = [[draw(shift, height), draw(shift, 4)] for shift, height in HEIGHTS]
    return [np.ascontiguousarray(np.concatenate(pair, axis=1)) for pair in pairs]


@pytest.fixture(scope="module")
def answer(browser_workspace, sound, frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voice")
    named = [[{"name": name} for name in names] for names in (FACES, VOICES)]
    size = {"height": SPEC.num_bands, "width": SPEC.num_frames}
    spec = InputSpec(**size, color="gray", mean=(0.0,), std=(1.0,), kind="sound", sound=SPEC)
    job = {
        "model": {
            "file": "model",
            "speech": str(find_network()),
            "input": dataclasses.asdict(spec),
            "uint8": False,
        },
        "block": BLOCK,
        "windows": WINDOWS,
        "width": frames[0].shape[1],
        "height": frames[0].shape[0],
        "faces": [{"id": item.track_id, "box": dataclasses.asdict(item.box)} for item in PEOPLE],
        "fusions": [
            {
                **{"face": PEOPLE[0].prediction.probabilities, "faceClasses": named[0], "voice": voice},
                **{"voiceClasses": named[1], "learned": (0.4, 0.4, 0.2)},
            }
            for voice in FUSIONS
        ],
    }
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "sound.bin").write_bytes(sound.tobytes())
    (folder / "frames.bin").write_bytes(np.stack(frames).tobytes())
    runtime = require_runtime(browser_workspace)
    names = [PROJECT_ROOT / "tests" / "voice_replay.mjs", ASSETS, folder, runtime.script, runtime.binary_gz]
    subprocess.run([*find_node(), *map(str, names)], check=True, timeout=600)
    return json.loads((folder / "answer.json").read_text())


def test_the_pictures_of_sound_are_alike(answer, sound):
    for (start, end), seen in zip(WINDOWS, answer["pictures"], strict=True):
        ours = compute_log_mel(sound[start:end], SPEC).ravel().astype(int)
        difference = np.abs(ours - np.array(seen))
        assert difference.max() <= 1
        assert difference.mean() < 0.01


def test_speech_begins_is_read_and_ends_as_in_python(answer, sound):
    ears = LiveVoice(Bright(), lambda: 0.0)
    for start, seen in zip(range(0, len(sound), BLOCK), answer["heard"], strict=True):
        part = sound[start : start + BLOCK]
        end_s = (start + len(part)) / SAMPLE_RATE
        ears.hear(part, end_s)
        ours = ears._now
        assert seen["sinceS"] == (None if ours.since_s is None else pytest.approx(ours.since_s))
        expected = ours.prediction and pytest.approx(ours.prediction.probabilities, abs=1e-3)
        assert seen["probabilities"] == expected
    assert sum(seen["probabilities"] is not None for seen in answer["heard"]) > 10


def test_mouths_move_alike_and_the_same_face_speaks(answer, frames):
    watcher, seen = MouthWatcher(), {7: [], 8: []}
    for number, (frame, theirs) in enumerate(zip(frames, answer["moved"], strict=True)):
        ours = watcher.look(RgbFrame(frame), PEOPLE)
        for item, moved in zip(PEOPLE, theirs, strict=True):
            if number == 0:
                assert moved is None
            else:
                assert moved == pytest.approx(ours[item.track_id], abs=0.005)
                seen[item.track_id].append(ours[item.track_id])
    results = [result(number / 10, *PEOPLE) for number in range(len(frames))]
    assert answer["speaker"] == find_speaker(results, seen) == 7


def test_face_and_voice_are_fused_alike(answer):
    first, second = answer["fused"]
    voice = Prediction(VOICES, FUSIONS[0])
    assert first == pytest.approx(fuse(PEOPLE[0].prediction, voice, (0.4, 0.4, 0.2)).probabilities)
    assert second is fuse(PEOPLE[0].prediction, Prediction(VOICES, FUSIONS[1])) is None
