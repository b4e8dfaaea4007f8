"""One kept analysis, at its address."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.analyze_media.kept_charts import build_share_bars, build_time_chart
from app.analyze_media.kept_compare import render_comparison
from app.analyze_media.kept_list import ask_to_delete, describe_sources, open_analyses
from app.analyze_media.table_downloads import render_table_downloads
from app.shared.charts import STATIC_CONFIG
from app.shared.components.video_player import render_video_player
from app.shared.grid import iterate_cells
from app.shared.messages import error_boundary, show_error
from app.shared.visitor import get_visitor
from fer_core.analyses import (
    ANNOTATED_FOLDER,
    FACES_FOLDER,
    MAX_NAME,
    AnalysisRecord,
    KeptAnalysis,
    encode_zip,
    list_analyses,
    load_analysis,
    rename_analysis,
)
from fer_core.errors import AnalysisError
from fer_core.escaping import escape_markdown
from fer_core.inference.timeline import MAX_POINTS
from fer_core.inference.video_reader import probe_video
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_FACES_PER_ROW: Final[int] = 10
_MAX_FACES: Final[int] = 60


def render_kept(keys: Sequence[str], workspace: Workspace) -> None:
    """Show the analysis that the address names, or compare several.

    Raises:
        FerError: there is none of that id, or it is another visitor's.
    """
    st.button("All kept", icon=":material/arrow_back:", type="tertiary", on_click=open_analyses, args=([],))
    kept = [_load(key, workspace) for key in dict.fromkeys(keys)]
    if len(kept) > 1:
        render_comparison(kept)
        return
    (item,) = kept
    st.title(escape_markdown(item.name), anchor=False)
    if item.record is None or item.problem:
        show_error(AnalysisError(f"This analysis is damaged: {item.problem}"))
        if st.button("Delete", icon=":material/delete:"):
            ask_to_delete(kept, workspace)
        return
    st.caption(describe_analysis(item))
    _render_actions(item, workspace)
    _render_result(item, item.record)


def _load(key: str, workspace: Workspace) -> KeptAnalysis:
    item = load_analysis(workspace, key)
    if not item.is_of(get_visitor()):
        raise AnalysisError(f"there is no analysis {key!r}")
    return item


def describe_analysis(item: KeptAnalysis) -> str:
    """What was analyzed, when and how, as one line of Markdown."""
    record = item.facts
    settings = [f"{name.replace('_', ' ')} {value}" for name, value in record.settings.items()]
    facts = [
        f"{record.created.astimezone():%d %b %Y, %H:%M}",
        describe_sources(item),
        record.model.name,
        record.detector,
        *settings,
    ]
    return " · ".join(map(escape_markdown, facts))


def describe_answer(record: AnalysisRecord) -> str:
    """The answer in a line of Markdown: how many faces, and what they express."""
    if not record.num_rows:
        return "No face was found"
    faces = count_words(record.num_faces, "face")
    if record.kind == "pictures":
        counts = [f"{count:,} {escape_markdown(label)}" for label, count in record.labels.items()]
    else:
        ranked = sorted(record.mean_shares.items(), key=lambda pair: -pair[1])
        counts = [f"{escape_markdown(label)} {100 * share:.0f} %" for label, share in ranked[:3]]
    return f"{faces}: {', '.join(counts)}"


def _render_actions(item: KeptAnalysis, workspace: Workspace) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Rename", icon=":material/edit:"), st.form("rename", border=False):
            name = st.text_input("Name", item.name, max_chars=MAX_NAME)
            if st.form_submit_button("Rename it", type="primary"):
                with error_boundary():
                    rename_analysis(workspace, item.key, name)
                    st.rerun()
        others = [
            other
            for other in list_analyses(workspace)
            if other.key != item.key and not other.problem and other.is_of(get_visitor())
        ]
        if others:
            with st.popover("Compare", icon=":material/compare_arrows:"):
                names = {other.key: other.name for other in others}
                key = st.selectbox("With", list(names), format_func=lambda key: names[key])
                st.button("Show both", type="primary", on_click=open_analyses, args=([item.key, key],))
        st.download_button(
            "Everything (ZIP)",
            lambda: encode_zip(item),
            file_name=f"{item.key}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/download:",
        )
        render_table_downloads(item.load_table, item.key)
        if st.button("Delete", icon=":material/delete:"):
            ask_to_delete([item], workspace)


def _render_result(item: KeptAnalysis, record: AnalysisRecord) -> None:
    for note in record.notes:
        st.warning(escape_markdown(note), icon=":material/info:")
    st.markdown(f"#### {describe_answer(record)}")
    media, table = item.list_files(ANNOTATED_FOLDER), item.load_table()
    shares = st.container()
    if record.kind == "video":
        if media:
            _render_video(media[0], record, table)
        elif record.num_rows:
            _render_time(table, record)
    elif media:
        shown, shares = st.columns([3, 2], gap="large")
        with shown:
            _render_picture(media, record)
    if record.mean_shares:
        import pandas as pd

        with shares:
            st.caption("Mean probability of each apparent expression, over all faces.")
            figure = build_share_bars(pd.DataFrame({item.key: dict(record.mean_shares)}), [item.name])
            st.plotly_chart(figure, config=STATIC_CONFIG, key="kept-shares", alt=describe_answer(record))
    if faces := item.list_files(FACES_FOLDER):
        _render_faces(faces, table)
    with st.expander("All faces in a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, placeholder="–")


def _render_video(path: Path, record: AnalysisRecord, table: "pd.DataFrame") -> None:
    (source,) = record.sources
    info = replace(probe_video(path), width_px=source.width_px, height_px=source.height_px)  # of the boxes
    render_video_player(path, table, info, name=source.name, key="kept_video")


def _render_picture(media: Sequence[Path], record: AnalysisRecord) -> None:
    number = 0
    if len(media) > 1:
        number = st.selectbox(
            "Picture", range(len(media)), format_func=lambda index: record.sources[index].name
        )
    name = record.sources[number].name
    st.image(str(media[number]), width="stretch", alt=f"{name} with its faces marked")


def _render_time(table: "pd.DataFrame", record: AnalysisRecord) -> None:
    """The mean over all faces of each stretch of time."""
    classes = list(record.classes)
    rows = table[table["num_faces"] > 0][["time_s", *classes]].astype(float)
    length = max(float(rows["time_s"].max()) / MAX_POINTS, 1e-6)
    means = rows.groupby((rows["time_s"] / length).astype(int)).mean()
    st.plotly_chart(
        build_time_chart(means, classes),
        config=STATIC_CONFIG,
        key="kept-time",
        alt="Mean probability of each class over time, over all faces of a moment",
    )


def _render_faces(faces: Sequence[Path], table: "pd.DataFrame") -> None:
    labels = table.loc[table["num_faces"] > 0, "label"].tolist()
    for cell, path, label in zip(
        iterate_cells(min(len(faces), _MAX_FACES), _FACES_PER_ROW), faces, labels, strict=False
    ):
        cell.image(str(path), caption=escape_markdown(label), alt=f"A face: {label}")
    if len(faces) > _MAX_FACES:
        st.caption(f"The first {_MAX_FACES} of {len(faces):,} faces; the ZIP holds all.")
