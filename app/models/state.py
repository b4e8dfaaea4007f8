"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    MODELS_SEARCH = "models_search"
    """Words that the shown models must hold."""
    MODELS_ORDER = "models_order"
    """What the shown models are sorted by."""
    MODELS_KINDS = "models_kinds"
    """Origins of the models that are shown."""
    MODELS_SHOWN = "models_shown"
    """How many models are shown."""
    MODELS_TAB = "models_tab"
    """Open tab of a model's view."""
    MODELS_MESSAGE = "models_message"
    """What the last action on a model has to say."""
    MODELS_CARD = "models_card"
    """The card that is being written, and the one it began with."""
    MODELS_UPLOAD = "models_upload"
    """How many models were imported in this session; part of the file dialog's key."""
