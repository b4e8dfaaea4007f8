"""The pages of the dashboard: what there is, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import Page

from fer_core.workspace import PROJECT_ROOT

PAGES_FOLDER: Final[Path] = PROJECT_ROOT / "pages"


@dataclass(frozen=True, slots=True)
class PageSpec:
    """A page that is a file in `pages/`."""

    file: str
    title: str
    icon: str
    summary: str
    """One sentence: the tooltip in the navigation."""
    label: str = ""
    """What the navigation calls it, where the title is too long: all pages then fit into 1280 px."""

    @property
    def name(self) -> str:
        """Its file's name without the ending."""
        return self.file.removesuffix(".py")

    @property
    def url_path(self) -> str:
        """Where Streamlit serves it, as in a link."""
        return f"/{self.name}"

    def address(self, **query: str) -> str:
        """The page with query parameters, as a background task keeps it."""
        return f"{self.name}?{urlencode(query)}" if query else self.name

    def address_here(self, **query: str) -> str:
        """The page as the address of the browser has it now, with further query parameters."""
        shown = {key: st.query_params.get_all(key) for key in st.query_params}
        return f"{self.name}?{urlencode({**shown, **query}, doseq=True)}"

    def build(self) -> Page:
        """Make Streamlit's page, for the router and for links to it."""
        # Absolute: Streamlit resolves relative paths against app/, and the pages lie beside it.
        return st.Page(
            PAGES_FOLDER / self.file, title=self.label or self.title, icon=self.icon, help=self.summary
        )


EXPLORE_DATA: Final[PageSpec] = PageSpec(
    "explore_data.py",
    "Explore data",
    ":material/grid_view:",
    "See what a data set is made of, find its flaws, and import your own.",
    label="Explore",
)
TRAIN: Final[PageSpec] = PageSpec(
    "train.py",
    "Train",
    ":material/model_training:",
    "Start training runs and watch them learn.",
)
TUNE: Final[PageSpec] = PageSpec(
    "tune.py",
    "Tune",
    ":material/tune:",
    "Search for good settings with many short runs.",
)
COMPARE_RUNS: Final[PageSpec] = PageSpec(
    "compare_runs.py",
    "Compare runs",
    ":material/compare_arrows:",
    "See which model is better, whether the difference is real, and where each errs.",
    label="Compare",
)
MODELS: Final[PageSpec] = PageSpec(
    "models.py",
    "Models",
    ":material/neurology:",
    "See what each model is and how good it is; export and import models.",
)
ANALYZE_MEDIA: Final[PageSpec] = PageSpec(
    "analyze_media.py",
    "Analyze media",
    ":material/add_photo_alternate:",
    "Find the faces in pictures and videos and read their apparent expressions.",
    label="Analyze",
)
STUDIES: Final[PageSpec] = PageSpec(
    "studies.py",
    "Studies",
    ":material/experiment:",
    "Analyze many recordings alike, and compare people and conditions.",
)
LABEL: Final[PageSpec] = PageSpec(
    "label.py",
    "Label",
    ":material/label:",
    "Collect your own faces, label them by key, and adapt a model to them.",
)
LIVE_WEBCAM: Final[PageSpec] = PageSpec(
    "live_webcam.py",
    "Live webcam",
    ":material/videocam:",
    "Read apparent expressions live, from this computer's camera.",
    label="Live",
)

RESPONSIBLE_USE: Final[PageSpec] = PageSpec(
    "responsible_use.py",
    "Responsible use",
    ":material/handshake:",
    "What the program can't tell, what the law says, consent, licences, bias, and what is kept.",
    label="Ethics",
)


PAGES: Final[dict[str, PageSpec]] = {
    item.name: item for item in list(globals().values()) if isinstance(item, PageSpec)
}
"""Every page that is a file, by name, in the order in which they are defined above: the navigation's."""


def build_pages(home: Callable[[], None]) -> list[Page]:
    """Every page, in the order of the navigation; `home` renders the first."""
    first = st.Page(home, title="Home", icon=":material/home:", url_path="home", default=True)
    return [first, *(page.build() for page in PAGES.values())]
