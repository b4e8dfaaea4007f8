"""A table of faces as files of every results format, also those of installed packages."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from fer_core.results import RESULTS, encode_table

if TYPE_CHECKING:
    import pandas as pd


def render_table_downloads(load: "Callable[[], pd.DataFrame]", stem: str, what: str | None = None) -> None:
    """One button per format; the file is made when it is pressed.

    Args:
        load: gives the table.
        stem: the files' name without ending.
        what: help of the buttons: what is in the table.
    """
    for name in RESULTS:
        st.download_button(
            f"Table ({RESULTS[name].title})",
            lambda name=name: encode_table(load(), name),  # type: ignore[misc]  # one per button
            file_name=f"{stem}.{name}",
            mime=RESULTS[name].mime,
            on_click="ignore",
            icon=":material/download:",
            help=what,
        )
