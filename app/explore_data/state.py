"""Keys of this page in the session state."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from app.shared.navigation import EXPLORE_DATA

ADD: Final[str] = "+"
"""Stands for adding a data set; no data set can be called that."""


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    EXPLORE_DATASET = "explore_dataset"
    """Name of the data set that is explored."""
    EXPLORE_PART = "explore_part"
    """Open part of the Explore data page."""
    EXPLORE_PAGE = "explore_page"
    """Which images of those found are shown, from 1."""
    EXPLORE_ROW = "explore_row"
    """Row number of the image whose details are shown."""
    EXPLORE_FACES = "explore_faces"
    """How the face of each class is shown."""


def link_to(dataset: str, part: str = "") -> str:
    """The page with a data set, and a part of it, as a background task names it."""
    query = {"dataset": dataset} | ({"part": part} if part else {})
    return f"{EXPLORE_DATA.name}?{urlencode(query)}"


def link_to_import() -> str:
    """The page with the import open, as a background task names it."""
    return f"{EXPLORE_DATA.name}?{urlencode({'part': ADD})}"
