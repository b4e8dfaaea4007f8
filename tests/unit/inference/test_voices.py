"""Voices beside faces: who speaks, what is fused, and what the tables hold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_core.inference.face_table import create_table
from fer_core.inference.frames import RgbFrame
from fer_core.inference.fusion import fuse, learn_weight
from fer_core.inference.mouths import MouthWatcher
from fer_core.inference.stream import FrameResult, StageTimes
from fer_core.inference.timeline import class_columns, voice_columns
from fer_core.inference.video_types import VideoFrame
from fer_core.inference.voices import VoiceJoiner, find_speaker, hear
from fer_core.sound.activity import Stretch
from fer_core.sound.vocal import VocalTrack, VocalWindow
from fer_core.types import FaceBox, FaceResult, Prediction, UInt8Array, VoiceResult
from tests.unit.inference.videos import make_video
from tests.unit.sound.voices import Loudness

FACES = ("happiness", "sadness", "contempt")
VOICES = ("happiness", "sadness", "boredom")
HEARD = Prediction(VOICES, (0.6, 0.3, 0.1))


def face(track: int, x: float = 0.0, shares: Sequence[float] = (0.5, 0.3, 0.2)) -> FaceResult:
    box = FaceBox(x=x, y=0, width=96, height=128, score=0.9)
    return FaceResult(box=box, prediction=Prediction(FACES, tuple(shares)), track_id=track)


def result(time_s: float, *faces: FaceResult) -> FrameResult:
    times = StageTimes(detect_ms=0, classify_ms=0, track_ms=0)
    return FrameResult(faces=faces, time_s=time_s, was_searched=True, times=times)


def test_fusing_multiplies_by_what_hearing_changed() -> None:
    """0.6 and 0.3 of the shared 0.9 over halves of it: gains of 4/3 and 2/3; contempt stays."""
    fused = fuse(face(1).prediction, HEARD, (0.4, 0.4, 0.2), weight=1.0)
    products = np.array([0.5 * 4 / 3, 0.3 * 2 / 3, 0.2])
    assert fused is not None
    assert fused.classes == FACES
    assert fused.probabilities == pytest.approx(products / products.sum())
    assert fuse(face(1).prediction, HEARD, weight=0.0) == face(1).prediction


@pytest.mark.parametrize(
    "voice",
    [
        Prediction(VOICES, (0.2, 0.2, 0.6)),
        Prediction(("quiet", "loud"), (0.5, 0.5)),
        Prediction(("happiness", "quiet"), (0.9, 0.1)),
    ],
)
def test_a_voice_that_says_nothing_of_the_faces_classes_is_not_fused(voice: Prediction) -> None:
    assert fuse(face(1).prediction, voice) is None


def test_the_weight_is_learned_from_what_each_is_worth() -> None:
    """Beside a face that knows nothing a voice that is always right counts fully, one always wrong not."""
    labels = ["happiness", "sadness"] * 20
    faces = [Prediction(FACES, (0.4, 0.4, 0.2))] * 40
    right = [
        Prediction(VOICES, (0.8, 0.1, 0.1) if label == "happiness" else (0.1, 0.8, 0.1)) for label in labels
    ]
    assert learn_weight(faces, right, labels) == 1.0
    wrong = [Prediction(VOICES, item.probabilities[1::-1] + item.probabilities[2:]) for item in right]
    assert learn_weight(faces, wrong, labels) == 0.0


@pytest.mark.parametrize(
    ("seen", "movements", "speaker"),
    [
        ([(1,)] * 10, {1: [0.05] * 9}, 1),
        ([(1,)] * 10, {1: [0.01] * 9}, None),  # a voice over a face that is silent
        ([(1,)] * 10, {1: [0.031] * 9}, None),  # one that nods and turns (benchmarks/voice_speaker.py)
        ([(1, 2)] * 10, {1: [0.044] * 9, 2: [0.02] * 9}, None),
        ([(1, 2)] * 10, {1: [0.01] * 9, 2: [0.08] * 9}, 2),
        ([(1, 2)] * 10, {1: [0.07] * 9, 2: [0.08] * 9}, None),  # both move
        ([(1, 2)] * 10, {}, None),
        ([(1,)] * 5 + [()] * 5, {1: [0.2] * 4}, None),  # seen half the time
        ([()] * 10, {}, None),
        ([(0,)] * 10, {0: [0.2] * 9}, 0),
    ],
)
def test_who_speaks_is_named_only_where_one_mouth_stands_out(seen, movements, speaker: int | None) -> None:
    frames = [result(number / 10, *(face(track) for track in tracks)) for number, tracks in enumerate(seen)]
    assert find_speaker(frames, movements) == speaker


def draw(shift: int, open_px: int) -> UInt8Array:
    """Something with the texture of a face that moves by `shift`, and a dark mouth of some height."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(60, 200, (18, 14)).astype(np.uint8)
    image = np.kron(coarse, np.ones((8, 8), np.uint8))[:128, :104]
    middle = 100
    image[middle - open_px : middle + open_px + 1, 30:66] = 20
    return np.repeat(np.roll(image, shift, axis=1)[:, :, None], 3, axis=2)


