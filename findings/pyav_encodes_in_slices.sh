#!/usr/bin/env bash
# Surprise: PyAV's encoders are set to thread_type SLICE, so libx264 cuts each picture into a slice for each thread instead of working
#   at several pictures at once, as it does in the ffmpeg program. Slices predict nothing from each other: the more cores a machine has,
#   the larger the same video at the same crf, without a word, and no two kinds of machine write the same file. With thread_type FRAME
#   the number of threads changes next to nothing, but each thread holds pictures of its own.
# Guess before running: threads change the size by less than 1 %; slices are what `tune=zerolatency` asks for.
# Versions: av 18.1.0 (FFmpeg 8.1).
# Seen: "as it is: 1 thread(s) 16,623 bytes (+0.0%), 4 thread(s) 22,360 bytes (+34.5%), 16 thread(s) 23,533 bytes (+41.6%)", the same for
#   SLICE, and "FRAME: ... 16 thread(s) 16,669 bytes (+0.3%)"; a small film of a talking person grew by 7 % with 4 and 10 % with 8 or more.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np
from av.codec.context import ThreadType

WIDTH, HEIGHT, FRAMES = 640, 360, 60
rough = np.random.default_rng(0).normal(size=(HEIGHT // 8, WIDTH // 4)).cumsum(0).cumsum(1)
texture = np.kron(np.interp(rough, (rough.min(), rough.max()), (20, 230)), np.ones((8, 8))).astype(np.uint8)


def encode(threads: int, kind: ThreadType | None) -> int:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = threads
        if kind is not None:
            stream.codec_context.thread_type = kind
        for number in range(FRAMES):
            grey = texture[:, 5 * number : 5 * number + WIDTH]  # a picture that moves to the left
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return len(file.getvalue())


growth = {}
for name, kind in (("as it is", None), ("SLICE", ThreadType.SLICE), ("FRAME", ThreadType.FRAME)):
    sizes = {threads: encode(threads, kind) for threads in (1, 4, 16)}
    growth[name] = sizes[16] / sizes[1] - 1
    print(f"{name}: " + ", ".join(f"{n} thread(s) {size:,} bytes ({size / sizes[1] - 1:+.1%})" for n, size in sizes.items()))
raise SystemExit(not (growth["as it is"] == growth["SLICE"] > 0.03 and abs(growth["FRAME"]) < 0.02))
PYTHON
