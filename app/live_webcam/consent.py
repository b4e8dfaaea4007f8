"""The question that comes before the camera: asked once per session, and again when asked for."""

from collections.abc import Sequence

import streamlit as st

from app.live_webcam.state import Key
from app.shared.navigation import RESPONSIBLE_USE
from fer_core.browser.consent import AGREE, AGREE_HEARD


def has_consent(points: Sequence[str], *, microphone: bool = False) -> bool:
    """Whether the user said in this session that everyone agreed, having read just this."""
    return bool(st.session_state.get(_key(microphone)) == tuple(points))


def ask_consent(points: Sequence[str], *, microphone: bool = False) -> None:
    """Ask, in the place of the camera.

    Args:
        points: what is read before, as Markdown.
        microphone: whether it is about who is heard, not about who is seen.
    """
    title, agree = ("microphone listens", AGREE_HEARD) if microphone else ("camera starts", AGREE)
    with st.container(border=True):
        st.markdown(f"##### :material/privacy_tip: Before the {title}")
        st.markdown("\n".join(f"- {point}" for point in points))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                agree,
                type="primary",
                icon=":material/check:",
                key="live-consent-microphone" if microphone else "live-consent",
                on_click=_agree,
                args=(tuple(points), _key(microphone)),
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


def _key(microphone: bool) -> Key:
    return Key.MICROPHONE_CONSENT if microphone else Key.CAMERA_CONSENT


def _agree(points: tuple[str, ...], key: Key) -> None:
    st.session_state[key] = points


def _withdraw() -> None:
    for key in (Key.CAMERA_CONSENT, Key.MICROPHONE_CONSENT):
        st.session_state.pop(key, None)
