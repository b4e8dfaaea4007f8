"""How exactly sound and picture share one clock: a beep at a flash, in every container.

    python benchmarks/voice_clock.py

`late`: by how many ms the beep is heard after the flash is seen (an AAC or Opus encoder blurs it by a few); a
frame lasts 40 ms. `length`: by how many ms the decoded sound is longer than what was put in.
"""

import argparse
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from fer_core.inference.video_reader import open_video
from fer_core.sound import read_sound
from fer_core.workspace import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT))
from tests.unit.sound.sounds import CODECS, PICTURES, beep, find_onset, write_sound

RATE, AT_S, LENGTH_S = 48_000, 1.0, 2.345
CASES = (
    *((suffix, None) for suffix in PICTURES),
    *(
        ("mkv", "aac"),
        ("mkv", "libmp3lame"),
        ("mkv", "flac"),
        ("mov", "aac"),
        ("avi", "libmp3lame"),
        ("ts", "mp2"),
    ),
    *((suffix, None) for suffix in CODECS if suffix not in PICTURES),
)


def main(suffixes: Collection[str] = tuple(CODECS)) -> None:
    late = {}
    print("file       sound       late ms  length ms")
    with tempfile.TemporaryDirectory(prefix="fer-clock-") as folder:
        for suffix, codec in CASES:
            if suffix not in suffixes:
                continue
            has_picture = suffix in PICTURES
            path = Path(folder) / f"a.{suffix}"
            write_sound(
                path, beep(AT_S, LENGTH_S, RATE), RATE, codec=codec, flash_s=AT_S if has_picture else None
            )
            seen_s = AT_S
            if has_picture:
                with open_video(path) as reader:
                    seen_s = max(reader.frames(), key=lambda frame: frame.image_rgb.mean()).time_s
            sound = read_sound(path)
            heard_s = sound.start_s + find_onset(sound.samples, 16_000)
            name = f"{suffix:10} {codec or CODECS[suffix]}"
            late[name] = 1e3 * (heard_s - seen_s)
            longer_ms = 1e3 * (sound.start_s + sound.duration_s - LENGTH_S)
            print(f"{name:22} {late[name]:7.1f}  {longer_ms:9.1f}")
    print(f"worst: {max(late.values(), key=abs):.1f} ms")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    main()
