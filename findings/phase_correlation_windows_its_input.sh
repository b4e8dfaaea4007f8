#!/usr/bin/env bash
# Surprise: cv2.phaseCorrelate(a, b, window) multiplies the window into `a` and `b` themselves, but only where their
#   size needs no padding for the Fourier transform. Followed from frame to frame, each picture is then windowed once
#   when it is the new one and once more when it is the old one, and a picture that stands still seems to move.
# Guess before running: inputs of a measurement stay as they are, whatever their size.
# Versions: opencv-python-headless 4.14.0.94, numpy 2.3.5. Documented as: "src1, src2: Source floating point array".
# Seen: "40 columns: inputs changed True; 44 columns: inputs changed False"
#       "a picture that stands still, seen a second time: 0.41 pixels" (with copies: 0.00)
# Right: pass copies.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opencv-python-headless==4.14.0.94 numpy==2.3.5
env/bin/python - <<'PYTHON'
import cv2, numpy as np

print("opencv", cv2.__version__)
rng = np.random.default_rng(0)
changed = {}
for columns in (40, 44):
    picture = cv2.GaussianBlur(rng.random((24, columns), np.float32), (0, 0), 2)
    first, second = picture.copy(), picture.copy()
    window = cv2.createHanningWindow((columns, 24), cv2.CV_32F)
    cv2.phaseCorrelate(first, second, window)
    changed[columns] = not np.array_equal(second, picture)
print("; ".join(f"{columns} columns: inputs changed {value}" for columns, value in changed.items()))

scene = cv2.GaussianBlur(rng.random((24, 60), np.float32), (0, 0), 2)
window = cv2.createHanningWindow((40, 24), cv2.CV_32F)
still = np.ascontiguousarray(scene[:, 5:45])
frames = [np.ascontiguousarray(scene[:, 2:42]), still.copy(), still.copy()]
shifts = [cv2.phaseCorrelate(old, new, window)[0] for old, new in zip(frames, frames[1:])]
moved = float(np.hypot(*shifts[1]))
print(f"a picture that stands still, seen a second time: {moved:.2f} pixels")
assert changed == {40: True, 44: False}, changed
assert moved > 0.05, moved
PYTHON
