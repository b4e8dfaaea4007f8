"""The recordings of a study: adding some, who and what they show, how far each is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.shared.messages import FOLDER_NEEDED, empty_state, error_boundary, require_text, show_error
from app.shared.uploads import ask_for_files, clean_name, forget_uploads
from app.shared.visitor import may_name_paths
from app.studies.state import Key
from fer_core.errors import FerError, MediaError
from fer_core.escaping import escape_markdown
from fer_core.inference.video_reader import VIDEO_SUFFIXES
from fer_core.studies import Study, StudyState
from fer_core.studies.adding import Added, change_facts, remove_recordings
from fer_core.studies.tables import RECORDING_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_MAX_MB: Final[int] = 500
_EDITABLE: Final[tuple[str, ...]] = ("participant", "condition")


def render_recordings(study: Study, recordings: "pd.DataFrame", state: StudyState) -> None:
    """Show the recordings, and let the user add some and say who and what they show."""
    _tell_added()
    if recordings.empty:
        empty_state(
            "No recordings yet",
            "Add videos below: upload them, or name a folder of this machine whose paths say who and what "
            "they show, such as `{participant}/{condition}/*.mp4`.",
            icon=":material/video_library:",
        )
        _render_adding(study)
        return
    _render_table(study, recordings, state)
    with st.expander("Add recordings", icon=":material/add:"):
        _render_adding(study)


def _render_table(study: Study, recordings: "pd.DataFrame", state: StudyState) -> None:
    further = [name for name in recordings.columns if name not in RECORDING_COLUMNS]
    shown = recordings[["recording", *_EDITABLE, *further, "duration_s"]].copy()
    states = [state.recordings[key] for key in recordings["recording"]]
    shown.insert(1, "state", [item.state for item in states])
    shown["why"] = [item.reason for item in states]
    number = st.session_state.setdefault(Key.TABLE, 0)
    edited = st.data_editor(
        shown,
        key=f"{Key.TABLE}_{study.name}_{number}",
        hide_index=True,
        disabled=["recording", "state", "duration_s", "why"],
        column_config={
            "participant": st.column_config.TextColumn(help="Whose face it shows. Click to change."),
            "condition": st.column_config.TextColumn(help="What was done or shown. Click to change."),
            "duration_s": st.column_config.NumberColumn("seconds", format="%.1f", width="small"),
            "state": st.column_config.TextColumn(width="small"),
        },
        alt="The recordings: state, participant, condition, length, and what to know of it",
    )
    columns = [*_EDITABLE, *further]
    is_changed = (edited[columns].fillna("") != shown[columns].fillna("")).any(axis=1)
    if is_changed.any():
        change_facts(study, edited.loc[is_changed, ["recording", *columns]])
        st.session_state[Key.TABLE] = number + 1
        st.rerun()
    _render_removal(study, recordings)


def _render_removal(study: Study, recordings: "pd.DataFrame") -> None:
    with st.popover("Take out", icon=":material/remove:"):
        chosen = st.multiselect("Recordings", list(recordings["recording"]), key=f"study_remove_{study.name}")
        st.caption("Takes them out of the study, with their results and events. Their files stay.")
        if st.button("Take them out", disabled=not chosen):
            with error_boundary():
                remove_recordings(study, chosen)
                st.session_state[Key.TABLE] = st.session_state.get(Key.TABLE, 0) + 1
                st.rerun()


def _render_adding(study: Study) -> None:
    first, second = st.columns(2)
    participant = first.text_input("Participant", key="study_participant", help="Of all that you add now.")
    condition = second.text_input("Condition", key="study_condition", help="Of all that you add now.")
    facts = {
        key: value for key, value in (("participant", participant), ("condition", condition)) if value.strip()
    }
    _render_upload(study, facts)
    if may_name_paths():
        _render_folder(study, facts)


def _render_upload(study: Study, facts: dict[str, str]) -> None:
    number = st.session_state.setdefault(Key.UPLOAD, 0)
    found = ask_for_files(
        f"Videos: up to {_MAX_MB} MB each",
        types=[suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES],
        max_mb=_MAX_MB,
        multiple=True,
        key=f"{Key.UPLOAD}_{number}",
    )
    if not found:
        return
    from fer_core.studies.adding import add_recordings
    from fer_core.studies.new_recordings import NewRecording

    st.session_state[Key.UPLOAD] = number + 1
    with error_boundary(), st.spinner("Looking into the videos…"):
        kept = [_keep(study, item.path, item.name) for item in found]
        files = [NewRecording(path=path, facts=facts, stem=Path(name).stem) for path, name in kept]
        added = add_recordings(study, files)
        _forget_unused(kept, added)
        forget_uploads(found)
        _finish(added)


def _keep(study: Study, path: Path, name: str) -> tuple[Path, str]:
    """Keep an upload in the study's own folder; names may be the same."""
    import shutil

    from fer_core.io import atomic_path
    from fer_core.studies.study import MEDIA_FOLDER

    target, number = study.folder / MEDIA_FOLDER / clean_name(name), 1
    while target.exists():
        number += 1
        target = target.with_name(f"{Path(clean_name(name)).stem}-{number}{Path(clean_name(name)).suffix}")
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
    return target, name


def _forget_unused(kept: list[tuple[Path, str]], added: Added) -> None:
    for path, _ in kept:
        if str(path) in added.problems:
            path.unlink(missing_ok=True)


def _render_folder(study: Study, facts: dict[str, str]) -> None:
    from fer_core.studies.adding import add_recordings
    from fer_core.studies.new_recordings import NewRecording, find_files
    from fer_core.workspace import expand_home

    first, second = st.columns(2)
    folder = first.text_input("Folder on this machine", key="study_folder", placeholder="/data/smiles")
    pattern = second.text_input(
        "Paths in it",
        "**/*",
        key="study_pattern",
        help="A word in braces becomes a column: `{participant}/{condition}/*.mp4`. `*` stands for anything "
        "but a slash, `**/` for any folders.",
    )
    if st.button("Add the folder's videos", icon=":material/folder_open:"):
        with error_boundary(), st.spinner("Looking into the videos…"):
            found = [
                NewRecording(path=item.path, facts={**item.facts, **facts}, stem=item.stem)
                for item in find_files(expand_home(require_text(folder, FOLDER_NEEDED)), pattern.strip())
                if item.path.suffix.lower() in VIDEO_SUFFIXES
            ]
            if not found:
                raise MediaError(f"no video below {folder} fits {pattern}; check the folder and the pattern")
            _finish(add_recordings(study, found))


def _finish(added: Added) -> None:
    st.session_state[Key.ADDED] = added
    st.session_state[Key.TABLE] = st.session_state.get(Key.TABLE, 0) + 1
    st.rerun()


def _tell_added() -> None:
    added: Any = st.session_state.pop(Key.ADDED, None)
    if not isinstance(added, Added):
        return
    known = f", {len(added.known)} known already" if added.known else ""
    st.toast(f"{len(added.recordings)} new recordings{known}", icon=":material/check:")
    if added.changed:
        names = escape_markdown(", ".join(added.changed[:10]))
        st.toast(
            f"{names}: another file now. Run the study, then name its faces again.", icon=":material/info:"
        )
    if added.moved:
        names = escape_markdown(", ".join(added.moved[:10]))
        st.toast(f"{names}: moved. What was found in them stays.", icon=":material/info:")
    for note in added.notes[:10]:
        st.toast(f"{escape_markdown(note)}.", icon=":material/info:")
    for path, problem in list(added.problems.items())[:10]:
        show_error(FerError(problem), about=Path(path).name)
