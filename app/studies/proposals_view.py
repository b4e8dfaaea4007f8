"""Proposals of who is who: made in the background, shown with pictures, decided by the user."""

from typing import Any, Final

import streamlit as st

from app.shared.background import render_dismiss, render_task
from app.shared.messages import error_boundary
from app.shared.navigation import STUDIES
from app.shared.tabs import TAB
from app.studies.state import Key
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, discard_task, find_task, start_task
from fer_core.studies import Study
from fer_core.studies.gallery import list_pictures
from fer_core.studies.persons import Face, list_parts, rename
from fer_core.workspace import Workspace

_KIND: Final[str] = "study-persons"
_MOST_SHOWN: Final[int] = 5
_MOST_PICTURES: Final[int] = 8


def render_proposals(study: Study, recording: str, participant: str, workspace: Workspace) -> bool:
    """Offer to compare the faces of a recording, and of all of its participant; show what was found.

    Returns:
        Whether the user decided something.
    """
    facts = {"study": study.name, "of": participant or recording}
    task = find_task(workspace, _KIND, facts)
    if task is None or not task.is_active:
        words = "Who could be the same?" if task is None else "Compare again"
        help_ = "Compares the colours of hair and clothes and the pattern of the faces"
        of_all = f", in all recordings of {escape_markdown(participant)}" if participant else ""
        if st.button(words, icon=":material/group_search:", help=f"{help_}{of_all}. Nothing of it is kept."):
            with error_boundary():
                _start(study, recording, task, facts, workspace)
                st.rerun()
    decided: list[bool] = []
    render_task(
        workspace, _KIND, facts, on_result=lambda found: decided.append(_render(study, found, workspace))
    )
    return any(decided)


def _start(
    study: Study, recording: str, old: BackgroundTask | None, facts: dict[str, str], workspace: Workspace
) -> None:
    if old is not None:
        discard_task(workspace, old.name)
    start_task(
        workspace,
        kind=_KIND,
        title="Comparing faces",
        command=["study", "persons", study.name, recording],
        page=STUDIES.address(study=study.name, **{TAB: "People"}),
        facts=facts,
    )


def _render(study: Study, task: BackgroundTask, workspace: Workspace) -> bool:
    result: dict[str, Any] = task.result() or {}
    proposals = [
        (number, item["kind"], tuple(Face(**face) for face in item["faces"]), item["person"])
        for number, item in enumerate(result.get("proposals", ()))
    ]
    dismissed: set[tuple[str, int]] = st.session_state.setdefault(Key.DISMISSED, set())
    waiting = [
        item
        for item in proposals
        if (task.name, item[0]) not in dismissed and not _is_decided(study, item[1], item[2])
    ]
    if not waiting:
        words = "All proposals are decided." if proposals else "Nobody looks like somebody else."
        st.caption(words)
        render_dismiss(workspace, task)
        return False
    decided = False
    for number, kind, faces, person in waiting[:_MOST_SHOWN]:
        with st.container(border=True):
            if _ask(study, f"{task.name}_{number}", kind, faces, person):
                decided = True
            if st.session_state.get(f"study_no_{task.name}_{number}"):
                dismissed.add((task.name, number))
                decided = True
    if len(waiting) > _MOST_SHOWN:
        st.caption(f"{len(waiting) - _MOST_SHOWN:d} more after these.")
    return decided


def _is_decided(study: Study, kind: str, faces: tuple[Face, ...]) -> bool:
    """Whether the faces have got names since, or were divided."""
    parts = {recording: list_parts(study, recording) for recording in {face.recording for face in faces}}
    names = []
    for face in faces:
        known = dict(parts[face.recording].get(face.track_id, ()))
        if kind == "same" and known and face.from_s not in known:
            return True
        names.append(known.get(face.from_s, ""))
    if kind == "other":
        return faces[-1].from_s in dict(parts[faces[-1].recording].get(faces[-1].track_id, ()))
    return (len(set(names)) == 1 and bool(names[0])) or len({name for name in names if name}) > 1


def _ask(study: Study, key: str, kind: str, faces: tuple[Face, ...], person: str) -> bool:
    """Show a proposal; returns whether it was accepted."""
    pictures = _take(study, faces, _mark(study, faces))
    title = "One person?" if kind == "same" else f"Another person from {faces[-1].from_s:.1f} s on?"
    st.markdown(f"**{title}**")
    with st.container(horizontal=True):
        for face in faces[:_MOST_PICTURES]:
            if pictures.get(face):
                caption = f"{face.recording}, {face.track_id:d}"
                st.image(pictures[face], caption=escape_markdown(caption), width=72)
    if len(faces) > _MOST_PICTURES:
        st.caption(f"and {len(faces) - _MOST_PICTURES:d} more")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [st.text_input("Name", person, key=f"study_name_{key}", width=150)]
        if kind == "other":
            names.append(st.text_input("Name from then on", key=f"study_other_{key}", width=150))
        is_yes = st.button("Yes", icon=":material/check:", key=f"study_yes_{key}")
        st.button("No", icon=":material/close:", key=f"study_no_{key}")
    if not is_yes:
        return False
    names = [name.strip() for name in names]
    if not all(names) or (kind == "other" and names[0] == names[1]):
        st.warning("Type a name first." if kind == "same" else "Type two different names first.")
        return False
    with error_boundary():
        rename(study, dict(zip(faces, names * len(faces) if kind == "same" else names, strict=False)))
        return True
    return False


def _mark(study: Study, faces: tuple[Face, ...]) -> str:
    """What changes when a result does."""
    folders = sorted({study.result_folder(face.recording) for face in faces})
    return str([folder.stat().st_mtime_ns for folder in folders if folder.exists()])


@st.cache_data(max_entries=50, show_spinner=False, hash_funcs={Study: lambda study: str(study.folder)})
def _take(study: Study, faces: tuple[Face, ...], mark: str) -> dict[Face, bytes]:
    return list_pictures(study, faces)
