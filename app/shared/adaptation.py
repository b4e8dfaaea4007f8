"""What adapting a model to own faces gained and cost, with the way to use it and the way back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.shared.charts import STATIC_CONFIG
from app.shared.messages import show_error
from app.shared.run_data import name_model
from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry, choose_default, find_checkpoint, get_default_key
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown, escape_plotly
from fer_core.runs.adaptation import Adaptation, Change, Measured, load_adaptation
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BEFORE: Final[str] = "#8c8c8c"
_AFTER: Final[str] = "#0072b2"
_ROW_PX: Final[int] = 34
_MAX_GROUPS: Final[int] = 20
_BOXES: Final = {"better": st.success, "worse": st.error, "unclear": st.info, "too_few": st.warning}


def render_adaptation(run_folder: Path, workspace: Workspace) -> None:
    """Show it for the run in a folder; nothing where that run adapted no model, or is not done."""
    found = load_adaptation(run_folder)
    if found is None:
        return
    verdict, *rest = found.describe()
    _BOXES[found.verdict](f"**{escape_markdown(verdict)}**")
    _render_numbers(found)
    st.plotly_chart(
        build_changes(found),
        config=STATIC_CONFIG,
        key=f"adaptation-{run_folder.name}",
        alt="Accuracy before and after, with 95 % intervals",
    )
    _render_choice(run_folder, found, workspace)
    with st.expander("In words", icon=":material/notes:"):
        for sentence in rest:
            st.markdown(f"- {escape_markdown(sentence)}")
        st.caption(f"Your faces: {escape_markdown(found.own.protocol)}; as the pages read them.")


def _render_numbers(found: Adaptation) -> None:
    with st.container(horizontal=True, gap="small"):
        _metric("Your faces, held out", found.own)
        if found.old is not None:
            _metric(f"{found.old.dataset}, known before", found.old)
        gap = found.own.ece_after
        st.metric(
            "Calibration error",
            f"{100 * gap:.1f} points",
            delta=f"{100 * (gap - found.own.ece_before):+.1f} points",
            delta_color="inverse",
            border=True,
            help="How far its confidence is from how often it is right, on your held-out faces.",
            width="content",
        )


def _metric(label: str, change: Change) -> None:
    st.metric(
        escape_markdown(label),
        f"{100 * change.after.value:.1f} %",
        delta=f"{100 * change.difference.value:+.1f} points",
        border=True,
        help=f"{count(change.n, 'face')}; {100 * change.before.value:.1f} % before.",
        width="content",
    )


def _render_choice(run_folder: Path, found: Adaptation, workspace: Workspace) -> None:
    """Use the adapted model from now on, or go back: one click each."""
    key = f"{run_folder.name}/best"
    default = get_default_key(workspace)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if default == key:
            before = name_model(found.model, workspace)
            _button(f"Back to {before}", ":material/undo:", found.model, workspace)
            st.caption("Every page uses the adapted model now.", width="content")
        else:
            _button("Use it from now on", ":material/check:", key, workspace)
            current = escape_markdown(name_model(default, workspace))
            st.caption(f"Until you choose it, {current} is used.", width="content")


def _button(label: str, icon: str, key: str, workspace: Workspace) -> None:
    st.button(
        escape_markdown(label), icon=icon, key=f"adaptation-use-{key}", on_click=_use, args=(key, workspace)
    )


def _use(key: str, workspace: Workspace) -> None:
    try:
        entry: CheckpointEntry = find_checkpoint(key, workspace)
        choose_default(entry.key, workspace)
    except FerError as error:
        show_error(error)
        return
    st.session_state[SharedKey.MODEL] = entry.key


def build_changes(found: Adaptation) -> "go.Figure":
    """Accuracy before and after: own faces, what was known before, then each person, worst change first."""
    import plotly.graph_objects as go

    rows: list[tuple[str, Measured, Measured]] = [
        (f"your faces ({found.own.n:,})", found.own.before, found.own.after)
    ]
    if found.old is not None:
        rows.append((f"{found.old.dataset} ({found.old.n:,})", found.old.before, found.old.after))
    groups = sorted(found.groups, key=lambda group: group.after.value - group.before.value)[:_MAX_GROUPS]
    rows += [(f"{group.name} ({group.n:,})", group.before, group.after) for group in groups]
    figure = go.Figure()
    names = [escape_plotly(name) for name, _, _ in rows]
    for name, before, after in zip(names, *_split(rows), strict=True):
        figure.add_scatter(
            x=[100 * before.value, 100 * after.value],
            y=[name, name],
            mode="lines",
            line={"color": _BEFORE, "width": 2},
            showlegend=False,
            hoverinfo="skip",
        )
    for title, color, values in zip(("before", "after"), (_BEFORE, _AFTER), _split(rows), strict=True):
        figure.add_scatter(
            x=[100 * item.value for item in values],
            y=names,
            name=title,
            mode="markers",
            marker={"color": color, "size": 11},
            error_x=_intervals(values),
            hovertemplate="%{y}: %{x:.1f} %<extra>" + title + "</extra>",
        )
    figure.update_layout(
        height=70 + _ROW_PX * len(rows),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis={"range": [0, 101], "ticksuffix": " %", "fixedrange": True},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False, "automargin": True},
    )
    return figure


def _split(rows: Sequence[tuple[str, Measured, Measured]]) -> tuple[list[Measured], list[Measured]]:
    return [before for _, before, _ in rows], [after for _, _, after in rows]


def _intervals(values: Sequence[Measured]) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1,
        "width": 4,
        "array": [100 * (item.high - item.value) if item.high is not None else 0 for item in values],
        "arrayminus": [100 * (item.value - item.low) if item.low is not None else 0 for item in values],
    }
