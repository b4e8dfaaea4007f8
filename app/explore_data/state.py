"""Keys of this page in the session state."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from app.shared.navigation import EXPLORE_DATA

ADD: Final[str] = "+"
"""Stands for adding a data set, in the address too; no data set can be called that."""
DATASET: Final[str] = "dataset"
TAB: Final[str] = "tab"
"""Query parameters of this page: the data set that is explored, and the open part."""


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    EXPLORE_DATASET = "explore_dataset"
    """Name of the data set that is explored."""
    EXPLORE_PART = "explore_part"
    """Open part of the Explore data page."""
    EXPLORE_IMPORT = "explore_import"
    """Name of the import that this session started or saw at work; its data set is opened when it is done."""
    EXPLORE_REPORT = "explore_report"
    """Name of the import whose report is shown with its data set."""
    EXPLORE_PAGE = "explore_page"
    """Which images of those found are shown, from 1."""
    EXPLORE_ROW = "explore_row"
    """Row number of the image whose details are shown."""
    EXPLORE_FACES = "explore_faces"
    """How the face of each class is shown."""
    EXPLORE_LIGHT = "explore_light"
    """Whether light and sharpness are shown."""


def link_to(dataset: str, tab: str = "") -> str:
    """The page with a data set, and a part of it, as a background task names it."""
    query = {DATASET: dataset} | ({TAB: tab} if tab else {})
    return f"{EXPLORE_DATA.name}?{urlencode(query)}"


def link_to_import() -> str:
    """The page with the import open, as a background task names it."""
    return link_to(ADD)
