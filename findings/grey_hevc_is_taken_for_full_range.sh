#!/usr/bin/env bash
# Surprise: a grey (4:0:0) HEVC video of limited range, which says so (`frame.color_range` 1, black 16, white 235), is converted to
#   RGB as if it were of full range: black comes out as 16 and white as 235. The same picture as grey H.264 is decoded as 4:2:0
#   and converted right. FFmpeg's converter takes every grey format for full range, whatever the frame says.
# Guess before running: black 0 and white 255 for both, since both frames say "limited".
# Versions: av 18.1.0 (FFmpeg 8.1, libswscale). Source: libswscale treats gray formats as JPEG range (handle_jpeg in utils.c).
# Seen: "libx264: yuv420p, range 1: black 0, white 255", "libx265: gray, range 1: black 16, white 235"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

found = {}
for codec in ("libx264", "libx265"):
    with av.open("a.mkv", "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "gray"
        stream.codec_context.color_range = 1
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        for number in range(3):
            grey = np.repeat(np.array([16, 235], np.uint8), 40)[:, None].repeat(96, axis=1)
            frame = av.VideoFrame.from_ndarray(grey, format="gray")
            frame.color_range = 1
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open("a.mkv") as container:
        frame = next(container.decode(video=0))
    image = frame.to_ndarray(format="rgb24")
    found[codec] = int(np.median(image[:30])), int(np.median(image[50:]))
    print(f"{codec}: {frame.format.name}, range {frame.color_range}: black {found[codec][0]}, white {found[codec][1]}")
raise SystemExit(not (found["libx264"][0] <= 2 and found["libx265"][0] >= 12 and found["libx265"][1] <= 240))
PYTHON
