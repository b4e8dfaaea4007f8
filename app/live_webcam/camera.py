"""The live page's camera: session, choices, and the WebRTC link. No `st.*` runs on the frames' thread."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import streamlit as st

from app.live_webcam.microphone import CONSTRAINTS as MICROPHONE
from app.live_webcam.microphone import choose_microphone, open_microphone
from app.live_webcam.state import Key
from app.shared.model_picker import choose_detector, choose_model
from app.shared.overlay_options import choose_prior, choose_style
from app.shared.session_cache import load_shared_predictor, load_shared_voice
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.inference.ice import parse_ice_servers
from fer_core.inference.live import LiveSession
from fer_core.inference.live_engine import LiveSettings
from fer_core.inference.tracker import TemporalConfig
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import av
    from streamlit_webrtc import Translations

ICE_VARIABLE: Final[str] = "FER_ICE_SERVERS"
"""Environment variable with ICE servers as JSON; goes before the secrets file."""
_ICE_SECRET: Final[tuple[str, str]] = ("webrtc", "ice_servers")
"""Section and name in .streamlit/secrets.toml."""

_CONSTRAINTS: Final[dict[str, Any]] = {
    "video": {
        "width": {"ideal": 640},
        "height": {"ideal": 480},
        "frameRate": {"ideal": 30, "max": 30},
    },
}
_MAX_HEIGHT_PX: Final[int] = 600
"""Of the picture: a camera held upright must not push all else off the screen."""
_BUTTONS: Final["Translations"] = {
    "start": "Start the camera",
    "stop": "Stop",
    "select_device": "Choose camera",
    "device_ask_permission": "Your browser asks whether this page may use the camera: allow it there.",
    "device_access_denied": "The browser refused the camera. Allow it in the address bar, then start again.",
    "device_not_available": "No camera was found. Connect one, then start again.",
    "media_api_not_available": "The browser gives a camera only to pages from localhost or https://.",
}


class LiveKey(StrEnum):
    """Keys of the session state that only the live page uses."""

    SESSION = "live_session"
    CAMERA = "live_camera"
    COMPARE = "live_compare"
    SECOND_MODEL = "live_second_model"
    SMOOTHING = "live_smoothing_s"
    DETECT_EVERY = "live_detect_every"
    MIRROR = "live_mirror"
    RECORD = "live_record"
    PLACE = "live_place"
    COLLECT = "live_collect"
    COLLECTOR = "live_collector"
    COLLECTION = "live_collection"
    PERSON = "live_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChoice:
    """What the user has chosen on the page."""

    models: tuple[CheckpointEntry, ...]
    """One, or two to be compared."""
    detector: str
    prior: str
    """How often each class is expected."""
    settings: LiveSettings
    voice: CheckpointEntry | None = None
    """What reads the voice; None if nobody listens."""


def live_session() -> LiveSession:
    """The live session of this browser tab."""
    session: LiveSession = st.session_state.setdefault(LiveKey.SESSION, LiveSession())
    return session


def show_switch(key: LiveKey, is_on: bool) -> None:
    """Let a switch, not drawn yet, show what is: that can change without it.

    Written only where it differs: what is written goes out to the browser, and undoes a click that was made
    while the page was being redrawn.
    """
    if st.session_state.get(key, False) != is_on:
        st.session_state[key] = is_on


def choose_live_setup(workspace: Workspace, *, in_browser: bool) -> LiveChoice | None:
    """Let the user choose models, detector and settings; None if there is no model yet.

    Args:
        workspace: where to look.
        in_browser: whether faces are found and read there, which YuNet does.
    """
    with st.container(border=True):
        first = choose_model(workspace)
        if first is None:
            return None
        models = (first, *_choose_second(first, workspace))
        detector = "yunet" if in_browser else choose_detector(workspace)
        prior = choose_prior(models)
        voice = choose_microphone(workspace)
    with st.container(border=True):
        settings = _choose_settings()
    return LiveChoice(models=models, detector=detector, prior=prior, settings=settings, voice=voice)


def _choose_second(first: CheckpointEntry, workspace: Workspace) -> tuple[CheckpointEntry, ...]:
    num_models = len(list_checkpoints(workspace, "image"))
    compare = st.toggle(
        "Compare with a second model",
        key=LiveKey.COMPARE,
        persist_state="session",
        disabled=num_models < 2,
        help="Both see the same faces at the same time, side by side."
        if num_models > 1
        else "There is only one model on this machine.",
    )
    if not compare or num_models < 2:
        return ()
    second = choose_model(workspace, key=LiveKey.SECOND_MODEL, label="Second model")
    if second is None or second.key == first.key:
        st.caption(":material/info: Choose another model to see two side by side.")
        return ()
    return (second,)


def _choose_settings() -> LiveSettings:
    style = choose_style()
    smoothing_s = st.slider(
        "Smoothing",
        0.0,
        2.0,
        TemporalConfig().smoothing_s,
        step=0.1,
        format="%.1f s",
        key=LiveKey.SMOOTHING,
        persist_state="session",
        help="How long a change takes to show: longer is calmer. 0 shows each frame as it is.",
    )
    detect_every = st.select_slider(
        "Look for faces every",
        range(1, 11),
        TemporalConfig().detect_every,
        format_func=lambda number: "frame" if number == 1 else f"{number:d} frames",
        key=LiveKey.DETECT_EVERY,
        persist_state="session",
        help="In between, faces are followed. Rarely costs less; often keeps up with quick movements.",
    )
    mirror = st.toggle(
        "Mirror the picture", value=LiveSettings().mirror, key=LiveKey.MIRROR, persist_state="session"
    )
    return LiveSettings(
        temporal=TemporalConfig(smoothing_s=smoothing_s, detect_every=detect_every),
        style=style,
        mirror=mirror,
    )


def configure_session(session: LiveSession, choice: LiveChoice, workspace: Workspace) -> None:
    """Bring the session to what was chosen; models come from the cache that all sessions share.

    Raises:
        FerError: a model is damaged, or the detector is not installed.
    """
    from fer_core.inference.pipeline import build_pipeline
    from fer_core.inference.threads import limit_threads

    limit_threads()  # before the frames' thread starts, which takes the number over
    predictors = [load_shared_predictor(entry, choice.prior) for entry in choice.models]
    detector, framing = session.detector, predictors[0].info.input.framing
    if getattr(detector, "framing", framing) != framing:
        detector = None  # it depends on the model
    if detector is None or detector.name != choice.detector:
        detector = build_pipeline(choice.detector, predictors[0], workspace, is_stream=True).detector
    session.configure(detector, predictors, choice.settings)
    session.listen(None if choice.voice is None else load_shared_voice(choice.voice))


def load_ice_servers() -> list[dict[str, Any]]:
    """The STUN and TURN servers that a person configured; none by default, and then nobody is contacted.

    Raises:
        ConfigError: what was configured can't be used.
    """
    if configured := os.environ.get(ICE_VARIABLE, "").strip():
        return parse_ice_servers(configured, source=ICE_VARIABLE)
    section, name = _ICE_SECRET
    if st.secrets.load_if_toml_exists() and section in st.secrets and name in st.secrets[section]:
        value = [_plain(item) for item in st.secrets[section][name]]
        return parse_ice_servers(value, source=f"{name} in [{section}] of secrets.toml")
    return []


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def build_rtc_configuration() -> dict[str, Any]:
    """What the browser and the server are told about ICE servers.

    `iceServers` is always there, even if empty: left out, streamlit-webrtc asks services on the internet for
    servers, and sends them the `HF_TOKEN` of the environment.

    Raises:
        ConfigError: the configured servers can't be used.
    """
    return {"iceServers": load_ice_servers()}


FramesCallback = Callable[["list[av.VideoFrame]"], Awaitable["list[av.VideoFrame]"]]


def build_frames_callback(session: LiveSession) -> FramesCallback:
    """Make the function that the frames' thread calls with all frames since its last call."""

    async def on_frames(frames: "list[av.VideoFrame]") -> "list[av.VideoFrame]":
        # The queue's older frames are left out on purpose: a slow model then shows now, not a while ago.
        return [session.process_video_frames(frames)]

    return on_frames


