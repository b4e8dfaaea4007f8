"""The sound part of the Analyze media page: recordings of voices, without a picture."""

from typing import Final

import streamlit as st

from app.analyze_media.sound_chart import build_voice_chart
from app.analyze_media.sound_task import (
    MAX_SOUND_MB,
    Heard,
    SoundTask,
    check_room,
    forget_sounds,
    list_sounds,
    start_sound,
)
from app.analyze_media.state import Key
from app.analyze_media.table_downloads import render_table_downloads
from app.analyze_media.video_task import MAX_MINUTES
from app.shared.background import watch_tasks
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state, error_boundary, show_error
from app.shared.run_format import describe_duration
from app.shared.uploads import Upload, ask_for_files, forget_uploads
from app.shared.voice_models import choose_voice, explain_voice_models, list_voice_models
from fer_core.errors import FerError, MediaError, leave_out_path
from fer_core.escaping import escape_markdown
from fer_core.sound.decode import SOUND_SUFFIXES, open_sound
from fer_core.workspace import Workspace

_TYPES: Final[tuple[str, ...]] = tuple(suffix.removeprefix(".") for suffix in SOUND_SUFFIXES)
PRIVACY: Final[str] = (
    ":material/lock: A voice can reveal who speaks. What you upload is analyzed on this machine. Once you "
    "press *Listen*, a sound and its result are files in the workspace (`tasks/`), until you press *Delete*, "
    "or for a day."
)


def render_sound_part(workspace: Workspace, *, is_open: bool) -> None:
    """Show the upload, what waits and works, and the results.

    Args:
        workspace: where sounds are kept and voice models are.
        is_open: whether the user sees this part; what costs time is left out if not.
    """
    if not list_voice_models(workspace):
        if is_open:
            explain_voice_models()
        return
    model = choose_voice(workspace, key=Key.SOUND_MODEL)
    found = ask_for_files(
        f"Choose sounds or drop them here: up to {MAX_SOUND_MB} MB and {MAX_MINUTES} minutes each",
        types=_TYPES,
        max_mb=MAX_SOUND_MB,
        multiple=True,
        key=f"{Key.SOUND_UPLOAD}_{st.session_state.setdefault(Key.SOUND_UPLOAD, 0)}",
    )
    _take_uploads(found)
    st.caption(PRIVACY)
    sounds = list_sounds(workspace)
    waiting: list[Upload] = st.session_state.get(Key.SOUNDS, [])
    if not is_open:
        return
    if waiting and model is not None:
        _render_waiting(waiting, model, workspace)
    if not waiting and not sounds:
        empty_state(
            "No sound yet",
            "Upload a recording above. You get the times in which somebody speaks, with what the voice "
            "appears to express.",
            icon=":material/graphic_eq:",
        )
    active = [sound for sound in sounds if sound.task.is_active]
    if active:
        watch_tasks(workspace, {sound.task.name: sound.name for sound in active})
    for sound in reversed([sound for sound in sounds if sound not in active]):
        with error_boundary():
            _render_sound(sound, workspace)


def _take_uploads(found: list[Upload]) -> None:
    """Take sounds out of the file dialog, which is empty again then."""
    if found:
        st.session_state[Key.SOUND_UPLOAD] += 1
        errors = {}
        for upload in found:
            try:
                with open_sound(upload.path, max_duration_s=60 * MAX_MINUTES):
                    st.session_state.setdefault(Key.SOUNDS, []).append(upload)
            except MediaError as error:
                forget_uploads([upload])
                errors[upload.name] = leave_out_path(error, upload.path)
        st.session_state[Key.SOUND_ERRORS] = errors
        st.rerun()
    for name, problem in st.session_state.get(Key.SOUND_ERRORS, {}).items():
        show_error(MediaError(problem), about=name)


def _render_waiting(waiting: list[Upload], model: str, workspace: Workspace) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        one_speaker = st.toggle(
            "One person speaks",
            key=Key.SOUND_ONE_SPEAKER,
            persist_state="session",
            help="Takes off what this voice always sounds like, if there is enough speech: ten seconds, or "
            "better a minute, in more than one mood.",
        )
        what = "the sound" if len(waiting) == 1 else f"{len(waiting)} sounds"
        if st.button(f"Listen to {what}", type="primary", icon=":material/hearing:"):
            with error_boundary():
                check_room(workspace, len(waiting))
                while waiting:
                    path = waiting[0].path
                    start_sound(workspace, path.name, path, model, one_speaker=one_speaker)
                    forget_uploads([waiting.pop(0)])
                st.rerun()
        st.button("Remove", icon=":material/close:", key="sounds_remove", on_click=_forget_waiting)
        for upload in waiting:
            st.caption(escape_markdown(upload.name), width="content")


def _forget_waiting() -> None:
    forget_uploads(st.session_state.pop(Key.SOUNDS, []))


def _render_sound(sound: SoundTask, workspace: Workspace) -> None:
    heard = sound.heard
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{escape_markdown(sound.name)}**", width="stretch")
            if heard is not None:
                render_table_downloads(
                    sound.load_table,
                    f"{sound.name}-voice",
                    what="One row per labelled time of speech; where nobody speaks there is none.",
                )
            st.button(
                "Delete",
                icon=":material/delete:",
                key=f"sound_delete_{sound.task.name}",
                help="Deletes the sound and its result from this machine.",
                on_click=_delete,
                args=(sound, workspace),
            )
        if heard is None:
            reason = sound.task.error.replace(f"{sound.task.inputs}/", "") or "it was cancelled"
            show_error(FerError(reason), about=sound.name)
            return
        st.markdown(describe_heard(heard))
        for note in heard.notes:
            st.warning(escape_markdown(note), icon=":material/info:")
        st.audio(str(sound.source))
        if heard.speech_s:
            chart = build_voice_chart(sound.load_table(), heard.duration_s)
            st.plotly_chart(chart, config=STATIC_CONFIG, key=f"sound_chart_{sound.task.name}")


def describe_heard(heard: Heard) -> str:
    """How much speech, and what the voice appears to express most, as one line of Markdown."""
    if not heard.speech_s:
        return f"Nobody speaks in these {describe_duration(heard.duration_s)}."
    shares = sorted(heard.mean_shares.items(), key=lambda item: -item[1])[:3]
    words = ", ".join(f"{escape_markdown(name)} {100 * share:.0f} %" for name, share in shares)
    what = f"apparent vocal expression: mostly {words}" if words else "too short to say what it expresses"
    return f"{describe_duration(heard.speech_s)} of speech in {describe_duration(heard.duration_s)}; {what}"


def _delete(sound: SoundTask, workspace: Workspace) -> None:
    with error_boundary():
        forget_sounds(workspace, [sound])
