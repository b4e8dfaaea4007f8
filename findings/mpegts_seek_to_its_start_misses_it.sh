#!/usr/bin/env bash
# Surprise: seeking an MPEG-TS to its own `start_time` leads to its SECOND key frame, which in recordings is seconds later; only a
#   time before the start leads to the first one. Transport streams have no index: FFmpeg looks for the time by halving the
#   file, and the decoder then waits for the key frame that comes next. MP4 and Matroska go to the first frame with the same call.
# Guess before running: seek(start_time) shows the first frame, as it does for MP4 and Matroska.
# Versions: av 18.1.0 (FFmpeg 8.1). Source: av_seek_frame, AVSEEK_FLAG_BACKWARD; libavformat/mpegts.c has no read_seek.
# Seen: "mp4: seek to the start shows 0.00 s", "mkv: … 0.00 s", "ts: seek to the start shows 11.96 s, a second before it 0.00 s"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

rng = np.random.default_rng(0)
shown = {}
for ending in ("mp4", "mkv", "ts"):
    with av.open(f"a.{ending}", "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 300
        for number in range(350):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(f"a.{ending}") as container:
        stream = container.streams.video[0]
        start_s = container.start_time / 1e6
        for place, time in (("start", container.start_time), ("before", container.start_time - 1_000_000)):
            container.seek(time)
            shown[ending, place] = next(container.decode(stream)).time - start_s
        print(
            f"{ending}: seek to the start shows {shown[ending, 'start']:.2f} s, "
            f"a second before it {shown[ending, 'before']:.2f} s"
        )
raise SystemExit(not (shown["mp4", "start"] == shown["mkv", "start"] == 0 and shown["ts", "start"] > 10))
PYTHON
