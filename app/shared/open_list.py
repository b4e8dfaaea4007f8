"""A table of things, one of which can be ticked and opened."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    import pandas as pd


def render_open_list(
    table: "pd.DataFrame",
    names: Sequence[str],
    *,
    key: str,
    share: str,
    alt: str,
    on_open: Callable[[str], None],
) -> None:
    """Show the table and a button that opens the ticked row.

    Args:
        table: a row a thing, with a column `made`, its date.
        names: what `on_open` is called with, by row.
        key: of the table's widget.
        share: its column of fractions, drawn as bars.
        alt: what the table holds, for who can't see it.
        on_open: callback of the button.
    """
    chosen = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config={
            "made": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", width="small"),
            share: st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
        },
        alt=alt,
    )
    rows = chosen["selection"]["rows"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Open",
            icon=":material/open_in_full:",
            type="primary" if rows else "secondary",
            disabled=not rows,
            on_click=on_open,
            args=(names[rows[0]] if rows else "",),
        )
        if not rows:
            st.caption("Tick one to open it.", width="content")
