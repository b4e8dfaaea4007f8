"""The track of vocal windows: where they lie, what they hear, and that memory stays flat."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fer_core.sound.activity import Stretch
from fer_core.sound.vocal import VocalTrack, VocalWindow, cut_sound, list_rows, listen, plan_spans
from fer_core.types import Float32Array, Prediction
from fer_core.voice.one_speaker import take_baseline_off
from tests.unit.sound.sounds import write_sound
from tests.unit.sound.voices import Loudness, speak

RATE = 16_000


def test_windows_cover_speech_and_never_leave_it() -> None:
    speech = [Stretch(1.0, 1.3), Stretch(2.0, 2.8), Stretch(5.0, 10.2)]
    spans = plan_spans(speech, window_s=2.0)
    assert [(span.start_s, span.end_s) for span in spans[:1]] == [(2.0, 2.8)], "0.3 s say nothing"
    assert [span.start_s for span in spans[1:]] == pytest.approx(np.arange(5) * 1.04 + 5.0)
    assert spans[-1].end_s == pytest.approx(10.2)
    assert all(
        any(item.start_s <= span.from_s and span.to_s <= item.end_s + 1e-9 for item in speech)
        for span in spans
    )
    assert [span.to_s - span.from_s for span in spans] == pytest.approx([0.8, *[2.0] * 5])
    assert [(span.from_s, span.to_s) for span in spans[2:3]] == [(pytest.approx(5.56), pytest.approx(7.56))]


def test_the_samples_of_windows_are_those_of_their_times() -> None:
    samples = np.arange(10 * RATE, dtype=np.float32)
    spans = plan_spans([Stretch(1.0, 1.9), Stretch(3.0, 9.0)], window_s=2.0)
    blocks = iter(np.array_split(samples, 37))
    found = list(cut_sound(blocks, spans, RATE, start_s=0.5))
    for span, part in zip(spans, found, strict=True):
        assert part[0] == round((span.from_s - 0.5) * RATE)
        assert len(part) == round((span.to_s - 0.5) * RATE) - round((span.from_s - 0.5) * RATE)
        assert (np.diff(part) == 1).all()


def _track(*windows: tuple[float, float, float], speech: Sequence[Stretch] = ()) -> VocalTrack:
    found = [VocalWindow(start, end, Prediction(("quiet", "loud"), (1 - p, p))) for start, end, p in windows]
    return VocalTrack(10.0, tuple(speech), tuple(found), ("quiet", "loud"), model="loudness")


def test_a_label_lasts_as_long_as_its_window() -> None:
    track = _track((1.0, 2.0, 0.9), (2.0, 3.0, 0.2), speech=[Stretch(1.0, 3.0), Stretch(5.0, 5.3)])
    labels = [track.window_at(time) for time in (0.99, 1.0, 2.0, 3.0, 5.1)]
    assert [None if found is None else found.prediction.label for found in labels] == [
        None,
        "loud",
        "quiet",
        None,
        None,
    ]
    assert [track.is_speech(time) for time in (0.5, 2.5, 4.0, 5.1, 5.3)] == [False, True, False, True, False]
    assert track.mean_shares() == pytest.approx({"quiet": 0.45, "loud": 0.55})
    assert track.speech_s == pytest.approx(2.3)
    assert [(start, found is None) for start, _, found in list_rows(track)] == [
        (1.0, False),
        (2.0, False),
        (5.0, True),
    ]


def test_made_speech_is_found_and_labelled_and_silence_is_not(tmp_path: Path) -> None:
    samples = np.concatenate(
        [np.zeros(RATE), speak(2.5), np.zeros(2 * RATE), 0.2 * speak(1.5), np.zeros(RATE)]
    )
    track = listen(write_sound(tmp_path / "a.flac", samples.astype(np.float32)), Loudness())
    assert track.duration_s == pytest.approx(8.0)
    assert [(item.start_s, item.end_s) for item in track.speech] == [
        (pytest.approx(1.0, abs=0.3), pytest.approx(3.5, abs=0.3)),
        (pytest.approx(5.5, abs=0.3), pytest.approx(7.0, abs=0.3)),
    ]
    assert {
        track.window_at(time) and track.window_at(time).prediction.label for time in (0.5, 2.0, 4.5, 6.0)
    } == {None, "loud", "quiet"}
    assert (track.model, track.classes) == ("loudness", ("quiet", "loud"))
    only_speech = listen(tmp_path / "a.flac")
    assert (only_speech.speech, only_speech.windows, only_speech.classes) == (track.speech, (), ())


def test_listening_can_be_stopped_and_tells_how_far_it_is(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", np.zeros(8 * RATE, np.float32))
    told: list[tuple[float, float | None]] = []
    track = listen(
        path, Loudness(), on_progress=lambda *args: told.append(args), cancelled=lambda: len(told) >= 3
    )
    assert len(told) == 3
    assert told[-1] == (pytest.approx(3.0, abs=0.2), pytest.approx(8.0))
    assert track.duration_s == told[-1][0]


def test_no_more_sound_is_held_than_a_window_needs() -> None:
    """An hour of blocks; each is freed before the next but one is asked for."""
    longest = 0

    def blocks():
        nonlocal longest
        for _ in range(3600):
            yield np.zeros(100, np.float32)

    spans = plan_spans([Stretch(0.0, 3600.0)], window_s=2.0)
    for part in cut_sound(blocks(), spans, 100, 0.0):
        base = part.base if part.base is not None else part
        longest = max(longest, base.size)
    assert longest <= 4 * 100


def test_windows_hold_no_sample_more_than_the_model_takes(tmp_path: Path) -> None:
    """0.7 s and 11,025 Hz do not divide evenly."""

    class Strict(Loudness):
        window_s, sample_rate = 0.7, 11_025

        def predict(self, windows: Sequence[Float32Array]) -> Float32Array:
            assert all(0 < len(window) <= 7_717 for window in windows)
            return super().predict(windows)

    path = write_sound(tmp_path / "a.flac", np.concatenate([np.zeros(RATE, np.float32), speak(3.1)]))
    assert len(listen(path, Strict()).windows) >= 7


def test_a_speakers_baseline_is_taken_off_where_there_is_enough_speech() -> None:
    """A voice that always sounds loud is loud only where it is louder than usual."""
    chances = [0.9] * 6 + [0.6] * 6
    windows = [(float(number), number + 1.0, chance) for number, chance in enumerate(chances)]
    levelled = take_baseline_off(_track(*windows, speech=[Stretch(0.0, 12.0)]))
    assert [window.prediction.label for window in levelled.windows] == ["loud"] * 6 + ["quiet"] * 6
    assert [window[:2] for window in levelled.windows] == [window[:2] for window in windows]
    assert "baseline is taken off" in levelled.notes[-1]
    short = _track(*windows[:9], speech=[Stretch(0.0, 9.0)])
    assert take_baseline_off(short).windows == short.windows
    assert "9 of 10 windows" in take_baseline_off(short).notes[-1]
