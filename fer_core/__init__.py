"""Facial expression recognition: data, models, training, evaluation, inference."""

import os

__version__ = "0.1.0"

# Libraries that report to their makers look here when they are first imported, so it stands before them all.
# onnxruntime (since 1.29) writes a device id and sends events from native code; the hub's client adds a
# session's id to what it asks for.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ[_variable] = "1"
