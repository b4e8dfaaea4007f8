#!/usr/bin/env bash
# Surprise: given a stereo recording, opensmile's Python package reports the features of the left channel alone, without a
#   word: a speaker who was recorded on the right one counts as silence. `mixdown=True` changes nothing: the left channel is
#   chosen first and then mixed with itself; only `channels=[0, 1], mixdown=True` hears both.
# Guess before running: features of both channels' mean, or a row a channel; then, that `mixdown=True` is the cure.
# Versions: opensmile 2.6.0. Source: `Smile(channels=[0], mixdown=False)` are its defaults.
# Seen: left silent, right speaking: "as it is: loudness 0.00, mixdown: loudness 0.00, channels and mixdown: loudness 1.48"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opensmile==2.6.0 numpy==2.4.1
env/bin/python -W ignore - <<'PYTHON'
import numpy as np
import opensmile

print("opensmile", opensmile.__version__)
rate = 16000
buzz = (0.3 * np.sign(np.sin(2 * np.pi * 120 * np.arange(2 * rate) / rate))).astype(np.float32)
stereo = np.stack([np.zeros_like(buzz), buzz])


def describe(sound: np.ndarray, **options: object):
    reader = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals, **options
    )
    return reader.process_signal(sound, rate)


ways = {"as it is": {}, "mixdown": {"mixdown": True}, "channels and mixdown": {"channels": [0, 1], "mixdown": True}}
heard = [float(describe(stereo, **options)["loudness_sma3_amean"].iloc[0]) for options in ways.values()]
print("left silent, right speaking: " + ", ".join(f"{way}: loudness {value:.2f}" for way, value in zip(ways, heard)))
raise SystemExit(not (heard[0] < 0.01 and heard[1] < 0.01 and heard[2] > 0.5))
PYTHON
