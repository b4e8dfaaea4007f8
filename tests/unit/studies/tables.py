"""Tables of a small study, made by hand."""

import numpy as np
import pandas as pd

from fer_core.studies.formats.annotations import Media

CLASSES = ("neutral", "happiness", "sadness")
MEDIA = Media(name="clip.mp4", fps=25.0, duration_s=2.0, width_px=640, height_px=480)


def make_faces(labels, *, track=0, fps=25.0, first=0):
    """Rows of `fer annotate`: a frame per label, None for a frame without a face."""
    rows = []
    for index, label in enumerate(labels):
        frame = first + index
        row = {"frame": frame, "time_s": frame / fps, "num_faces": int(label is not None)}
        if label is not None:
            row |= {
                "track_id": float(track),
                "x": 10.5,
                "y": 20.25,
                "width": 64.0,
                "height": 96.0,
                "score": 0.9,
            }
            row |= {"roll": 9.0, "yaw": -18.0, "pitch": 6.0, "height_px": 96.0, "sharpness": 0.5}
            row |= {"brightness": 120.0, "usable": True, "label": label, "confidence": 0.8}
            row |= {"expected_correctness": 0.7}
            row |= {name: 0.8 if name == label else 0.1 for name in CLASSES}
        rows.append(row)
    columns = [
        "frame",
        "time_s",
        "num_faces",
        "track_id",
        "x",
        "y",
        "width",
        "height",
        "score",
        "roll",
        "yaw",
    ]
    columns += ["pitch", "height_px", "sharpness", "brightness", "usable", "label", "confidence"]
    columns += ["expected_correctness", *CLASSES]
    return pd.DataFrame(rows).reindex(columns=columns)


def make_process(generator, num, phi):
    """An autocorrelated series (AR(1)) of variance 1."""
    noise = generator.normal(size=num)
    values = np.empty(num)
    values[0] = noise[0]
    for index in range(1, num):
        values[index] = phi * values[index - 1] + np.sqrt(1 - phi**2) * noise[index]
    return values
