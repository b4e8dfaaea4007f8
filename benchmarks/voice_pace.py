"""How fast sound is listened to, on one core, and how much memory that takes.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/voice_pace.py
    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/voice_pace.py --minutes 10 --model my-voice

An MP3 of stereo sound at 44,100 Hz that is speech half the time (made as in the tests). `CPU s`: of decoding
and finding speech, and of the model where one is named. `grown`: memory at its highest beyond that after the
first minute.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fer_core.sound.vocal import listen
from fer_core.workspace import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT))
from tests.unit.sound.sounds import write_sound
from tests.unit.sound.voices import speak

RATE = 44_100


def main(minutes: float = 60.0, model: str | None = None) -> None:
    voice = None
    if model is not None:
        from fer_core.voice import load_voice_model

        voice = load_voice_model(model)
    with tempfile.TemporaryDirectory(prefix="fer-pace-") as folder:
        part = np.concatenate([np.zeros(RATE, np.float32), speak(4.0, RATE), np.zeros(3 * RATE, np.float32)])
        short = write_sound(
            Path(folder) / "short.mp3", np.stack([np.tile(part, 8)] * 2), RATE, layout="stereo"
        )
        listen(short, voice)
        before_mb = read_peak_mb()
        path = join(short, Path(folder) / "long.mp3", max(1, round(60 * minutes / 64)))
        start, wall = time.process_time(), time.perf_counter()
        track = listen(path, voice)
        used_s, wall_s = time.process_time() - start, time.perf_counter() - wall
    print(
        f"{track.duration_s / 60:.1f} minutes, {track.speech_s / track.duration_s:.0%} speech, "
        f"{len(track.windows)} windows: {used_s:.1f} CPU s ({wall_s:.1f} s), "
        f"{60 * used_s / track.duration_s:.2f} CPU s a minute; {read_peak_mb() - before_mb:.0f} MB grown"
    )


def join(source: Path, target: Path, times: int) -> Path:
    """The same sound over and over: an MP3 is a row of frames."""
    data = source.read_bytes()
    with target.open("wb") as file:
        for _ in range(times):
            file.write(data)
    return target


def read_peak_mb() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model")
    wanted = parser.parse_args()
    main(wanted.minutes, wanted.model)
