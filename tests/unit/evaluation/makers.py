"""Predictions and reports that tests make for themselves."""

import numpy as np
from hypothesis import strategies as st

from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.report import Subject

NAMES = ("anger", "fear", "neutral")


def make_subject(**changes):
    facts = {
        "model": "model",
        "weights_sha256": "a" * 64,
        "architecture": "fer_resnet",
        "num_parameters": 1000,
        "weights_bytes": 4000,
        "dataset": "faces",
        "data_fingerprint": "f" * 64,
        "split": "valid",
        "protocol": "FER+ majority",
    }
    return Subject(**{**facts, **changes})


def make_predictions(labels, probabilities, classes=NAMES, **more):
    labels = np.asarray(labels, dtype=np.int64)
    rows = more.pop("rows", np.arange(len(labels)) * 3)
    return Predictions(
        classes=tuple(classes),
        rows=np.asarray(rows, dtype=np.int64),
        labels=labels,
        probabilities=np.asarray(probabilities, dtype=np.float64),
        **more,
    )


def make_random(count=60, seed=0, skill=1.0, classes=NAMES, **more):
    generator = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, len(classes), count)
    logits = generator.normal(0, 1, (count, len(classes)))
    logits[np.arange(count), labels] += skill
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return make_predictions(labels, chances, classes, **more)


@st.composite
def draw_predictions(draw, max_images=25):
    """Random, tied, perfect, all wrong, of one class or of one image: whatever comes up."""
    count = draw(st.integers(1, max_images))
    labels = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    # Few distinct scores, so that ties are common.
    scores = draw(st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=count, max_size=count))
    chances = np.array(scores, dtype=float)
    return make_predictions(labels, chances / chances.sum(axis=1, keepdims=True))
