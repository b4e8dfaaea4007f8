"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    NAME = "label_name"
    """Of a new collection."""
    ANNOTATOR = "label_annotator"
    ORDER = "label_order"
    ANSWER = "label_answer"
    """What the last message of the component led to: which votes are saved, or why not."""
    UPLOAD = "label_upload"
    """How often files were uploaded; part of the file dialog's key."""
    CONSENT = "label_consent"
    TAB = "label_tab"
