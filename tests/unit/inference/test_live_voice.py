"""A live microphone: the real detector of speech on made voices, and a made model of them."""

import time
from itertools import pairwise

import av
import numpy as np
import pytest

from fer_core.errors import ConfigError
from fer_core.inference.frames import RgbFrame
from fer_core.inference.fusion import fuse
from fer_core.inference.live_voice import LiveVoice
from fer_core.sound.activity import SAMPLE_RATE
from tests.unit.inference.test_voices import FACES, draw, face, result
from tests.unit.sound.voices import Loudness, speak

BLOCK = SAMPLE_RATE // 50
SPEECH = speak(2.4)
SOUND = np.concatenate([np.zeros(SAMPLE_RATE), SPEECH, np.zeros(SAMPLE_RATE)]).astype(np.float32)


class Moods(Loudness):
    """Loud voices are happy ones."""

    classes = ("sadness", "happiness")


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ears(clock):
    ears = LiveVoice(Moods(), clock)
    yield ears
    ears.close()


def play(ears, clock, sound=SOUND):
    """Hear it in blocks of 20 ms; gives the seconds and what was heard after each."""
    for start in range(0, len(sound), BLOCK):
        clock.now_s += BLOCK / SAMPLE_RATE
        ears.hear(sound[start : start + BLOCK], clock.now_s)
        yield clock.now_s - 100, ears.heard()


def test_speech_is_heard_soon_and_labelled_while_it_lasts(ears, clock):
    found = list(play(ears, clock))
    speech = [time_s for time_s, heard in found if heard.since_s is not None]
    labelled = [time_s for time_s, heard in found if heard.prediction is not None]
    assert 1.25 <= speech[0] < 1.6
    assert 3.3 < speech[-1] < 3.9, "a pause of 0.3 s ends it"
    assert speech[0] + 0.2 < labelled[0] < speech[0] + 0.5
    assert max(after - before for before, after in pairwise(speech)) < 0.05, "it does not flicker"
    begin_s = {round(heard.since_s - 100, 1) for _, heard in found if heard.since_s is not None}
    assert begin_s <= {1.0, 1.1, 1.2}
    assert all(heard.prediction.label == "happiness" for _, heard in found if heard.prediction)


def test_noise_and_silence_are_nobodys_voice_and_a_dead_microphone_says_nothing(ears, clock):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    assert {heard.since_s for _, heard in play(ears, clock, noise)} == {None}
    assert ears.heard() is not None
    clock.now_s += 2
    assert ears.heard() is None


def test_only_a_mouth_that_moves_with_the_voice_is_fused(ears, clock):
    """Face 7 talks, face 8 beside it does not; before and after nothing is said of anybody."""
    heights, seen = [1, 8, 2, 9, 1, 7], []
    for number, (time_s, _) in enumerate(play(ears, clock)):
        if number % 5:
            continue
        picture = np.concatenate([draw(0, heights[number // 5 % 6]), draw(0, 4)], axis=1)
        seen.append((time_s, ears.look(RgbFrame(picture), result(clock.now_s, face(7), face(8, x=104)))))
    assert {voice.speaker for _, voice in seen} == {None, 7}
    known = [(time_s, voice) for time_s, voice in seen if voice.speaker == 7]
    assert 1.5 < known[0][0] < 2.2
    assert known[-1][0] < 4.0
    expected = fuse(face(7).prediction, known[0][1].prediction, Moods.class_prior)
    assert known[0][1].fused == expected
    assert expected.classes == FACES
    assert seen[0][1].is_speech is seen[-1][1].is_speech is False


def test_a_browsers_frames_are_mixed_resampled_and_heard_on_a_thread(clock):
    ears = LiveVoice(Moods(), clock)
    sound = np.repeat(np.rint(speak(1.5, 48_000) * 32767).astype(np.int16), 2)
    for start in range(0, len(sound), 1920):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1920], format="s16", layout="stereo")
        frame.sample_rate = 48_000
        ears.put(frame)
    deadline = time.monotonic() + 60
    while ears.heard() is None or ears.heard().prediction is None:
        assert time.monotonic() < deadline, ears.problem
        time.sleep(0.01)
    assert ears.heard().prediction.label == "happiness"
    assert ears.problem == ""
    ears.put(None)  # ends nothing, whatever comes
    ears.close()
    assert ears.heard() is None


def test_a_model_of_another_rate_is_refused():
    model = Moods()
    model.sample_rate = 8_000
    with pytest.raises(ConfigError, match="8,000 samples a second; expected 16,000"):
        LiveVoice(model)
