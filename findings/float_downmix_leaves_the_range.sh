#!/usr/bin/env bash
# Surprise: the same resampler gives two different mono mixes of the same sound, by the sample format asked for. As 16-bit
#   integers, two channels at 0.9 become 0.9. As floats they become 1.27, and six channels (5.1) at 0.9 become 3.07: the mix
#   is 3 to 11 dB louder and leaves [-1, 1], where voice-activity models that expect that range still answer, wrongly.
# Guess before running: a mean of the channels, 0.9, in both formats.
# Versions: av 18.1.0 (FFmpeg 8.1). Source: libswresample scales the mixing matrix down so that nothing clips for integer
#   output only; for floats `rematrix_maxval` has no limit.
# Seen: "stereo: s16 0.90, flt 1.27", "5.1: s16 0.90, flt 3.07"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.1
env/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

print("av", av.__version__)
found = {}
for layout, num_channels in (("stereo", 2), ("5.1", 6)):
    for kind, scale in (("s16", 32768), ("flt", 1)):
        sound = np.full((num_channels, 1600), 0.9, np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
        mono = av.AudioResampler(format=kind, layout="mono", rate=16000).resample(frame)[0]
        found[layout, kind] = float(mono.to_ndarray()[0, 800]) / scale
    print(f"{layout}: s16 {found[layout, 's16']:.2f}, flt {found[layout, 'flt']:.2f}")
same = all(abs(found[layout, "s16"] - 0.9) < 0.01 for layout in ("stereo", "5.1"))
raise SystemExit(not (same and found["stereo", "flt"] > 1.2 and found["5.1", "flt"] > 3))
PYTHON
