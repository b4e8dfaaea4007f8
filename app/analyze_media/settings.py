"""The settings of the Analyze media page: a line that says what they are, and a popover to change them."""

from dataclasses import dataclass

import streamlit as st

from app.analyze_media.state import Key
from app.shared.model_picker import choose_detector, choose_model, detector_title
from app.shared.overlay_options import choose_prior, choose_style
from app.shared.voice_models import choose_voice
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.escaping import escape_markdown
from fer_core.inference.overlay import OverlayStyle
from fer_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Settings:
    """What a picture or video is analyzed with."""

    entry: CheckpointEntry
    detector: str
    """Name in the registry of face detectors."""
    prior: str
    """How often each class is expected."""
    style: OverlayStyle
    """What is drawn."""
    voice: str | None = None
    """Key of the model that listens to videos; None if none does."""

    @property
    def options(self) -> tuple[str, ...]:
        """The same for `fer predict`."""
        return (f"--model={self.entry.key}", f"--detector={self.detector}", f"--prior={self.prior}")


def choose_settings(workspace: Workspace) -> Settings | None:
    """Let the user choose; without a model, say how to get one and return None."""
    if not list_checkpoints(workspace, "image"):
        choose_model(workspace)
        return None
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        summary = st.container(width="content")
        popover = st.popover("Settings", icon=":material/tune:", key="media_settings")
    with popover:
        entry = choose_model(workspace)
        detector = choose_detector(workspace)
        prior = choose_prior([entry] if entry else [])
        style = choose_style()
        voice = choose_voice(workspace, key=Key.VOICE, off="Do not listen")
    assert entry is not None
    with summary:
        st.caption(
            f"{escape_markdown(entry.key)} · {detector_title(detector)} · "
            f"uncertain below {100 * style.sure_from:.0f} %",
            width="content",
        )
    return Settings(entry, detector, prior, style, voice)
