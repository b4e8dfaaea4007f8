"""What the Explore data page reads, kept between reruns for all sessions. Never loads torch.

The argument with an underscore is not part of a cache's key; the fingerprint beside it is.
"""

from typing import TYPE_CHECKING

import streamlit as st

from app.explore_data.cleanup_data import Audited

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from fer_core.data.statistics import ClassCounts, ClassFace

_MAX_SETS = 4


def load_agreement(audited: Audited) -> "npt.NDArray[np.float64] | None":
    """Share of the votes for each image's most frequent answer, N; None without votes."""
    if not audited.dataset.info.has_votes:
        return None
    return _load_agreement(audited, audited.dataset.info.fingerprint)


@st.cache_resource(max_entries=_MAX_SETS, show_spinner=False)
def _load_agreement(_audited: Audited, fingerprint: str) -> "npt.NDArray[np.float64]":
    from fer_core.data.statistics import compute_agreement

    return compute_agreement(_audited.dataset.votes)


@st.cache_resource(max_entries=_MAX_SETS, show_spinner=False)
def load_counts(_audited: Audited, fingerprint: str) -> "ClassCounts":
    """Images of each class in each split, as `count_classes` gives them."""
    from fer_core.data.statistics import count_classes

    return count_classes(_audited.splits, _audited.classes)


@st.cache_resource(max_entries=_MAX_SETS, show_spinner="Measuring light and sharpness…")
def load_image_statistics(_audited: Audited, fingerprint: str) -> "pd.DataFrame":
    """Brightness, contrast and sharpness of every image."""
    from fer_core.data.statistics import compute_image_statistics

    return compute_image_statistics(_audited.dataset.images)


@st.cache_resource(max_entries=_MAX_SETS, show_spinner="Computing mean faces…")
def load_class_faces(_audited: Audited, fingerprint: str) -> "list[ClassFace]":
    """Mean and variation of each class."""
    from fer_core.data.statistics import compute_class_faces

    dataset = _audited.dataset
    return compute_class_faces(dataset.images, _audited.classes, dataset.info.classes)


@st.cache_resource(max_entries=_MAX_SETS, show_spinner="Reading all images…")
def load_descriptors(_audited: Audited, fingerprint: str) -> "npt.NDArray[np.float32]":
    """What each image looks like from afar, N x 144."""
    from fer_core.data.browsing import compute_descriptors

    return compute_descriptors(_audited.dataset.images)
