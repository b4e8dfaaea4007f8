"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    SWEEP_NAME = "sweep_name"
    """Name of the search that is being set up."""
    SWEEP_SPACE = "sweep_space"
    """What it may vary, as changes to the table."""
