"""How often it is known whether somebody speaks: a minute of made speech, and sounds that are none.

    pip install espeakng-loader
    python benchmarks/voice_activity.py

Frames of 32 ms. Speech: sentences by eSpeak NG in four languages and five voices, with pauses of 0.5 to 1.5
s; the truth is when each sentence begins and ends. Noise is white; SNR is that of the sentences. Sounds
without speech: every frame that is called speech is wrong.
"""

import argparse
import sys

import numpy as np

from fer_core.sound.activity import FRAME_S, SAMPLE_RATE, VoiceActivity, find_stretches
from fer_core.sound.mixing import Resampler
from fer_core.types import Float32Array
from fer_core.workspace import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT))
from benchmarks.made_speech import RATE, Speaker


def main(seconds: float = 60.0) -> None:
    speech, truth = make_minute(Speaker().sentences(), seconds)
    rng = np.random.default_rng(0)
    level = np.sqrt(
        np.mean(np.square(speech[truth[(np.arange(len(speech)) / SAMPLE_RATE / FRAME_S).astype(int)]]))
    )
    for name, snr_db in (("clean", None), ("20 dB noise", 20), ("10 dB noise", 10), ("5 dB noise", 5)):
        noise = 0.0 if snr_db is None else rng.normal(0, level * 10 ** (-snr_db / 20), len(speech))
        heard = hear(np.clip(speech + noise, -1, 1).astype(np.float32))[: len(truth)]
        right = (heard == truth).mean()
        missed, false = (~heard[truth]).mean(), heard[~truth].mean()
        print(
            f"{name:12} {right:6.1%} of frames right; {missed:.1%} of speech missed, {false:.1%} of "
            "pauses called speech"
        )
    for name, samples in make_other(seconds).items():
        print(f"{name:12} {1 - hear(samples).mean():6.1%} of frames right (no speech in it)")


def hear(samples: Float32Array) -> "np.ndarray":
    """Whether somebody speaks, by frame, as tables and timelines have it."""
    activity = VoiceActivity()
    levels = np.concatenate([activity.feed(samples), activity.finish()])
    frames = np.zeros(len(levels), bool)
    for stretch in find_stretches(levels):
        frames[round(stretch.start_s / FRAME_S) : round(stretch.end_s / FRAME_S)] = True
    return frames


def make_minute(sentences: "list[Float32Array]", seconds: float) -> "tuple[Float32Array, np.ndarray]":
    """Sentences with pauses, and for each frame whether more than half of it lies in a sentence."""
    rng, parts, marks = np.random.default_rng(1), [], []
    num = round(seconds * SAMPLE_RATE)
    place = 0
    for sentence in sentences * 9:
        pause = np.zeros(int(rng.uniform(0.5, 1.5) * SAMPLE_RATE), np.float32)
        resampler = Resampler(RATE, SAMPLE_RATE)
        spoken = np.concatenate([*resampler.feed(sentence), *resampler.finish()])
        parts += [pause, spoken]
        marks += [np.zeros(len(pause), bool), np.ones(len(spoken), bool)]
        place += len(pause) + len(spoken)
        if place >= num:
            break
    num = num // 512 * 512
    return np.concatenate(parts)[:num], np.concatenate(marks)[:num].reshape(-1, 512).mean(1) > 0.5


def make_other(seconds: float) -> "dict[str, Float32Array]":
    """Sounds in which nobody speaks."""
    rng = np.random.default_rng(2)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chords = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]
    hz = np.array(chords)[(times / 1.5).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * hz[:, note] * times) for note in range(3)) * np.exp(-2 * (times % 1.5)) / 4
    found = {
        "silence": np.zeros(len(times)),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * times),
        "chords": chord,
        "white noise": rng.normal(0, 0.1, len(times)),
        "hum 50 Hz": sum(0.2 / k * np.sin(2 * np.pi * 50 * k * times) for k in (1, 2, 3, 5)),
        "clicks": np.where(rng.random(len(times)) < 3e-4, rng.uniform(-1, 1, len(times)), 0),
    }
    return {name: np.asarray(samples, np.float32) for name, samples in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    main(parser.parse_args().seconds)
