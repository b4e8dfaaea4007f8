"""The question that comes before the camera: asked once per session, and again when asked for."""

from typing import Final

import streamlit as st

from app.live_webcam.state import Key
from app.shared.navigation import RESPONSIBLE_USE

QUESTION: Final[str] = (
    "- **Who is in view?** Film only people who know that a program reads their faces, and who agreed.\n"
    "- **What is it?** A model's reading of **apparent expressions**, often wrong, and no measure of what "
    "anyone feels. At work and in schools, inferring emotions is prohibited in the EU, medical and safety "
    "reasons aside.\n"
    "- **Where does it go?** To the computer that runs this page and nowhere else. It is analyzed in memory; "
    "nothing is stored unless you record."
)
AGREE: Final[str] = "Everyone in view agreed"


def has_consent() -> bool:
    """Whether the user said in this session that everyone in view agreed."""
    return bool(st.session_state.get(Key.CAMERA_CONSENT, False))


def ask_consent() -> None:
    """Ask, in the place of the camera."""
    with st.container(border=True):
        st.markdown("##### :material/privacy_tip: Before the camera starts")
        st.markdown(QUESTION)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(AGREE, type="primary", icon=":material/check:", key="live-consent", on_click=_agree)
            st.page_link(RESPONSIBLE_USE.build(), label="Read more")


def offer_withdrawal(*, disabled: bool) -> None:
    """A way to be asked anew, for example when somebody joins.

    Args:
        disabled: while the camera plays: its own button stops it.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(":material/check: You said that everyone in view agreed.", width="content")
        st.button(
            "Ask again",
            type="tertiary",
            key="live-ask-again",
            on_click=_withdraw,
            disabled=disabled,
            help="Stop the camera first." if disabled else "When somebody joins, or changes their mind.",
        )


def _agree() -> None:
    st.session_state[Key.CAMERA_CONSENT] = True


def _withdraw() -> None:
    st.session_state[Key.CAMERA_CONSENT] = False
