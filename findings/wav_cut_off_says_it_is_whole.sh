#!/usr/bin/env bash
# Surprise: a WAV that was cut off in mid-file opens as a shorter one that is whole. Its header still says ten seconds, but FFmpeg
#   takes the length from the size of the file, raises nothing, and warns of nothing; a cut-off FLAC keeps saying ten seconds.
#   So "decoded less than promised" never shows for the most common kind of recording: compare the size in the RIFF header
#   with that of the file.
# Guess before running: `duration` is the header's for both, and what decodes is shorter.
# Versions: av 18.1.0 (FFmpeg 8.1).
# Seen: "wav: 4.0 s decoded, duration says 4.0 s, the header 10.0 s", "flac: 4.x s decoded, duration says 10.0 s"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from pathlib import Path

import av
import numpy as np

RATE = 16_000
noise = np.random.default_rng(0).integers(-9000, 9000, (1, 10 * RATE), np.int16)
said = {}
for ending, codec in (("wav", "pcm_s16le"), ("flac", "flac")):
    path = Path(f"a.{ending}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    data = path.read_bytes()
    promised = (int.from_bytes(data[4:8], "little") + 8 - 44) / 2 / RATE if ending == "wav" else None
    path.write_bytes(data[: len(data) * 4 // 10])
    decoded = 0
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        said[ending] = float(stream.duration * stream.time_base)
        try:
            for frame in container.decode(stream):
                decoded += frame.samples
        except av.FFmpegError:
            pass
    header = f", the header {promised:.1f} s" if promised else ""
    print(f"{ending}: {decoded / RATE:.1f} s decoded, duration says {said[ending]:.1f} s{header}")
raise SystemExit(not (said["wav"] < 5 and said["flac"] > 9))
PYTHON
