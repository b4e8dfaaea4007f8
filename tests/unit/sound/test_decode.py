"""The sound of files: what is read of each kind, on which clock, and what is said of bad ones."""

import re
from pathlib import Path

import numpy as np
import pytest

from fer_core.errors import MediaError
from fer_core.inference.video_reader import open_video
from fer_core.sound import open_sound, read_sound
from tests.unit.inference.videos import make_video
from tests.unit.sound.sounds import FPS, PICTURES, beep, find_onset, write_sound

RATE = 48_000


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus", "ogg", "aac", "m4a", "mkv"])
def test_a_beep_is_heard_when_it_sounds_and_the_length_is_what_was_put_in(
    tmp_path: Path, suffix: str
) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", beep(1.0, 2.345, RATE), RATE)
    sound = read_sound(path)
    assert (sound.sample_rate, sound.samples.dtype, sound.start_s) == (16_000, np.float32, 0)
    assert find_onset(sound.samples, 16_000) == pytest.approx(1.0, abs=0.002)
    # Raw AAC and Matroska do not say where the padding of the last packet begins.
    assert sound.duration_s == pytest.approx(2.345, abs=0.025 if suffix in {"aac", "mkv"} else 0.0005)
    assert np.abs(sound.samples).max() == pytest.approx(0.5, abs=0.05)
    assert sound.notes == ()


@pytest.mark.parametrize("suffix", PICTURES)
def test_a_beep_and_a_flash_at_one_time_are_at_one_time(tmp_path: Path, suffix: str) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", beep(1.0, 2.0, RATE), RATE, flash_s=1.0)
    with open_video(path) as reader:
        flash = max(reader.frames(), key=lambda frame: frame.image_rgb.mean()).time_s
    sound = read_sound(path)
    heard = sound.start_s + find_onset(sound.samples, 16_000)
    assert heard == pytest.approx(flash, abs=0.5 / FPS)


@pytest.mark.parametrize(
    ("layout", "channel", "level"), [("stereo", 0, 0.25), ("5.1", 2, 1 / 3.41), ("5.1", 3, 0)]
)
def test_channels_are_mixed_so_that_nothing_clips(
    tmp_path: Path, layout: str, channel: int, level: float
) -> None:
    """FL FR FC LFE BL BR weigh 0.707, 0.707, 1, 0, 0.5, 0.5: the centre 1 / 3.414; the subwoofer nothing."""
    num = {"stereo": 2, "5.1": 6}[layout]
    samples = np.zeros((num, 16_000), np.float32)
    samples[channel] = beep(0.2, 1.0) if layout == "stereo" else 2 * beep(0.2, 1.0)
    path = write_sound(tmp_path / "a.wav", samples, layout=layout)
    assert np.abs(read_sound(path).samples).max() == pytest.approx(
        level if layout == "5.1" else 0.25, abs=0.005
    )


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_every_depth_has_the_same_scale(tmp_path: Path, codec: str) -> None:
    path = write_sound(tmp_path / "a.wav", beep(0.0, 0.5), codec=codec)
    assert read_sound(path).samples == pytest.approx(beep(0.0, 0.5), abs=0.01)


