"""What the samples of a data set are called, and playing those that are sound."""

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from fer_core.checkpoint import InputKind
from fer_core.data.store import load_dataset_info
from fer_core.errors import DataError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.data.store import Dataset

FACES: Final[dict[InputKind, str]] = {"image": "faces", "sound": "clips"}
IMAGES: Final[dict[InputKind, str]] = {"image": "images", "sound": "clips"}
"""The same where nothing is said of faces."""


def find_kind(dataset: str, workspace: Workspace) -> InputKind:
    """What a data set holds; images, if it is not here."""
    try:
        return load_dataset_info(workspace.dataset(dataset)).kind
    except DataError:
        return "image"


def play_clip(clips: Any, row: int, sample_rate: int) -> None:
    """Let the user hear the clip of a row."""
    import numpy as np

    st.audio(np.array(clips[row]), sample_rate=sample_rate)  # Streamlit takes no memory map


def play_sample(dataset: "Dataset", row: int) -> None:
    """Let the user hear a sample, if it is sound."""
    if dataset.clips is not None and dataset.info.sound is not None:
        play_clip(dataset.clips, row, dataset.info.sound.sample_rate)
