"""Where somebody speaks. Whether that is right on speech is measured by benchmarks/voice_activity.py."""

import numpy as np
import pytest

from fer_core.sound.activity import FRAME_S, VoiceActivity, find_stretches

TIMES = np.arange(5 * 16_000) / 16_000
NOT_SPEECH = {
    "silence": np.zeros(len(TIMES)),
    "tone": 0.5 * np.sin(2 * np.pi * 440 * TIMES),
    "chord": sum(0.2 * np.sin(2 * np.pi * hz * TIMES) for hz in (262, 330, 392)),
    "noise": np.random.default_rng(0).normal(0, 0.1, len(TIMES)),
}


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_what_is_no_speech_is_called_none(name: str) -> None:
    samples = np.asarray(NOT_SPEECH[name], np.float32)
    assert find_stretches(VoiceActivity().feed(samples)) == []


def test_pieces_and_the_whole_are_heard_alike_and_a_reset_forgets() -> None:
    activity = VoiceActivity()
    samples = NOT_SPEECH["noise"].astype(np.float32)[:20_100]
    whole = np.concatenate([activity.feed(samples), activity.finish()])
    activity.reset()
    parts = [activity.feed(part) for part in np.split(samples, [100, 700, 701, 9_000])]
    assert np.concatenate([*parts, activity.finish()]) == pytest.approx(whole)
    assert len(whole) == 40, "39 whole frames of 512, and 132 samples of another"


def test_stretches_bridge_pauses_leave_out_blips_and_do_not_flicker() -> None:
    levels = [*[0.0] * 10, *[0.9] * 10, *[0.1] * 5, *[0.6, 0.4] * 5, *[0.1] * 20, *[0.9] * 3, *[0.1] * 9]
    (found,) = find_stretches(np.array(levels, np.float32), start_s=2.0)
    assert (found.start_s, found.end_s) == pytest.approx((2 + 10 * FRAME_S, 2 + 35 * FRAME_S))


def test_nothing_has_no_stretches() -> None:
    assert find_stretches(np.zeros(0, np.float32)) == []
