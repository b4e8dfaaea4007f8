"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    TRAIN_PART = "train_part"
    """Open part of the Train page: a new run, or the runs."""
    TRAIN_PART_NEXT = "train_part_next"
    """The part that is to be opened by the next rerun."""
    TRAIN_DRAFT = "train_draft"
    """The settings in the form of the Train page."""
    TRAIN_PRESET = "train_preset"
    """The preset that the form began with."""
    TRAIN_POLICY = "train_policy"
    """The named augmentation that the form began with."""
    TRAIN_NAME = "train_name"
    """Name that the next run gets; empty for one after the preset or run that the form began with."""
    TRAIN_DEVICE = "train_device"
    """Device that the next run asks for."""
    TRAIN_PROCESSES = "train_processes"
    """Processes that the next run gets."""
    TRAIN_MESSAGE = "train_message"
    """What the last action on a run has to say."""
    RUN_FILTER = "run_filter"
    """Words that the shown runs must hold."""
    RUN_STATES = "run_states"
    """States of the runs that are shown."""
    RUN_PART = "run_part"
    """Open tab below the curves of a run."""
    RUN_SMOOTHING = "run_smoothing"
    """How much the curves of a run are smoothed."""
