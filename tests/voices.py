"""Made-up voices as WAV files, a buzz whose loudness wavers; and data sets that are named like real ones."""

import io
import wave

import numpy as np

RATE = 16_000
EMODB = ("W", "L", "E", "A", "F", "T", "N")
"""EmoDB's letters, in the order of the pitches that stand for them here."""


def make_sound(seconds=1.0, *, pitch=120.0, seed=0, gain=0.3, rate=RATE):
    """Samples in [-1, 1]: ten harmonics over a little noise."""
    time = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * number * time) / number for number in range(1, 11))
    wavering = 1 + 0.5 * np.sin(2 * np.pi * 4 * time)
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(time))
    return np.clip(gain * (0.5 * buzz * wavering + noise), -1, 1).astype(np.float32)


def encode_wav(samples, rate=RATE):
    """A WAV file of 16 bits, one channel."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.asarray(samples) * 32767).astype("<i2").tobytes())
    return stream.getvalue()


def voice(seconds=0.5, **options):
    """An encoded voice."""
    return encode_wav(make_sound(seconds, **options), options.get("rate", RATE))


def emodb_files(*, speakers=("03", "08", "11", "16"), takes=("a",), seconds=0.6):
    """As EmoDB: names, and the listeners' rates in Latin-1 with decimal commas and no-break spaces."""
    files, lines = {}, ["Nr.\tSatz\terkannt\tnatuerlich"]
    for place, speaker in enumerate(speakers):
        for number, letter in enumerate(EMODB):
            for take in takes:
                name = f"{speaker}a01{letter}{take}"
                pitch = (90 + 30 * number) * (1 + 0.02 * place)
                files[f"wav/{name}.wav"] = voice(seconds, pitch=pitch, seed=place)
                lines.append(f"{len(lines)}\xa0\xa0\t{name}.wav\t{95 - 5 * number},50\xa0\xa0\t70,00")
    return {**files, "erkennung.txt": "\n".join(lines).encode("latin-1")}