def render_camera(
    session: LiveSession, ratio: float, rtc_configuration: dict[str, Any], *, hears: bool
) -> bool:
    """Show the camera, in a box of this width by height, with its buttons; returns whether it plays.

    Args:
        session: takes the frames.
        ratio: width by height of the box.
        rtc_configuration: see `build_rtc_configuration`.
        hears: whether the microphone is asked for, too; a camera that was started otherwise stops.
    """
    from streamlit_webrtc import webrtc_streamer

    _keep_playing()
    is_other = st.session_state.get(Key.HEARS, hears) != hears
    context = webrtc_streamer(
        key=LiveKey.CAMERA,
        queued_video_frames_callback=build_frames_callback(session),
        on_video_ended=session.release,
        rtc_configuration=rtc_configuration,
        media_stream_constraints={**_CONSTRAINTS, "audio": MICROPHONE if hears else False},
        sink_audio_track=open_microphone(session) if hears else None,
        desired_playing_state=False if is_other else None,
        video_html_attrs=_video_attributes(ratio),
        translations=_BUTTONS,
        media_toggle_controls=False,
        async_processing=True,
    )
    if not context.state.playing:
        st.session_state.pop(Key.HEARS, None)
        if is_other:
            st.rerun()  # as long as the page decides whether it plays, it has no button
    elif not is_other:
        st.session_state[Key.HEARS] = hears
    return bool(context.state.playing)


def _keep_playing() -> None:
    """Don't let streamlit-webrtc take quick changes in a row for a visit to another page.

    It stops the camera where Streamlit counts more than one complete run since it was drawn last. Streamlit
    counts a run a moment after its end, though: two that follow quickly are counted together (streamlit 1.67,
    streamlit-webrtc 0.79, findings/streamlit_webrtc_stops_after_quick_runs.sh). Its value is there only if
    the last complete run drew it; Streamlit drops it while another page is shown.
    """
    from streamlit_webrtc.component import generate_frontend_component_key

    context = st.session_state.get(LiveKey.CAMERA)
    if context is not None and generate_frontend_component_key(LiveKey.CAMERA) in st.session_state:
        context._last_rendered_run_count = None


def _video_attributes(ratio: float) -> dict[str, Any]:
    # A fixed shape: WebRTC changes the picture's size as the link allows, and the page must not jump with it.
    style = {
        "display": "block",
        "width": f"min(100%, {_MAX_HEIGHT_PX * ratio:.0f}px)",
        "marginInline": "auto",
        "aspectRatio": f"{ratio:.3f}",
        "objectFit": "contain",
        "borderRadius": "0.6rem",
        "backgroundColor": "#101318",
    }
    return {"autoPlay": True, "controls": False, "muted": True, "playsInline": True, "style": style}


def lacks_secure_origin(url: str | None) -> bool:
    """Whether browsers will refuse the camera to a page at `url`: plain http, from another computer."""
    parts = urlsplit(url or "")
    is_local = parts.hostname in (None, "localhost", "127.0.0.1", "::1") or str(parts.hostname).endswith(
        ".localhost"
    )
    return parts.scheme == "http" and not is_local