def test_a_mouth_that_moves_is_told_from_a_head_that_moves() -> None:
    def watch(pictures: list[UInt8Array]) -> float:
        watcher = MouthWatcher()
        found = [watcher.look(RgbFrame(picture), [face(3)]) for picture in pictures]
        assert found[0] == {}, "there is nothing to compare the first with"
        return float(np.mean([item[3] for item in found[1:]]))

    assert watch([draw(0, 4)] * 6) == pytest.approx(0.0, abs=1e-3)
    assert watch([draw(shift, 4) for shift in (0, 1, 2, 1, 0, 1)]) < 0.02
    assert watch([draw(0, height) for height in (1, 8, 2, 9, 1, 7)]) > 0.1
    assert watch([draw(shift, height) for shift, height in enumerate((1, 8, 2, 9))]) > 0.1


def track(*windows: tuple[float, float], speech: Sequence[Stretch]) -> VocalTrack:
    found = tuple(VocalWindow(start, end, HEARD) for start, end in windows)
    return VocalTrack(3.0, tuple(speech), found, VOICES, (0.4, 0.4, 0.2), "made")


def test_frames_wait_until_it_is_known_who_speaks_and_keep_their_order() -> None:
    joiner = VoiceJoiner(track((0.2, 0.6), speech=[Stretch(0.2, 0.6), Stretch(0.8, 1.1)]))
    heights = [1, 8, 2, 9, 1, 7, 2, 8, 1, 9, 1, 8]
    frames = [
        VideoFrame(RgbFrame(draw(0, height)), number, number / 10) for number, height in enumerate(heights)
    ]
    results = [result(number / 10, face(7)) for number in range(12)]
    first = joiner.join(frames[:4], results[:4])
    assert [item.time_s for item in first] == [0.0, 0.1], "0.2 s and on wait for the window's end"
    found = [*first, *joiner.join(frames[4:], results[4:]), *joiner.finish()]
    assert [item.time_s for item in found] == [number / 10 for number in range(12)]
    assert [item.voice.is_speech for item in found] == [False] * 2 + [True] * 4 + [False] * 2 + [True] * 3 + [
        False
    ]
    assert [item.voice.speaker for item in found] == [None] * 2 + [7] * 4 + [None] * 6
    assert found[3].voice.fused == fuse(face(7).prediction, HEARD, (0.4, 0.4, 0.2))
    assert [item.voice.prediction for item in found if item.voice.prediction] == [HEARD] * 4
    assert joiner.num_fused == 4


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_hold_the_voice_beside_the_faces(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    fused = Prediction(FACES, (0.7, 0.2, 0.1))
    with create_table(path, FACES, VOICES) as table:
        table.add(
            0, 0.0, [face(1), face(2)], VoiceResult(is_speech=True, prediction=HEARD, speaker=2, fused=fused)
        )
        table.add(1, 0.1, [], VoiceResult(is_speech=True))
        table.add(2, 0.2, [face(1)], VoiceResult(is_speech=False))
    rows = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    assert rows["speech"].tolist() == [True, True, True, False]
    assert rows["voice_label"].fillna("").tolist() == ["happiness", "happiness", "", ""]
    assert rows["voice: boredom"].fillna(-1).tolist() == [0.1, 0.1, -1, -1]
    assert [None if pd.isna(value) else bool(value) for value in rows["speaks"]] == [False, True, None, False]
    assert rows["fused_label"].fillna("").tolist() == ["", "happiness", "", ""]
    assert rows["fused: contempt"].fillna(-1).tolist() == [-1, 0.1, -1, -1]
    assert class_columns(rows) == list(FACES)
    assert voice_columns(rows) == ["voice: happiness", "voice: sadness", "voice: boredom"]


def test_a_table_without_listening_is_as_before(tmp_path: Path) -> None:
    with create_table(tmp_path / "rows.csv", FACES) as table:
        table.add(0, 0.0, [face(1)])
    assert list(pd.read_csv(tmp_path / "rows.csv").columns)[-4:] == ["expected_correctness", *FACES]


def test_a_video_without_sound_says_so_and_loses_nothing(tmp_path: Path) -> None:
    heard = hear(make_video(tmp_path / "silent.mp4", 3), Loudness())
    assert (heard.speech, heard.windows, heard.classes) == ((), (), ("quiet", "loud"))
    assert "holds no sound" in heard.notes[0]
