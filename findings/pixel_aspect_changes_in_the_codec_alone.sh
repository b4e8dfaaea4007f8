#!/usr/bin/env bash
# Surprise: where a broadcast goes from 4:3 to 16:9 in mid-file, the pixels change their shape and nothing else: width and height
#   stay, and so does `stream.sample_aspect_ratio`. No frame has a shape of its own in PyAV. The only trace is
#   `stream.codec_context.sample_aspect_ratio`, and that changes some frames BEFORE the first one that has the new shape, for the
#   decoder reads ahead: it belongs to the next key frame.
# Guess before running: the frames, or at least the stream, tell the new shape with the first frame that has it.
# Versions: av 18.1.0 (FFmpeg 8.1). Source: AVFrame.sample_aspect_ratio exists in FFmpeg; PyAV's VideoFrame has no such property.
# Seen: "the stream says 1, 1; the codec says 4/3 from frame 23 on; the first frame with it is 25"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

parts = []
for number, aspect in enumerate((Fraction(1), Fraction(4, 3))):
    with av.open(f"{number}.ts", "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 60, 60, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((60, 60, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 25 * number + index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    parts.append(Path(f"{number}.ts").read_bytes())
Path("both.ts").write_bytes(b"".join(parts))
with av.open("both.ts") as container:
    stream = container.streams.video[0]
    told = [
        (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio) for _ in container.decode(stream)
    ]
    has_own = hasattr(av.VideoFrame, "sample_aspect_ratio")
first = next((index for index, (_, codec) in enumerate(told) if codec != 1), None)
print(
    f"the stream says {told[0][0]}, {told[-1][0]}; the codec says {told[-1][1]} from frame {first} on; "
    f"the first frame with it is 25; frames have a shape of their own: {has_own}"
)
raise SystemExit(not (told[-1] == (1, Fraction(4, 3)) and first is not None and first < 25 and not has_own))
PYTHON
