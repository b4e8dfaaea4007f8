#!/usr/bin/env bash
# Surprise: an AVI of ten frames that are 40 ms apart says that it has 400 frames at 1,000 a second, if it was written
#   with a time base of a millisecond: AVI has no times, only slots, and the empty ones between two frames count in its header.
#   Nothing is lost and every frame decodes at its right time; only what the header says (`stream.frames`, `average_rate`) is
#   forty times too much. Screen recorders and capture cards write such files.
# Guess before running: ten frames, 25 a second, as the same call gives for MP4 and Matroska.
# Versions: av 18.1.0 (FFmpeg 8.1). Source: AVI has one frame a tick (dwScale / dwRate); its muxer fills gaps with empty chunks.
# Seen: "mp4: says 10 frames, 25 a second; holds 10", "avi: says 400 frames, 1000 a second; holds 10, the last at 0.36 s"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

said = {}
for ending in ("mp4", "avi"):
    with av.open(f"a.{ending}", "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 40 * number, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(f"a.{ending}") as container:
        stream = container.streams.video[0]
        told, rate = stream.frames, stream.average_rate
        times = [frame.time for frame in container.decode(stream)]
    said[ending] = told
    print(f"{ending}: says {told} frames, {float(rate):g} a second; holds {len(times)}, the last at {times[-1]:.2f} s")
raise SystemExit(not (said["mp4"] == 10 and said["avi"] > 300))
PYTHON
