#!/usr/bin/env bash
# Surprise: cv2.phaseCorrelate of a picture with itself is half a pixel, not 0, where a side is padded to an odd number
#   for the Fourier transform: 44 columns become 45 (cv2.getOptimalDFTSize), and the centre is taken for 22.5, while
#   the peak of no movement lies at 22. Every shift is off by that.
# Guess before running: a picture has not moved against itself, whatever its size; at worst it is a little noise.
# Versions: opencv-python-headless 4.14.0.94, numpy 2.3.5.
# Seen: "40 columns (40): 0.00   44 columns (45): 0.50   73 columns (75): 0.50   64 columns (64): 0.00"
# Right: cut pictures to sides that getOptimalDFTSize leaves even.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opencv-python-headless==4.14.0.94 numpy==2.3.5
env/bin/python - <<'PYTHON'
import cv2, numpy as np

print("opencv", cv2.__version__)
rng = np.random.default_rng(0)
shifts = {}
for columns in (40, 44, 73, 64):
    picture = cv2.GaussianBlur(rng.random((64, columns), np.float32), (0, 0), 1)
    shifts[columns] = cv2.phaseCorrelate(picture, picture.copy())[0][0]
print("   ".join(f"{c} columns ({cv2.getOptimalDFTSize(c)}): {abs(s):.2f}" for c, s in shifts.items()))
assert all(abs(abs(s) - (cv2.getOptimalDFTSize(c) % 2) / 2) < 0.02 for c, s in shifts.items()), shifts
PYTHON
