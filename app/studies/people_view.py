"""Who is who: the faces of a recording with a picture each, named by the user."""

import base64
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.shared.messages import empty_state
from app.studies.proposals_view import render_proposals
from app.studies.state import Key
from fer_core.studies import Study, StudyState
from fer_core.studies.gallery import MAX_TRACKS, SeenFace, list_faces
from fer_core.studies.persons import Face, load_decisions, rename, undo_naming
from fer_core.studies.tables import list_rows
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_NOTE: Final[str] = (
    ":material/lock: Nothing is recognised: a face has a name because you type it, and the same name means "
    "the same person. Data that tell people apart by their faces are specially protected (GDPR, Art. 9): use "
    "pseudonyms such as the participant's."
)


def render_people(study: Study, recordings: "pd.DataFrame", state: StudyState, workspace: Workspace) -> None:
    """Show the faces of one recording, and let the user say who they are."""
    done = [key for key, item in state.recordings.items() if item.state == "done"]
    if not done:
        empty_state(
            "No faces yet",
            "Add recordings and press **Run**. The faces of each can then be named here.",
            icon=":material/group:",
        )
        return
    first, second = st.columns([3, 1], vertical_alignment="bottom")
    recording: str = first.selectbox("Recording", done, key=f"study_people_{study.name}")
    row = next(row for row in list_rows(recordings) if row["recording"] == recording)
    if second.button("Undo", icon=":material/undo:", disabled=load_decisions(study).empty):
        undo_naming(study)
        _redraw()
    with st.spinner("Looking at the faces…"):
        faces = _list(study, recording, row["path"], _mark(study, recording))
    _render_table(study, recording, row["participant"] or "", faces)
    if faces and render_proposals(study, recording, row["participant"] or "", workspace):
        _redraw()
    if len(faces) == MAX_TRACKS:
        st.caption(f"The {MAX_TRACKS} that are seen longest.")
    st.caption(_NOTE)


def _render_table(study: Study, recording: str, participant: str, faces: list[SeenFace]) -> None:
    import pandas as pd

    if not faces:
        st.info("No face was found in this recording.", icon=":material/face_retouching_off:")
        return
    shown = pd.DataFrame(
        {
            "face": [_to_address(item.thumbnail_jpeg) for item in faces],
            "person": [item.person for item in faces],  # what can be changed is in sight on a phone, too
            "seconds": [item.seconds for item in faces],
            "mostly": [item.label for item in faces],
            "number": [_describe_number(item) for item in faces],
        }
    )
    number = st.session_state.setdefault(Key.PEOPLE, 0)
    edited = st.data_editor(
        shown,
        key=f"{Key.PEOPLE}_{recording}_{number}",
        hide_index=True,
        row_height=72,
        disabled=["face", "number", "seconds", "mostly"],
        column_config={
            "face": st.column_config.ImageColumn(width="small"),
            "seconds": st.column_config.NumberColumn(format="%.1f", width="small"),
            "number": st.column_config.TextColumn(width="small"),
            "person": st.column_config.TextColumn(
                help="Click to name. The report takes the face that is named as the recording's participant."
            ),
        },
        alt=f"Faces of {recording}: number, seconds in the picture, apparent expression, name",
    )
    names = edited["person"].fillna("")
    changed = names != shown["person"]
    if changed.any():
        rename(
            study,
            {
                Face(recording, faces[place].track_id, faces[place].from_s): str(names[place])
                for place in names.index[changed]
            },
        )
        _redraw()
    is_asked = participant and participant not in set(shown["person"])
    if is_asked and st.button("The first one is the participant", icon=":material/person_check:"):
        rename(study, {Face(recording, faces[0].track_id, faces[0].from_s): participant})
        _redraw()


def _describe_number(face: SeenFace) -> str:
    return f"{face.track_id:d}" + (f" from {face.from_s:.1f} s" if face.from_s else "")


def _to_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""


def _mark(study: Study, recording: str) -> str:
    """What changes when the result or a name does."""
    files = [study.result_folder(recording), study.folder / "persons.parquet"]
    return str([path.stat().st_mtime_ns for path in files if path.exists()])


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs={Study: lambda study: str(study.folder)})
def _list(study: Study, recording: str, path: str, mark: str) -> list[SeenFace]:
    return list_faces(study, recording, path)


def _redraw() -> None:
    st.session_state[Key.PEOPLE] = st.session_state.get(Key.PEOPLE, 0) + 1
    st.rerun()
