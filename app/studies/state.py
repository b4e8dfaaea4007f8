"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    NAME = "study_name"
    """Of a new study."""
    VOICE = "study_voice"
    """Model of voices of a new study; empty if none listens."""
    UPLOAD = "study_upload"
    """How often recordings were uploaded; part of the file dialog's key."""
    TABLE = "study_table"
    """How often the table of recordings changed; part of its key."""
    EVENTS = "study_events"
    """How often the table of events changed; part of its key."""
    PEOPLE = "study_people"
    """How often faces were named; part of the table's key."""
    DISMISSED = "study_dismissed"
    """Proposals of who is who that the user said no to: task and number."""
    LAST_MARK = "study_last_mark"
    """Id of the event that was marked last: a redraw must not add it again."""
    ADDED = "study_added"
    """What became of the files that were added last."""
