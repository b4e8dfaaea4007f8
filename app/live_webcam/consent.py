"""The question that comes before the camera: asked once per session, and again when asked for."""

from collections.abc import Sequence

import streamlit as st

from app.live_webcam.state import Key
from app.shared.navigation import RESPONSIBLE_USE
from fer_core.browser.consent import AGREE


def has_consent(points: Sequence[str]) -> bool:
    """Whether the user said in this session that everyone in view agreed, having read just this."""
    return bool(st.session_state.get(Key.CAMERA_CONSENT) == tuple(points))


def ask_consent(points: Sequence[str]) -> None:
    """Ask, in the place of the camera.

    Args:
        points: what is read before, as Markdown.
    """
    with st.container(border=True):
        st.markdown("##### :material/privacy_tip: Before the camera starts")
        st.markdown("\n".join(f"- {point}" for point in points))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                AGREE,
                type="primary",
                icon=":material/check:",
                key="live-consent",
                on_click=_agree,
                args=(tuple(points),),
            )
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


def _agree(points: tuple[str, ...]) -> None:
    st.session_state[Key.CAMERA_CONSENT] = points


def _withdraw() -> None:
    del st.session_state[Key.CAMERA_CONSENT]
