"""A recording of one person, with what this voice always sounds like taken off."""

from dataclasses import replace

import numpy as np

from fer_core.sound.vocal import VocalTrack
from fer_core.types import Prediction
from fer_core.voice.model import MIN_BASELINE_WINDOWS, compute_baseline, take_off


def take_baseline_off(track: VocalTrack) -> VocalTrack:
    """Take the speaker's baseline off; where there is too little speech for one, say so.

    Args:
        track: of one person, who is not in one mood throughout.

    Returns:
        The same times with other probabilities, and a note on what was done.
    """
    num = len(track.windows)
    if num < MIN_BASELINE_WINDOWS:
        note = f"Too little speech for the speaker's baseline: {num} of {MIN_BASELINE_WINDOWS} windows."
        return replace(track, notes=(*track.notes, note))
    found = np.array([window.prediction.probabilities for window in track.windows])
    rows = take_off(found, compute_baseline(found), track.class_prior)
    windows = [
        window._replace(prediction=Prediction.from_array(track.classes, row))
        for window, row in zip(track.windows, rows, strict=True)
    ]
    note = "The speaker's baseline is taken off: what this voice sounds like on average counts as usual."
    return replace(track, windows=tuple(windows), notes=(*track.notes, note))
