"""The keys of Streamlit's session state, in one place so that no two parts share one by accident."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    MODEL = "model"
    """Key of the chosen checkpoint; shared by all pages."""
    DETECTOR = "detector"
    """Name of the chosen face detector; shared by all pages."""
    TOP_K = "top_k"
    """Probability bars drawn beside a face."""
    UNCERTAIN_BELOW = "uncertain_below_pct"
    """Threshold, in per cent, below which a label is called uncertain."""
    MEDIA_TAB = "media_tab"
    """Open tab of the Analyze media page."""
    PICTURES = "pictures"
    """Uploaded pictures."""
    SAMPLE = "show_sample"
    """Whether the sample picture is among those shown."""
    PICTURE = "picture"
    """Which picture is shown."""
    FACE_PAGE = "face_page"
    """Which faces of it are shown, from 1."""
    ANALYSES = "analyses"
    """Results by content, model and detector."""
