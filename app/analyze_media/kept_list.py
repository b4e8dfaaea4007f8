"""The kept analyses: a list, from which they are opened, compared and deleted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.analyze_media.state import Key
from app.shared.confirm import confirm_deletion
from app.shared.messages import empty_state
from app.shared.visitor import get_visitor
from fer_core.analyses import KeptAnalysis, delete_analysis, list_analyses
from fer_core.escaping import escape_markdown
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

QUERY: Final[str] = "analysis"
"""Query parameter that names kept analyses: one is shown, several are compared."""
KEPT_TAB: Final[str] = ":material/bookmark: Kept"


def render_kept_list(workspace: Workspace) -> None:
    """Show the analyses that this visitor kept, newest first, and what can be done with those ticked."""
    visitor = get_visitor()
    kept = [item for item in list_analyses(workspace) if item.is_of(visitor)]
    if not kept:
        empty_state(
            "Nothing kept yet",
            "Analyze pictures or a video, then press **Keep**: the result gets a name, and stays here.",
            icon=":material/bookmark:",
        )
        return
    number = st.session_state.setdefault(Key.KEPT_LIST, 0)  # another table after each change: nothing ticked
    chosen = st.dataframe(
        _tabulate(kept),
        key=f"{Key.KEPT_LIST}_{number}",
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "analyzed": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", width="small"),
            "faces": st.column_config.NumberColumn(width="small"),
            "share": st.column_config.NumberColumn(format="percent", width="small"),
        },
        alt="The kept analyses: name, date, sources, faces, most frequent expression and model",
    )
    _render_buttons([kept[row] for row in chosen["selection"]["rows"]], workspace)


def _tabulate(kept: Sequence[KeptAnalysis]) -> "pd.DataFrame":
    import pandas as pd

    table = pd.DataFrame([_describe(item) for item in kept])
    return table.astype({"faces": "Int64"})


def _describe(item: KeptAnalysis) -> dict[str, Any]:
    record = item.record
    if record is None or item.problem:
        return {"name": item.name, "analyzed": None, "of": "damaged: open it to see why", "faces": None}
    label, count = next(iter(record.labels.items()), ("", 0))
    return {
        "name": item.name,
        "analyzed": record.created.astimezone(),
        "of": describe_sources(item),
        "faces": record.num_faces,
        "mostly": label,
        "share": count / record.num_rows if count else None,
        "model": record.model.name,
    }


def describe_sources(item: KeptAnalysis) -> str:
    """What was analyzed: the name of the file, or how many there are."""
    sources = item.facts.sources
    return sources[0].name if len(sources) == 1 else f"{len(sources)} pictures"


def _render_buttons(chosen: Sequence[KeptAnalysis], workspace: Workspace) -> None:
    keys = [item.key for item in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Open",
            icon=":material/open_in_full:",
            type="primary" if len(keys) == 1 else "secondary",
            disabled=len(keys) != 1,
            on_click=open_analyses,
            args=(keys,),
        )
        st.button(
            "Compare",
            icon=":material/compare_arrows:",
            type="primary" if len(keys) > 1 else "secondary",
            disabled=len(keys) < 2,
            on_click=open_analyses,
            args=(keys,),
        )
        if st.button("Delete", icon=":material/delete:", disabled=not keys, key="kept_delete"):
            ask_to_delete(chosen, workspace)
        if not keys:
            st.caption("Tick one to open it, two or more to compare them.", width="content")


def open_analyses(keys: Sequence[str]) -> None:
    """Show one analysis, compare several, or show the list; a callback."""
    if keys:
        st.query_params[QUERY] = list(keys)
    else:
        _open_list()


def _open_list() -> None:
    st.query_params.pop(QUERY, None)
    st.session_state[Key.ASKED_TAB] = KEPT_TAB


def ask_to_delete(chosen: Sequence[KeptAnalysis], workspace: Workspace) -> None:
    """Ask, then delete kept analyses and show the list."""

    def delete() -> None:
        for item in chosen:
            delete_analysis(workspace, item.key)
        st.session_state[Key.KEPT_LIST] = st.session_state.get(Key.KEPT_LIST, 0) + 1
        _open_list()

    names = ", ".join(f"**{escape_markdown(item.name)}**" for item in chosen)
    confirm_deletion("analysis", f"{names} with its table and whatever was kept with it.", delete)
