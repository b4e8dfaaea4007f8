#!/usr/bin/env bash
# Surprise: Pillow's Image.transform with BILINEAR cuts the fraction of a grey level off instead of rounding it: what is
#   turned, or shifted by a part of a pixel, becomes darker by up to half a level on average, each time anew.
# Guess before running: it rounds, as Image.resize with the same filter does, so that errors are even on both sides.
# Versions: pillow 13.0.0, numpy 2.4.2.
# Seen: "transform: mean error -0.238, errors [-0.5, 0.0]"; "turned by 20 degrees: -0.401 grey levels on average"
# Right: errors of either sign with a mean of 0. Transforming in mode F and rounding afterwards gives it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.2
"$folder/env/bin/python" - <<'PY'
import numpy as np
from PIL import Image

pixels = np.random.default_rng(0).integers(0, 256, (65, 64), dtype=np.uint8)
half_down = (1, 0, 0, 0, 1, 0.5)  # each pixel is the mean of two, one above the other
moved = Image.fromarray(pixels).transform((64, 64), Image.Transform.AFFINE, half_down, Image.Resampling.BILINEAR)
exact = (pixels[:-1].astype(float) + pixels[1:]) / 2
errors = np.asarray(moved) - exact
print(f"transform: mean error {errors.mean():+.3f}, errors {sorted(set(errors.ravel().tolist()))}")
assert set(errors.ravel().tolist()) == {-0.5, 0.0}, "rounded half to either side, it would be +0.5 or both"

angle = np.deg2rad(20)
turn = (np.cos(angle), -np.sin(angle), 20, np.sin(angle), np.cos(angle), 0)
smooth = Image.fromarray(np.tile(np.linspace(40, 200, 200).round().astype(np.uint8), (200, 1)))
turned = smooth.transform((100, 100), Image.Transform.AFFINE, turn, Image.Resampling.BILINEAR)
floats = smooth.convert("F").transform((100, 100), Image.Transform.AFFINE, turn, Image.Resampling.BILINEAR)
inside = np.asarray(floats) > 0
bias = (np.asarray(turned) - np.asarray(floats))[inside].mean()
print(f"turned by 20 degrees: {bias:+.3f} grey levels on average")
assert -0.6 < bias < -0.25
PY
