"""The live page's microphone: off unless somebody asks for it, and what it hears."""

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.live_webcam.state import Key
from app.shared.messages import error_boundary
from app.shared.voice_models import HOW_TO_TRAIN, choose_voice, list_voice_models
from fer_core.checkpoint import CheckpointEntry
from fer_core.escaping import escape_markdown
from fer_core.inference.live import LiveSession
from fer_core.types import Prediction, VoiceResult
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from streamlit_webrtc import AudioSinkTrack

CONSTRAINTS: Final[dict[str, Any]] = {"channelCount": 1}
"""Echo cancellation and noise suppression stay the browser's choice."""
_READING_S: Final[float] = 0.25


def choose_microphone(workspace: Workspace) -> CheckpointEntry | None:
    """Let the user choose to be heard, too, and by which model; None if not.

    Args:
        workspace: where voice models are.
    """
    models = list_voice_models(workspace)
    wanted = st.toggle(
        "Listen, too",
        key=Key.LISTEN,
        persist_state="session",
        disabled=not models,
        help="The microphone is asked for then, and whoever is heard must know."
        if models
        else f"No voice model on this machine yet. {HOW_TO_TRAIN}",
    )
    if not wanted or not models:
        return None
    chosen = choose_voice(workspace, key=Key.VOICE)
    return models[chosen] if chosen else None


def open_microphone(session: LiveSession) -> "AudioSinkTrack":
    """Where the browser's sound goes: into the session's memory, and nowhere else."""
    from streamlit_webrtc import AudioSinkTrack

    track: AudioSinkTrack = st.session_state.setdefault(Key.MICROPHONE, AudioSinkTrack(session.process_sound))
    return track


def render_voice(session: LiveSession) -> None:
    """Show what is heard beside what is seen, and both together where it is known whose voice it is."""

    @st.fragment(run_every=_READING_S)
    def refresh() -> None:
        with error_boundary():
            voice = session.voice()
            with st.container(horizontal=True):
                st.metric("Voice", *describe_voice(voice), delta_color="off", delta_arrow="off")
                if voice is not None and voice.fused is not None:
                    title = f"Face #{voice.speaker or 0:d} and voice"
                    st.metric(title, *_describe(voice.fused), delta_color="off", delta_arrow="off")
            if problem := session.sound_problem():
                st.warning(escape_markdown(problem), icon=":material/mic_off:")

    refresh()


def describe_voice(voice: VoiceResult | None) -> tuple[str, str]:
    """What is heard, and how sure that is, as Markdown."""
    if voice is None:
        return "–", "no sound comes; start the camera anew"
    if not voice.is_speech:
        return "–", "nobody speaks"
    return _describe(voice.prediction) if voice.prediction else ("…", "somebody speaks")


def _describe(found: Prediction) -> tuple[str, str]:
    return escape_markdown(found.label), f"{100 * found.confidence:.0f} % probable"
