#!/usr/bin/env bash
# Surprise: audiomentations' change of tempo, the usual augmentation for voices, gives back as many samples as it got: speech
#   at 1.25 times its tempo is followed by a fifth of digital silence, and slower speech loses its end. A classifier trained
#   with it learns that silence at the end means a class with augmented clips, and that words may be cut off.
# Guess before running: the clip gets shorter or longer, as with librosa or sox.
# Versions: audiomentations 0.43.1. Source: `TimeStretch(leave_length_unchanged=True)` is the default.
# Seen: "tempo 1.25: 32000 samples, the last 0.20 of them silent", "tempo 0.8: 32000 samples, where the whole would be 40000"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet audiomentations==0.43.1 numpy==2.3.5
env/bin/python -W ignore - <<'PYTHON'
import audiomentations
import numpy as np

print("audiomentations", audiomentations.__version__)
rate = 16000
tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(2 * rate) / rate)).astype(np.float32)


def stretch(tempo: float, **options: bool) -> np.ndarray:
    change = audiomentations.TimeStretch(min_rate=tempo, max_rate=tempo, p=1.0, **options)
    return change(samples=tone.copy(), sample_rate=rate)


def silent_share(sound: np.ndarray) -> float:
    heard = np.flatnonzero(np.abs(sound) > 1e-3)
    return 1 - (heard[-1] + 1) / len(sound)


faster, slower = stretch(1.25), stretch(0.8)
free = [len(stretch(tempo, leave_length_unchanged=False)) for tempo in (1.25, 0.8)]
print(f"tempo 1.25: {len(faster)} samples, the last {silent_share(faster):.2f} of them silent")
print(f"tempo 0.8: {len(slower)} samples, where the whole would be {free[1]}")
raise SystemExit(not (len(faster) == len(slower) == len(tone) and silent_share(faster) > 0.15 and free[1] > len(tone)))
PYTHON
