"""Collecting faces from the page: a detached `fer collect` does it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from app.label.state import Key
from app.shared.background import render_dismiss, render_task
from app.shared.messages import FOLDER_NEEDED, error_boundary, require_text
from app.shared.navigation import LABEL, LIVE_WEBCAM
from app.shared.uploads import UPLOAD_KEPT_S, Upload, ask_for_files, clean_name, forget_uploads
from app.shared.visitor import get_visitor, may_name_paths
from fer_core.collecting import Collection
from fer_core.collecting.picking import describe_taken
from fer_core.data.choosing import ChoiceMethod
from fer_core.errors import MediaError
from fer_core.escaping import escape_markdown
from fer_core.images import IMAGE_SUFFIXES
from fer_core.inference.video_reader import VIDEO_SUFFIXES
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.studies import list_studies
from fer_core.workspace import Workspace, expand_home

_KIND: Final[str] = "collect"
_METHODS: Final[dict[ChoiceMethod, str]] = {
    "mixed": "Unsure and different",
    "least_sure": "Where the model is least sure",
    "most_different": "What differs most",
    "random": "At random",
}
_CONSENT: Final[str] = "Everybody on these agreed that their faces are kept here and labelled"


def render_progress(collection: Collection, workspace: Workspace) -> None:
    """Show how far the collecting of faces is, or what came of it."""
    facts = {"collection": collection.name, "created": str(collection.record.created)}
    render_task(workspace, _KIND, facts, on_result=lambda task: _tell(task, workspace))


def _tell(task: BackgroundTask, workspace: Workspace) -> None:
    found = task.result() or {}
    numbers = [int(found.get(name, 0)) for name in ("num_faces", "num_seen", "num_known")]
    st.success(f"{escape_markdown(describe_taken(*numbers))}.", icon=":material/check:")
    for clip, problem in list(dict(found.get("problems", {})).items())[:10]:
        st.warning(
            f"**{escape_markdown(str(clip))}**: {escape_markdown(str(problem))}", icon=":material/warning:"
        )
    render_dismiss(workspace, task, "OK")


def render_collecting(collection: Collection, workspace: Workspace) -> None:
    """Let the user collect faces into a collection."""
    with st.container(border=True):
        st.markdown("##### :material/videocam: From the camera")
        st.markdown("Start the camera on **Live**, then switch **Collect faces** on whenever you like.")
        st.page_link(
            LIVE_WEBCAM.build(),
            label="Go to Live",
            icon=":material/videocam:",
            query_params={"collect": collection.name},
        )
    with st.container(border=True):
        st.markdown("##### :material/upload: From pictures, videos or a study")
        agreed = st.checkbox(_CONSENT, key=f"{Key.CONSENT}_{collection.name}")
        person, count, method = _choose()
        options = [f"--count={count}", f"--method={method}", f"--person={person}", f"--owner={get_visitor()}"]
        _render_upload(collection, workspace, options, agreed)
        if may_name_paths():
            _render_folder(collection, workspace, options, agreed)
        _render_study(collection, workspace, options, agreed)


def _choose() -> tuple[str, int, ChoiceMethod]:
    first, second, third = st.columns(3)
    person = first.text_input(
        "Who is on them",
        key="label_person",
        max_chars=60,
        placeholder="if it is one person",
        help="Kept with each face.",
    )
    count = second.number_input("Faces", 1, 5000, 60, key="label_count", help="At most so many are taken.")
    method: ChoiceMethod = third.selectbox(
        "Which ones",
        list(_METHODS),
        format_func=_METHODS.__getitem__,
        key="label_method",
        help="Never neighbouring frames. Faces that teach a model most are those it is unsure of.",
    )
    return person.strip(), int(count), method


def _render_upload(
    collection: Collection, workspace: Workspace, options: Sequence[str], agreed: bool
) -> None:
    number = st.session_state.setdefault(Key.UPLOAD, 0)
    suffixes = dict.fromkeys((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
    found = ask_for_files(
        "Pictures and videos",
        types=[suffix.removeprefix(".") for suffix in suffixes],
        multiple=True,
        key=f"{Key.UPLOAD}_{number}",
    )
    if st.button("Collect faces", type="primary", icon=":material/face:", disabled=not (found and agreed)):
        with error_boundary():
            names = _name_inputs(found)
            inputs: dict[str, Path] = {name: item.path for name, item in zip(names, found, strict=True)}
            _start(collection, workspace, [f"{{inputs}}/{name}" for name in names], options, inputs)
            forget_uploads(found)
            st.session_state[Key.UPLOAD] = number + 1
            st.rerun()


def _name_inputs(found: Sequence[Upload]) -> list[str]:
    """Names of the task's files, each once."""
    names: list[str] = []
    for item in found:
        name = clean_name(item.name)
        names.append(name if name not in names else f"{len(names)}-{name}")
    return names


def _render_folder(
    collection: Collection, workspace: Workspace, options: Sequence[str], agreed: bool
) -> None:
    with st.expander("A folder of this machine", icon=":material/folder_open:"):
        folder = st.text_input("Folder", key="label_folder", placeholder="/data/clips")
        if st.button("Collect from the folder", icon=":material/face:", disabled=not agreed):
            with error_boundary():
                path = expand_home(require_text(folder, FOLDER_NEEDED)).absolute()
                if not path.exists():
                    raise MediaError(f"{path} does not exist; name a folder of this machine")
                _start(collection, workspace, [str(path)], options, {})
                st.rerun()


def _render_study(collection: Collection, workspace: Workspace, options: Sequence[str], agreed: bool) -> None:
    names = [study.name for study in list_studies(workspace) if study.is_of(get_visitor())]
    if not names:
        return
    with st.expander("A study's recordings", icon=":material/experiment:"):
        name = st.selectbox("Study", names, key="label_study")
        if st.button("Collect from the study", icon=":material/face:", disabled=not agreed):
            with error_boundary():
                _start(collection, workspace, [f"--study={name}"], options, {})
                st.rerun()


def _start(
    collection: Collection,
    workspace: Workspace,
    sources: Sequence[str],
    options: Sequence[str],
    inputs: dict[str, Path],
) -> None:
    start_task(
        workspace,
        kind=_KIND,
        title=f"Collect faces: {collection.name}",
        command=["collect", collection.name, *sources, *options],
        page=LABEL.address(collection=collection.name),
        facts={"collection": collection.name, "created": str(collection.record.created)},
        inputs=inputs,
        kept_s=UPLOAD_KEPT_S,
    )
