#!/usr/bin/env bash
# Surprise: an array as audio readers return it, samples x channels, becomes a Praat sound of as many channels as there were
#   samples, two samples long, without a word; and 16-bit integers are taken as they are, so that loudness is 90 dB too high.
# Guess before running: an error, or that the longer side is time; integers scaled to [-1, 1] as Praat does for a WAV file.
# Versions: praat-parselmouth 0.4.7. Source: `Sound(values, sampling_frequency)` expects channels x samples in pascal.
# Seen: "(32000, 2): 32000 channels of 2 samples", "intensity of the same tone: float 85 dB, int16 175 dB"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet praat-parselmouth==0.4.7 numpy==2.4.1
env/bin/python - <<'PYTHON'
import numpy as np
import parselmouth

print("praat-parselmouth", parselmouth.__version__)
rate = 16000
tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(2 * rate) / rate)
stereo = parselmouth.Sound(np.stack([tone, tone], axis=1), sampling_frequency=rate)
print(f"{(len(tone), 2)}: {stereo.n_channels} channels of {stereo.n_samples} samples")
level = {}
for kind, values in (("float", tone), ("int16", (tone * 32767).astype(np.int16))):
    level[kind] = float(np.median(parselmouth.Sound(values, sampling_frequency=rate).to_intensity().values))
print(f"intensity of the same tone: float {level['float']:.0f} dB, int16 {level['int16']:.0f} dB")
raise SystemExit(not (stereo.n_channels == 32000 and 89 < level["int16"] - level["float"] < 91))
PYTHON
