"""Many images as one picture whose tiles can be clicked: one transfer, however many images."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cleanup_data import Audited
from app.explore_data.state import Key
from fer_core.escaping import escape_plotly

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from fer_core.data.browsing import Sheet

_CONFIG: Final[dict[str, object]] = {"displayModeBar": False, "scrollZoom": False}
_NO_CLASS: Final[str] = "no majority"
_SHAPE: Final[str] = "<style>.st-key-{key} {{aspect-ratio: {width} / {height}; gap: 0;}}</style>"
"""As high as the picture is at whatever width the screen leaves it."""


def render_grid(
    audited: Audited, rows: Sequence[int], *, num_columns: int, key: str, notes: Sequence[str] = ()
) -> None:
    """Show images; a click on one opens its details.

    Args:
        audited: the data set.
        rows: row numbers, at least one.
        num_columns: images side by side.
        key: of the widget.
        notes: what to say of each on hover, beside row, class and split.
    """
    from fer_core.data.browsing import build_sheet

    names = [str(audited.classes[row]) or _NO_CLASS for row in rows]
    sheet = build_sheet(audited.dataset.images[list(rows)], names, num_columns=num_columns)
    hover = [
        f"<b>{escape_plotly(name)}</b><br>image {row}, {escape_plotly(audited.splits[row])}"
        + (f"<br>{escape_plotly(note)}" if note else "")
        for name, row, note in zip(names, rows, notes or [""] * len(rows), strict=True)
    ]
    # The rows are part of the key: a click on what was shown before must not open what is shown now.
    full_key = f"{key}_{audited.key}_{hash(tuple(rows)) & 0xFFFFFFFF:x}"
    with st.container(key=f"{full_key}_place"):
        height, width = sheet.picture.shape[:2]
        st.html(_SHAPE.format(key=f"{full_key}_place", width=width, height=height))
        chosen = st.plotly_chart(
            build_figure(sheet, rows, hover),
            width="stretch",
            height="stretch",
            config=_CONFIG,
            on_select="rerun",
            selection_mode="points",
            key=full_key,
        )
    points = chosen["selection"]["points"]
    if points and st.session_state.get(Key.EXPLORE_ROW) != (picked := int(points[0]["customdata"])):
        last = f"{full_key}_last"
        if st.session_state.get(last) != picked:  # an old selection stays marked; it opens only once
            st.session_state[last] = picked
            st.session_state[Key.EXPLORE_ROW] = picked


def build_figure(sheet: "Sheet", rows: Sequence[int], hover: Sequence[str]) -> "go.Figure":
    """The sheet as a picture with an invisible bar over every tile: unlike marks, bars grow with it."""
    import plotly.graph_objects as go
    from PIL import Image

    height, width = sheet.picture.shape[:2]
    buffer = io.BytesIO()
    Image.fromarray(sheet.picture, "RGBA").save(buffer, "PNG", compress_level=1)
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    figure = go.Figure(
        go.Bar(
            x=[x for x, _ in sheet.centers],
            y=[sheet.tile_px] * len(rows),
            base=[y - sheet.tile_px / 2 for _, y in sheet.centers],
            width=sheet.tile_px,
            marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
            selected={"marker": {"color": "rgba(61,155,214,0.35)"}},
            unselected={"marker": {"color": "rgba(0,0,0,0)"}},
            customdata=list(rows),
            hovertext=list(hover),  # `text` would be drawn on the bars
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.add_layout_image(
        source=source,
        xref="x",
        yref="y",
        x=0,
        y=0,
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )
    figure.update_layout(
        barmode="overlay",
        hovermode="closest",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={"visible": False, "range": [0, width], "fixedrange": True, "constrain": "domain"},
        yaxis={
            "visible": False,
            "range": [height, 0],
            "fixedrange": True,
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "top",
        },
        dragmode=False,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