def test_another_rate_keeps_tone_and_time(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", beep(0.5, 1.0, 8_000, hz=440), 8_000)
    sound = read_sound(path)
    assert find_onset(sound.samples, 16_000) == pytest.approx(0.5, abs=0.002)
    spectrum = np.abs(np.fft.rfft(sound.samples[8_500:11_000]))
    assert np.argmax(spectrum) * 16_000 / 2_500 == pytest.approx(440, abs=4)
    assert any("8,000 samples a second" in note for note in sound.notes)


def test_blocks_are_the_whole_and_stay_small(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", beep(1.0, 5.5, RATE), RATE)
    with open_sound(path) as reader:
        blocks = list(reader.blocks())
        assert (reader.info.sample_rate, reader.info.num_channels, reader.info.codec) == (RATE, 1, "flac")
        assert reader.end_s == pytest.approx(5.5)
    assert max(map(len, blocks)) < 1.2 * 16_000
    assert np.concatenate(blocks) == pytest.approx(read_sound(path).samples)


def test_a_gap_is_silence_of_its_length_and_is_said(tmp_path: Path) -> None:
    samples = np.concatenate([beep(0.0, 0.512, tone_s=0.512), beep(0.0, 0.512, tone_s=0.512)])
    times = [1024 * number + (16_000 if number >= 8 else 0) for number in range(16)]
    path = write_sound(tmp_path / "a.mkv", samples, codec="pcm_s16le", pts=times)
    sound = read_sound(path)
    assert sound.duration_s == pytest.approx(2.024, abs=0.002)
    assert not sound.samples[9_000:23_000].any()
    assert find_onset(sound.samples[10_000:], 16_000) == pytest.approx(
        (8_192 + 16_000 - 10_000) / 16_000, abs=0.002
    )
    assert any("1.0 s of the sound are missing" in note for note in sound.notes)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(8_000, np.float32), "silent throughout"),
        (np.clip(20 * beep(0.0, 0.5, tone_s=0.5), -1, 1), "clipped"),
        (np.full(8_000, np.nan, np.float32), "silent throughout"),
    ],
)
def test_silent_and_clipped_sound_is_read_and_said(tmp_path: Path, samples: np.ndarray, said: str) -> None:
    sound = read_sound(write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le"))
    assert len(sound.samples) == 8_000
    assert np.isfinite(sound.samples).all()
    assert any(said in note for note in sound.notes)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_file_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
    path = write_sound(tmp_path / f"a.{suffix}", noise)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 4 // 10])
    sound = read_sound(path)
    assert sound.duration_s == pytest.approx(4.0, abs=0.2)
    assert any(re.search(r"ends [56]\.\d s before it should", note) for note in sound.notes)


def test_damage_in_the_middle_loses_nothing_else_and_moves_nothing(tmp_path: Path) -> None:
    samples = np.concatenate([beep(0.0, 3.0, RATE), beep(1.0, 3.0, RATE)])
    path = write_sound(tmp_path / "a.flac", samples, RATE)
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 3, len(data) // 3 + 3_000)
    data[middle] = np.random.default_rng(0).bytes(3_000)
    path.write_bytes(data)
    sound = read_sound(path)
    assert sound.duration_s == pytest.approx(6.0, abs=0.2)
    assert find_onset(sound.samples[48_000:], 16_000) == pytest.approx(1.0, abs=0.2)


def _silent_film(folder: Path) -> Path:
    return make_video(folder / "a.mp4")


def _text(folder: Path) -> Path:
    (folder / "a.wav").write_text("not sound at all" * 100)
    return folder / "a.wav"


def _empty(folder: Path) -> Path:
    (folder / "a.wav").touch()
    return folder / "a.wav"


def _no_samples(folder: Path) -> Path:
    return write_sound(folder / "a.wav", np.zeros(0, np.float32))


def _play_list(folder: Path) -> Path:
    (folder / "a.m3u8").write_text("#EXTM3U\n#EXTINF:10,\n/etc/passwd\n")
    return folder / "a.m3u8"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_silent_film, "holds no sound, only video"),
        (_text, "is not sound that can be read"),
        (_empty, "is empty"),
        (_no_samples, "nothing in it can be decoded"),
        (_play_list, "is not sound that can be read"),
        (lambda folder: folder / "b.wav", "missing"),
        (lambda folder: folder, "a folder"),
    ],
)
def test_what_holds_no_sound_is_refused_with_the_reason(tmp_path: Path, make, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        read_sound(make(tmp_path))


def test_sound_longer_than_allowed_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", beep(0.0, 3.0, RATE), RATE)
    with pytest.raises(MediaError, match="2 s are the most"):
        read_sound(path, max_duration_s=2)
