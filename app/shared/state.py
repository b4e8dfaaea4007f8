"""Keys of the session state that two or more pages use. Each page has its own beside its modules."""

from enum import StrEnum


class SharedKey(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    MODEL = "model"
    """Key of the chosen checkpoint; shared by all pages."""
    DETECTOR = "detector"
    """Name of the chosen face detector; shared by all pages."""
    TOP_K = "top_k"
    """Probability bars drawn beside a face."""
    SURE_FROM = "sure_from_pct"
    """Least expected correctness, in per cent, of a label that is not called uncertain."""
    PRIOR = "class_prior"
    """How often each class is expected; shared by all pages."""
    FOLLOWED_TASKS = "followed_tasks"
    """Background tasks that this session saw at work, until it sees what came of them."""
    HAS_BEGUN = "has_begun"
    """Whether this session has seen a page."""
