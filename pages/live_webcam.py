"""Live webcam: apparent expressions of the faces in front of this computer's camera."""

from collections.abc import Sequence

import streamlit as st

from app.live_webcam.camera import (
    LiveChoice,
    LiveKey,
    build_rtc_configuration,
    choose_live_setup,
    configure_session,
    lacks_secure_origin,
    live_session,
    render_camera,
)
from app.live_webcam.collect import render_collect
from app.live_webcam.consent import ask_consent, has_consent, offer_withdrawal
from app.live_webcam.in_browser import render_in_browser
from app.live_webcam.microphone import render_voice
from app.live_webcam.place import ON_SERVER as SERVER_TITLE
from app.live_webcam.place import choose_place
from app.live_webcam.readout import REMOTE, picture_ratio, render_actions, render_pace, render_reading
from app.shared.browser_needs import explain_missing
from app.shared.messages import RESPONSIBLE_USE, show_error
from app.shared.navigation import LIVE_WEBCAM
from app.shared.page_header import page_header
from app.shared.run_data import name_model
from app.shared.session_end import at_session_end
from fer_core.browser.consent import HEARD_IN_BROWSER, HEARD_ON_SERVER, IN_BROWSER, ON_SERVER
from fer_core.errors import FerError
from fer_core.workspace import Workspace


def main() -> None:
    page_header("Live webcam", "Point the camera at a face and watch its **apparent expression**.")
    workspace = Workspace.default()
    if lacks_secure_origin(st.context.url):
        st.warning(
            "Browsers give no camera to a page from another computer over plain `http://`. "
            "See *From another computer* below.",
            icon=":material/lock_open:",
        )
    video, side = st.columns([5, 3], gap="large")
    with side:
        in_browser = choose_place(workspace)
        reading = st.container()
        choice = choose_live_setup(workspace, in_browser=in_browser)
    if choice is not None and in_browser:
        with video:
            _render_in_browser(choice, workspace)
    elif choice is not None:
        with video:
            playing = _render_stream(choice, workspace)
        if playing:
            names = [name_model(entry.key, workspace).removesuffix("/best") for entry in choice.models]
            with reading:
                render_reading(live_session(), names)
                if choice.voice is not None:
                    render_voice(live_session())
    with st.expander("From another computer: HTTPS and TURN", icon=":material/lan:"):
        st.markdown(REMOTE)
    st.caption(RESPONSIBLE_USE)


def _render_in_browser(choice: LiveChoice, workspace: Workspace) -> None:
    if explain_missing(workspace, SERVER_TITLE, LIVE_WEBCAM.address()):
        return
    if not _is_agreed(IN_BROWSER, HEARD_IN_BROWSER, choice):
        return
    try:
        render_in_browser(choice, workspace)
    except FerError as error:
        show_error(error)
        return
    offer_withdrawal(disabled=False)


def _is_agreed(seen: Sequence[str], heard: Sequence[str], choice: LiveChoice) -> bool:
    """Whether everyone in view, and everyone who is heard, agreed; else the question is shown."""
    if not has_consent(seen):
        ask_consent(seen)
        return False
    if choice.voice is not None and not has_consent(heard, microphone=True):
        ask_consent(heard, microphone=True)
        return False
    return True


def _render_stream(choice: LiveChoice, workspace: Workspace) -> bool:
    """Show the camera and what goes with it; returns whether it plays."""
    if not _is_agreed(ON_SERVER, HEARD_ON_SERVER, choice):
        return False
    session = live_session()
    at_session_end(LiveKey.SESSION, session.close)
    try:
        rtc_configuration = build_rtc_configuration()
    except FerError as error:
        show_error(error)
        return False
    try:
        configure_session(session, choice, workspace)
    except FerError as error:
        show_error(error)
        if not session.is_ready:
            return False  # else the models that ran before go on
    ratio = picture_ratio(session, len(choice.models) * 4 / 3)
    playing = render_camera(session, ratio, rtc_configuration, hears=choice.voice is not None)
    offer_withdrawal(disabled=playing)
    render_actions(session, playing=playing)
    render_collect(session, choice, workspace, playing=playing)
    render_pace(session, playing=playing, ratio=ratio)
    return playing


if __name__ == "__main__":
    main()
