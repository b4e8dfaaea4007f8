"""Events of a recording: marked by key on the player, changed in a table, imported."""

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.shared.components.video_player import render_video_player
from app.shared.messages import empty_state, error_boundary
from app.shared.uploads import ask_for_files, forget_uploads
from app.shared.visitor import get_visitor
from app.studies.state import Key
from fer_core.errors import StudyError
from fer_core.escaping import escape_markdown
from fer_core.inference.video_types import VideoInfo
from fer_core.studies import Study, StudyState, set_codes
from fer_core.studies.events import Event, add_events, replace_events
from fer_core.studies.faces import load_faces
from fer_core.studies.study import clean_codes
from fer_core.studies.tables import list_rows
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd

_QUERY: Final[str] = "recording"
_MAX_PLAYED_MB: Final[int] = 500
"""Streamlit keeps what a player shows in memory."""
_SHOWN: Final[tuple[str, ...]] = ("start_s", "end_s", "code", "coder", "note")


def render_events(study: Study, recordings: "pd.DataFrame", state: StudyState) -> None:
    """Show one recording with its events, and let the user mark some."""
    done = [key for key, item in state.recordings.items() if item.state == "done"]
    if not done:
        empty_state(
            "No recording to show yet",
            "Add recordings and press **Run**. Each can then be played here, and events marked by key.",
            icon=":material/event:",
        )
        return
    asked = st.query_params.get(_QUERY, "")
    first, second, third = st.columns([2, 1, 2], vertical_alignment="bottom")
    recording: str = first.selectbox(
        "Recording",
        done,
        index=done.index(asked) if asked in done else 0,
        key=f"study_recording_{study.name}",
    )
    coder = second.text_input("Coder", get_visitor(), key="study_coder", help="Who marks events now.")
    _edit_codes(study, third)
    row = next(row for row in list_rows(recordings) if row["recording"] == recording)
    events = study.load_events()
    events = events[events["recording"] == recording]
    _render_player(study, row, events, coder.strip())
    _render_table(study, recording, events)
    _render_import(study, recording)


def _edit_codes(study: Study, place: Any) -> None:
    text = place.text_input(
        "Codes",
        ", ".join(study.record.codes),
        key=f"study_codes_{study.name}",
        help="At most nine, with a comma between them: the keys 1 to 9 begin and end each of them.",
    )
    with error_boundary():
        codes = clean_codes(text.split(","))
        if codes != study.record.codes:
            set_codes(study, codes)
            st.rerun()


def _render_player(study: Study, row: dict[str, Any], events: "pd.DataFrame", coder: str) -> None:
    recording, path = row["recording"], study.locate(row["path"])
    if not path.is_file():
        raise StudyError(f"{path} is missing; put it back to play it")
    if path.stat().st_size > _MAX_PLAYED_MB * 2**20:
        st.info(
            f"It is larger than {_MAX_PLAYED_MB} MB, too large to be played here.", icon=":material/info:"
        )
        return
    if not study.record.codes:
        st.caption("Name codes above, such as `smile`, to mark events by the keys 1 to 9.")
    table = load_faces(study, recording).drop(columns="recording")
    info = VideoInfo(
        width_px=int(row["width_px"]),
        height_px=int(row["height_px"]),
        fps=float(row["fps"]),
        duration_s=row["duration_s"],
        num_frames=row["num_frames"],
        has_audio=True,
        codec="",
    )
    shown = [
        {key: event[key] for key in ("code", "start_s", "end_s", "coder")} for event in list_rows(events)
    ]
    marked = render_video_player(
        path,
        table,
        info,
        name=recording,
        key=f"study_player_{recording}",
        codes=study.record.codes,
        events=shown,
    )
    if marked and marked["id"] != st.session_state.get(Key.LAST_MARK):
        st.session_state[Key.LAST_MARK] = marked["id"]
        start_s, end_s = float(marked["start_s"]), marked["end_s"]
        event = Event(
            recording=recording,
            start_s=start_s,
            end_s=None if end_s is None else float(end_s),
            code=str(marked["code"]),
            coder=coder,
        )
        add_events(study, [event])
        _redraw()


def _render_table(study: Study, recording: str, events: "pd.DataFrame") -> None:
    shown = events[list(_SHOWN)].reset_index(drop=True)
    number = st.session_state.setdefault(Key.EVENTS, 0)
    edited = st.data_editor(
        shown,
        key=f"{Key.EVENTS}_{recording}_{number}",
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "start_s": st.column_config.NumberColumn("from (s)", format="%.3f", min_value=0.0, required=True),
            "end_s": st.column_config.NumberColumn("to (s)", format="%.3f", help="Empty for a point."),
            "code": st.column_config.TextColumn(required=True),
            "coder": st.column_config.TextColumn(default=""),
            "note": st.column_config.TextColumn(default="", width="large"),
        },
        alt=f"Events of {recording}: from, to, code, coder, note",
    )
    if not edited.reset_index(drop=True).equals(shown):
        replace_events(study, recording, edited)
        _redraw()


def _render_import(study: Study, recording: str) -> None:
    from fer_core.studies.importing import is_project, read_events

    number = st.session_state.setdefault(Key.EVENTS, 0)
    with st.popover("Import events", icon=":material/upload:"):
        found = ask_for_files(
            "ELAN, Praat, WebVTT, SRT, Label Studio, or a CSV with start_s, end_s and code; for "
            f"{escape_markdown(recording)}. A Label Studio project may hold those of every recording",
            types=["eaf", "textgrid", "vtt", "srt", "json", "csv", "parquet"],
            max_mb=20,
            key=f"study_events_upload_{number}",
        )
        if found:
            with error_boundary():
                path = found[0].path
                events = read_events(path, "" if is_project(path) else recording, study)
                count = add_events(study, events.table)
                forget_uploads(found)
                st.toast(count_words(count, "new event"), icon=":material/check:")
                for note in events.notes:
                    st.toast(f"{escape_markdown(note)}.", icon=":material/info:")
                _redraw()


def _redraw() -> None:
    st.session_state[Key.EVENTS] = st.session_state.get(Key.EVENTS, 0) + 1
    st.rerun()
